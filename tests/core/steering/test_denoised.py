"""The denoised estimate is the posterior mean where that is known."""

import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.manifolds import so3
from molgen.core.processes.brownian import Brownian
from molgen.core.steering.denoised import Remembered, denoised


def test_of_a_gaussian_it_is_the_posterior_mean(case_of):
    """D = mean + m v / (m^2 v + s^2) (x - m mean), on every flat manifold and for every process."""
    for name in ("VP Euclidean", "VE Centred", "SubVP Symmetric"):
        case = case_of(name, 1)
        generator = torch.Generator().manual_seed(0)
        batch, t = case.noised(20, generator, low=0.05)
        found = denoised(case.processes, case.model.score(batch, t), batch, t).state["x"]
        process, field, rows = case.processes["x"], case.model.fields["x"], batch.rows["x"]
        m, s = (rows.spread(part, found) for part in (process.signal(t), process.noise(t)))
        gain = m * field.variance / (m.square() * field.variance + s.square())
        away = process.manifold.project(batch.state["x"] - m * field.means[0], rows)
        # s^2 / m goes up to 1e5 for VE: 1e-16 of it is lost in the sum
        torch.testing.assert_close(found, field.means[0] + gain * away, rtol=0, atol=1e-8)


def test_on_rotations_it_goes_back_to_the_one_that_was_noised():
    """The kernel's score is -a/s^2 along the turn while s is small: s^2 of it undoes the turn."""
    process, generator = Brownian(), torch.Generator().manual_seed(0)
    rows = DenseRows(50, (2,))
    clean = so3.uniform(torch.zeros(50, 2, 3, 3, dtype=torch.float64), generator)
    batch = Batch({"rot": clean}, {"rot": rows})
    t = process.time_of(torch.full((50,), 0.1, dtype=torch.float64))
    corrupted = process.corrupt(clean, t, rows, generator)
    noised = batch.replace(rot=corrupted.x_t)
    found = denoised({"rot": process}, {"rot": corrupted.score}, noised, t).state["rot"]
    left = so3.log(clean.mT @ found).norm(dim=-1)
    # the score is -a/s^2 (1 + s^2/12 + ...): a turn of .2 comes back to 1e-3
    assert left.max() < 1e-3 < 0.1 < so3.log(clean.mT @ corrupted.x_t).norm(dim=-1).mean()


def test_probabilities_of_categories_come_out_of_the_score(enumerated):
    generator = torch.Generator().manual_seed(0)
    batch, t = enumerated.empty(30), torch.linspace(0.05, 1, 30, dtype=torch.float64)
    batch = batch.replace(
        x=torch.randn(batch.state["x"].shape, generator=generator, dtype=torch.float64)
    )
    found = denoised(enumerated.processes, enumerated.score(batch, t), batch, t)
    p = enumerated.categories.probabilities(found.state["x"])
    torch.testing.assert_close(
        p, enumerated.log_probabilities(batch, t)["x"].exp(), rtol=0, atol=1e-6
    )


def test_a_state_is_asked_for_once_and_taken_along(tilted):
    calls = []

    def score(batch, t):
        calls.append(batch.graphs)
        return tilted.model.score(batch, t)

    remembered = Remembered(score)
    batch, t = tilted.draw(3).shapes, torch.full((3,), 0.5, dtype=torch.float64)
    batch = batch.replace(x=torch.arange(3.0, dtype=torch.float64).reshape(3, 1, 1))
    remembered(batch, t)
    taken = remembered.take(batch, torch.tensor([2, 2, 0]))
    found = remembered(taken, t)["x"]
    assert calls == [3]
    assert remembered.evaluations == 3
    assert torch.equal(found, tilted.model.score(taken, t)["x"])
    remembered(taken, 0.5 * t)
    assert calls == [3, 3]
