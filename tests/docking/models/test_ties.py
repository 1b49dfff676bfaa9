"""The anchors of fragments: an energy, exact where fragments are points, useful elsewhere."""

import math

import pytest
import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.manifolds import so3
from molgen.docking.data.system import System, anchors, as_batch, loose_bonds, points
from molgen.docking.models.ties import Ties
from tests.docking.toys import SPREAD, assembled, denoising_losses, processes, two_points


def tied(ties: Ties, batch: Batch, s: float, r: float) -> tuple[Tensor, Tensor, Tensor]:
    """What they say at one noise of the centres and one of the orientations."""
    like = batch.state["trans"]
    noises = like.new_full((batch.graphs,), s), like.new_full((batch.graphs,), r)
    answer: tuple[Tensor, Tensor, Tensor] = ties(
        points(batch.state, batch.given), batch.state, batch.given, *noises
    )
    return answer


def loosened(made: System) -> System:
    """Without the last anchor: its fragments are held by the length of their bond alone."""
    last = anchors(made).nonzero()[-1, 0]
    kept = torch.arange(len(made.links)) != last
    return made.replace(
        links=made.links[kept],
        link_kinds=made.link_kinds[kept],
        link_lengths=made.link_lengths[kept],
    )


def noised(copies: int = 4) -> Batch:
    """Poses that are moved a little off their links, of which some are loose; in double."""
    made = [loosened(assembled(seed)) for seed in range(3)]
    batch = as_batch(made, copies).to("cpu", torch.float64)
    assert batch.given["anchor_mask"].any()
    assert batch.given["loose_mask"].any()
    generator = torch.Generator().manual_seed(1)
    shift, turn = (
        0.1 * torch.randn(batch.state["trans"].shape, generator=generator, dtype=torch.float64)
        for _ in range(2)
    )
    return batch.replace(trans=batch.state["trans"] + shift, rot=batch.state["rot"] @ so3.exp(turn))


def test_points_on_each_other_have_the_gaussian_of_their_noise() -> None:
    batch = as_batch([two_points()]).to("cpu", torch.float64)
    ties, s, r = Ties(SPREAD).double(), 0.1, 0.3
    own = ties.log_deviation[0].exp() ** 2 + (ties.log_sagitta[0].exp() * r**2) ** 2
    together, free = 2 * s**2 + own, 2 * (s**2 + SPREAD**2) + own
    fade = 1 / (1 + (r / ties.log_limit.exp()) ** 4)
    between = torch.tensor([0.1, -0.2, 0.05], dtype=torch.float64)
    square = between.square().sum()
    expected = 1 / together - 1 / free
    expected = fade * 0.5 * (square * expected + 3 * torch.log(together / free))
    energy, force, torque = tied(ties, batch, s, r)
    assert torch.allclose(energy[0], expected, rtol=1e-6)
    pull = fade * (1 / together - 1 / free) * between
    assert torch.allclose(force[0], torch.stack([pull, -pull]), rtol=1e-6)
    assert not torque.any()


def test_points_with_a_bond_have_the_gaussian_of_its_length() -> None:
    one = two_points().replace(link_kinds=torch.tensor([0]), link_lengths=torch.tensor([0.15]))
    batch = as_batch([one]).to("cpu", torch.float64)
    ties, s, r = Ties(SPREAD).double(), 0.1, 0.3
    own = ties.log_deviation[1].exp() ** 2 + (ties.log_sagitta[1].exp() * r**2) ** 2
    bonded, free = 2 * s**2 + own, 2 * (s**2 + SPREAD**2) + own
    fade = 1 / (1 + (r / ties.log_limit.exp()) ** 4)
    between = torch.tensor([0.1, -0.2, 0.05], dtype=torch.float64)
    excess = between.norm() - 0.15
    expected = fade * 0.5 * (excess**2 * (1 / bonded - 1 / free) + torch.log(bonded / free))
    energy, force, _ = tied(ties, batch, s, r)
    assert torch.allclose(energy[0], expected, rtol=1e-5)
    pull = fade * (1 / bonded - 1 / free) * excess * between / between.norm()
    assert torch.allclose(force[0], torch.stack([pull, -pull]), rtol=1e-5)


