"""Feynman-Kac steering reaches the tilted law and its normaliser; best of n does not."""

import pytest
import torch

from molgen.core.steering.best_of import BestOf
from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.errors import MolgenError, UsageError

# 150 steps of first order leave .01 of the share, measured with 40,000 particles that were never
# chosen among; to it come four standard errors of what the samples show
STEPS = 0.015


def _check(tilted, steered, *, extra=0.0):
    mean, right = tilted.found(steered)
    error = 4 * right.std() / len(right) ** 0.5
    assert error < 0.06
    assert abs(right.mean() - tilted.right) < STEPS + extra + error
    # 2.5 between the means of the two
    assert (
        abs(mean.mean() - tilted.mean) < 2.5 * (STEPS + extra) + 4 * mean.std() / len(mean) ** 0.5
    )
    z = steered.log_normaliser.exp() / torch.tensor(tilted.log_normaliser).exp()
    assert abs(z.mean() - 1) < 0.05 + 4 * z.std() / len(z) ** 0.5


@pytest.mark.parametrize("potential", ["difference", "max", "sum"])
def test_every_potential_reaches_the_tilted_law(tilted, potential):
    """max and sum exaggerate on the way, which takes more particles."""
    gentle = potential == "difference"
    how = FeynmanKac(64 if gentle else 256, every=10 if gentle else 70, potential=potential)
    steered = how(tilted.draw(30))
    assert steered.resampled.mean() >= 1
    _check(tilted, steered)


@pytest.mark.parametrize("solver", ["euler_maruyama", "s4", "predictor_corrector"])
def test_every_stepwise_solver_is_driven(tilted, solver):
    _check(tilted, FeynmanKac(48, every=10)(tilted.draw(40, steps=120, solver=solver)))


def test_best_of_n_does_not_reach_it(tilted):
    """At as many evaluations: all of it on the right, .17 too much and far beyond its mean."""
    _, right = tilted.found(BestOf(64)(tilted.draw(30)))
    assert right.mean() - tilted.right > 0.1


def test_without_choosing_it_is_importance_sampling(tilted):
    """Weights are exp(reward) of the free draws, normalised."""
    steered = FeynmanKac(16, every=10, below=0.0)(tilted.draw(3, steps=20))
    free = BestOf(16)(tilted.draw(3, steps=20))
    assert torch.equal(steered.batch.state["x"], free.batch.state["x"])
    torch.testing.assert_close(steered.log_weights, free.rewards.log_softmax(1))
    assert steered.evaluations == free.evaluations == 16 * 20


def test_a_reward_that_is_no_number_stops_with_sample_and_step(tilted):
    def reward(batch, t):
        return torch.where(t < 0.4, batch.state["x"][:, 0, 0] * torch.nan, 0.0)

    with pytest.raises(MolgenError, match=r"sample 0, step \d+, t = 0\.\d+: the reward is nan"):
        FeynmanKac(4)(tilted.draw(2, steps=20, reward=reward))


def test_a_reward_that_raises_stops_with_the_first_sample_it_cannot_be_asked_of(tilted):
    def reward(batch, t):
        if "1" in batch.ids:
            raise ZeroDivisionError("no\nsuch thing")
        return torch.zeros_like(t)

    with pytest.raises(
        MolgenError, match=r"^sample 1, step 5, t = .*: ZeroDivisionError: no such thing$"
    ):
        FeynmanKac(4)(tilted.draw(3, steps=20, reward=reward))


def test_never_for_all_particles_is_said(tilted):
    def reward(batch, t):
        return torch.full_like(t, -torch.inf)

    with pytest.raises(MolgenError, match=r"sample 0, step 5, .* none of 4 has any weight"):
        FeynmanKac(4)(tilted.draw(2, steps=20, reward=reward))


def test_a_wall_keeps_out(tilted):
    """A reward of -inf on one side: what is left is the law on the other."""

    def reward(batch, t):
        return torch.where(batch.state["x"][:, 0, 0] > 0, 0.0, -torch.inf)

    steered = FeynmanKac(64, every=150)(tilted.draw(20, reward=reward))
    assert steered.batch.state["x"][steered.log_weights.flatten() > -torch.inf].min() > 0
    # the second Gaussian, a fifth of the mass, is to the right of 0 but for .0008 of it
    z = steered.log_normaliser.exp()
    assert abs(z.mean() - 0.2) < 0.01 + 4 * z.std() / 20**0.5


def test_solvers_without_chance_are_refused_with_those_that_can(tilted):
    with pytest.raises(UsageError, match="cannot use heun; choose ancestral, euler_maruyama"):
        FeynmanKac(4)(tilted.draw(2, solver="heun"))
    with pytest.raises(UsageError, match="no potential 'mean'"):
        FeynmanKac(4, potential="mean")
    with pytest.raises(UsageError, match="particles = 0"):
        FeynmanKac(0)
