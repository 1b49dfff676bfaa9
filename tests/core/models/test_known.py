"""Known rows: what they are is kept, and the rest is drawn given them."""

import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import corrupt
from molgen.core.models.categorical import plainly
from molgen.core.models.known import Inpainted, Known
from molgen.core.solvers import SOLVERS
from molgen.errors import MolgenError

GRAPHS, STEPS = 2000, 40
GIVEN = torch.tensor([0, 1, 2])


def on_the_bridge(name, clean, t, batch):
    """The place of plain replacement: where known rows are."""
    return batch.state[name]


def given(joint):
    """Knowledge of the first three rows, and the exact law of the configurations given it."""
    batch = joint.empty(GRAPHS)
    clean, mask = batch.state["x"].clone(), torch.zeros(GRAPHS, 6, dtype=torch.bool)
    clean[:, :3], mask[:, :3] = joint.categories.encode(GIVEN).double(), True
    known = Known({"x": clean}, {"x": mask})
    known.require_independent(joint.processes, batch)
    exact = joint.weights * (joint.configurations[:, :3] == GIVEN).all(1)
    assert 0.2 < exact.sum() < 0.4  # far from what is drawn anyway
    return known, exact / exact.sum()


def test_the_rest_is_drawn_from_the_exact_conditional_law(enumerated):
    known, exact = given(enumerated)
    place = plainly(enumerated.processes, enumerated.encodings)
    scored = Inpainted(enumerated, enumerated.processes, known, place)
    drawn = enumerated.drawn(scored.score, GRAPHS, STEPS)
    assert (drawn[:, :3] == GIVEN).all()
    # what counting so few leaves (it varies by a third), and steps of finite length
    assert enumerated.distance(drawn, exact) < 1.5 * enumerated.noise(exact, GRAPHS) + 0.005


def test_plain_replacement_is_biased(enumerated):
    known, exact = given(enumerated)
    scored = Inpainted(enumerated, enumerated.processes, known, on_the_bridge)
    drawn = enumerated.drawn(scored.score, GRAPHS, STEPS)
    assert (drawn[:, :3] == GIVEN).all()
    assert enumerated.distance(drawn, exact) > 5 * enumerated.noise(exact, GRAPHS)


def test_the_score_of_the_kernel_is_that_of_every_draw_of_it(mixture):
    generator = torch.Generator().manual_seed(0)
    clean = mixture.data(20, generator)
    t = 0.05 + 0.9 * torch.rand(20, generator=generator, dtype=torch.float64)
    noised, scores, _ = corrupt(mixture.processes, clean, t, generator)
    for name, process in mixture.processes.items():
        found = process.kernel_score(noised.state[name], clean.state[name], t, clean.rows[name])
        torch.testing.assert_close(found, scores[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("solver", ["ancestral", "adams"])
def test_known_rows_end_at_their_values_on_every_manifold(joint, solver):
    generator = torch.Generator().manual_seed(0)
    clean = joint.data(8, generator)
    names = ("adj", "rot")
    pair = torch.zeros(8, 4, 4, dtype=torch.bool)
    pair[:, 0, 1] = pair[:, 1, 0] = True
    turn = torch.tensor([True, False]).expand(8, 2)
    known = Known({name: clean.state[name] for name in names}, {"adj": pair, "rot": turn})
    known.require_independent(joint.processes, clean)
    scored = Inpainted(joint.model, joint.processes, known, on_the_bridge)
    batch = solvers.prior(joint.processes, joint.empty(8), generator)
    times = grids.karras(joint.processes["adj"], 60)
    batch = SOLVERS[solver](joint.processes, scored.score, batch, times, generator)
    for name, mask in known.masks.items():
        process = joint.processes[name]
        v = process.manifold.log(clean.state[name], batch.state[name], clean.rows[name])
        reached, free = v[mask].abs().max(), v.abs().max()
        # what is left is noise of the last time (0.05 rad; 3e-3) and of steps of finite length
        assert reached < 0.25
        assert free > 2 * reached


def test_what_cannot_be_known_by_itself_is_refused(joint):
    batch = joint.data(2, torch.Generator().manual_seed(0))

    def refused(name, mask, message):
        known = Known({name: batch.state.get(name, mask)}, {name: mask})
        with pytest.raises(MolgenError, match=message):
            known.require_independent(joint.processes, batch)

    one_way = torch.zeros(2, 4, 4, dtype=torch.bool)
    one_way[:, 0, 1] = True
    refused("adj", one_way, "pairs with their mirrors")
    refused("pos", torch.tensor([True, False, False, False]).expand(2, 4), "no positions about")
    refused("z", one_way, "there is no field 'z'")


def test_the_model_sees_known_rows_where_it_is_told_to(enumerated):
    seen = []

    class Watched:
        def score(self, batch, t):
            seen.append(batch.state["x"])
            return {"x": torch.zeros_like(batch.state["x"])}

    batch = Batch({"x": torch.ones(1, 2, 3)}, {"x": DenseRows(1, (2,))})
    known = Known({"x": torch.zeros(1, 2, 3)}, {"x": torch.tensor([[True, False]])})
    place = lambda name, clean, t, batch: clean + 5  # noqa: E731
    Inpainted(Watched(), enumerated.processes, known, place).score(batch, torch.ones(1))
    assert seen[0][0].tolist() == [[5, 5, 5], [1, 1, 1]]