def test_bonds_are_loose_where_no_anchor_holds_the_same_two_fragments() -> None:
    made = assembled(0)
    assert not loose_bonds(made).any()
    bonds = (made.link_kinds == 0).nonzero()[:, 0]
    assert loose_bonds(loosened(made)).nonzero()[:, 0].tolist() == [bonds[-1].item()]


def test_forces_and_torques_are_the_derivatives_of_the_energy() -> None:
    batch, ties = noised(), Ties(SPREAD).double()
    shift = torch.zeros_like(batch.state["trans"]).requires_grad_()
    turn = torch.zeros_like(shift).requires_grad_()
    moved = batch.replace(
        trans=batch.state["trans"] + shift, rot=batch.state["rot"] @ so3.exp(turn)
    )
    energy, force, torque = tied(ties, moved, 0.05, 0.25)
    by_shift, by_turn = torch.autograd.grad(energy.sum(), (shift, turn))
    assert min(force.abs().max(), torque.abs().max()) > 1
    assert torch.allclose(force, -by_shift, rtol=1e-8, atol=1e-8)
    assert torch.allclose(torque, -by_turn, rtol=1e-8, atol=1e-8)


def test_the_energy_of_a_pose_that_is_moved_as_a_whole_is_the_same() -> None:
    batch, ties = noised(1), Ties(SPREAD).double()
    turn = so3.exp(torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64))
    away = torch.tensor([0.2, 0.1, -0.4], dtype=torch.float64)
    moved = batch.replace(
        trans=batch.state["trans"] @ turn.mT + away, rot=turn @ batch.state["rot"]
    )
    one, other = (tied(ties, each, 0.05, 0.25)[0] for each in (batch, moved))
    assert torch.allclose(one, other, rtol=1e-10)


def test_what_is_held_has_no_noise_to_share() -> None:
    # The first of two points is known: the other is as far off as its own noise allows.
    batch = as_batch([two_points()]).to("cpu", torch.float64)
    batch = Batch(batch.state, batch.rows, {**batch.given, "held": torch.tensor([[True, False]])})
    ties, s, r = Ties(SPREAD).double(), 0.1, 0.3
    own = ties.log_deviation[0].exp() ** 2 + (ties.log_sagitta[0].exp() * r**2) ** 2
    fade = 1 / (1 + (r / ties.log_limit.exp()) ** 4)
    _, force, _ = tied(ties, batch, s, r)
    expected = fade * (1 / (s**2 + own) - 1 / (s**2 + SPREAD**2 + own)) * 0.2
    assert math.isclose(force[0, 1, 1].item(), expected.item(), rel_tol=1e-6)
    assert not force[0, 0].any()


@pytest.mark.parametrize("level", [0.02, 0.05, 0.1])
def test_anchors_denoise_better_than_nothing_at_small_and_middling_noise(level: float) -> None:
    made, ties = processes(), Ties(SPREAD)

    def score(noisy: Batch, t: Tensor) -> dict[str, Tensor]:
        s, r = made["trans"].noise(t), made["rot"].noise(t)
        _, force, torque = ties(points(noisy.state, noisy.given), noisy.state, noisy.given, s, r)
        return {"trans": force, "rot": torque}

    for without, with_ties in denoising_losses(score, level).values():
        assert with_ties < 0.9 * without


def test_they_are_silent_at_the_prior() -> None:
    batch, ties = as_batch([assembled(0)]), Ties(SPREAD)
    with torch.no_grad():
        low, high = (tied(ties, batch, s, r)[0].abs().item() for s, r in ((0.05, 0.3), (0.8, 3.0)))
    assert high < 0.02 * low
