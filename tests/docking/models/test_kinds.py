"""Models of poses: symmetric, exact gradients, no influence of padding or of batch mates."""

import pytest
import torch

from molgen.core.batch import Batch
from molgen.core.manifolds import so3
from molgen.core.models import NormalisedEnergy
from molgen.docking.data.system import as_batch
from molgen.docking.models.energy import PoseCorrection
from molgen.docking.models.kinds import KINDS, PoseModel
from molgen.docking.models.network import PoseNetwork, Shape
from tests.docking.toys import VOCABULARY, processes, system

SMALL = Shape(width=8, pair_width=8, vectors=3, radial=8)


@pytest.fixture(params=list(KINDS))
def model(request: pytest.FixtureRequest) -> PoseModel:
    return built(request.param)


def built(kind: str) -> PoseModel:
    torch.manual_seed(0)
    made = processes()
    model = KINDS[kind](made, PoseNetwork(made, VOCABULARY, SMALL)).double()
    with torch.no_grad():
        for value in model.parameters():  # nothing may hide behind a zero
            value.add_(0.3 * torch.randn_like(value))
    return model.requires_grad_(False)


def batch_of(*sizes: int, copies: int = 1) -> Batch:
    systems = [system(atoms, 2 + k, seed=k) for k, atoms in enumerate(sizes)]
    return as_batch(systems, copies).to("cpu", torch.float64)


def turned(batch: Batch, turn: torch.Tensor, shift: torch.Tensor) -> Batch:
    given = {**batch.given, "pocket": batch.given["pocket"] @ turn.T + shift}
    state = {"trans": batch.state["trans"] @ turn.T + shift, "rot": turn @ batch.state["rot"]}
    return Batch(state, batch.rows, given, batch.ids)


TURN = so3.exp(torch.tensor([0.4, -1.1, 0.7], dtype=torch.float64))


def test_turning_everything_turns_forces_and_leaves_torques_in_the_bodies(model: PoseModel) -> None:
    batch, t = batch_of(9, 9), torch.tensor([0.2, 0.5], dtype=torch.float64)
    batch = batch.take(torch.tensor([1, 1]))
    before = model.score(batch, t)
    after = model.score(turned(batch, TURN, torch.zeros(3)), t)
    assert before["trans"].abs().max() > 0.1
    assert before["rot"].abs().max() > 0.1
    assert torch.allclose(after["trans"], before["trans"] @ TURN.T, atol=1e-9)
    assert torch.allclose(after["rot"], before["rot"], atol=1e-9)


def test_a_reflected_complex_has_the_same_energy() -> None:
    # Proper rotations and reflections: the energy is made of distances and angles alone.
    batch, t = batch_of(9), torch.tensor([0.3], dtype=torch.float64)
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    given = {
        **batch.given,
        "pocket": batch.given["pocket"] @ mirror,
        "body": batch.given["body"] @ mirror,
    }
    rot = mirror @ batch.state["rot"] @ mirror
    other = Batch({"trans": batch.state["trans"] @ mirror, "rot": rot}, batch.rows, given)
    energy = built("energy")
    assert isinstance(energy, NormalisedEnergy)
    assert torch.allclose(energy.energy(batch, t), energy.energy(other, t), atol=1e-9)


def test_a_pose_does_not_know_its_batch_mates(model: PoseModel) -> None:
    t = torch.tensor([0.2, 0.4, 0.6], dtype=torch.float64)
    together = batch_of(6, 14, 9)
    scores = model.score(together, t)
    for k, (atoms, fragments) in enumerate([(6, 2), (14, 3), (9, 4)]):
        one = as_batch([system(atoms, fragments, seed=k)]).to("cpu", torch.float64)
        alone = model.score(one, t[k : k + 1])
        for name, score in scores.items():
            assert torch.allclose(score[k, :fragments], alone[name][0], atol=1e-9), name
            assert not score[k, fragments:].any()


def test_the_score_is_the_slope_of_the_energy_on_se3() -> None:
    energy = built("energy")
    assert isinstance(energy, NormalisedEnergy)
    batch, t = batch_of(9), torch.tensor([0.35], dtype=torch.float64)
    score = energy.score(batch, t)
    generator = torch.Generator().manual_seed(3)
    for name, process in energy.processes.items():
        rows, manifold = batch.rows[name], process.manifold
        v = manifold.noise(batch.state[name], rows, generator)
        ends = [
            energy.energy(batch.replace(**{name: manifold.exp(batch.state[name], h * v, rows)}), t)
            for h in (1e-5, -1e-5)
        ]
        slope = -(ends[0] - ends[1]) / 2e-5
        assert torch.allclose(manifold.inner(score[name], v, rows), slope, rtol=1e-5), name


def test_the_correction_fades_at_the_prior() -> None:
    made = processes()
    correction = PoseCorrection(PoseNetwork(made, VOCABULARY, SMALL))
    batch = as_batch([system()])
    with torch.no_grad():
        correction.out[-1].weight.mul_(100)
    sizes = [correction(batch, torch.tensor([t])).abs().item() for t in (0.3, 1.0)]
    assert sizes[1] < 0.03 * sizes[0]


def test_gradients_reach_every_parameter(model: PoseModel) -> None:
    model.requires_grad_(True)
    batch, t = batch_of(9, 12), torch.tensor([0.2, 0.4], dtype=torch.float64)
    score = model.score(batch, t)
    torch.stack([(value.square()).sum() for value in score.values()]).sum().backward()
    still = [name for name, value in model.named_parameters() if value.grad is None]
    still += [n for n, v in model.named_parameters() if v.grad is not None and not v.grad.any()]
    # Only the energy's constant cannot matter to a score.
    assert set(still) <= {"correction.out.2.bias"}
