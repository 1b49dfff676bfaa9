import math

import pytest
import torch

from molgen.core.diagnostics.gauge import acting_error, gauge, per_level
from molgen.core.diagnostics.subject import Effort, noised_levels

EFFORT = Effort(levels=4, points=0, draws=3000, drawn=0)


def levels(subject, generator, quiet):
    return noised_levels(subject, EFFORT.levels, EFFORT.draws, generator, quiet)


def turned(rate):
    """Adds rate J s with J s the score turned by a right angle: div(q J grad log q) = 0."""

    def change(score, batch, t):
        return score + rate * torch.stack([-score[..., 1], score[..., 0]], -1)

    return change


def test_of_the_exact_score_nothing_acts(gaussian_data, generator, quiet):
    subject = gaussian_data([1.0, 0.4]).subject(count=3000)
    for level in levels(subject, generator, quiet):
        found, square = acting_error(subject, level)
        # fitted to chance it falls below zero, by some 24 functions / 1500 points of the rest
        assert -0.05 * square - 0.05 / level.noise**2 < found.value < 4 * found.error


def test_an_error_in_length_acts_in_full(gaussian_data, score_only, generator, quiet):
    """e s is the gradient of e log q, half a square: its mean square is e^2 E|s|^2."""
    e = 0.3
    data = gaussian_data([1.0, 1.0])
    subject = data.subject(score_only(data, lambda score, batch, t: (1 + e) * score), count=3000)
    for level in list(levels(subject, generator, quiet))[1:]:  # the least noise drowns it
        found, _ = acting_error(subject, level)
        t = level.t[:1]
        s2, g2 = (part(t).square().item() for part in (data.process.noise, data.process.diffusion))
        exact = g2 * e**2 * 2 / (1 + s2)
        left = g2 * 2 / s2 / (1 + s2)  # what chance leaves of c, on which 24 functions feed
        assert abs(found.value - exact) < 4 * found.error + 0.03 * exact + 0.03 * left
        assert found.value > 0.5 * exact - 0.03 * left


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_a_gauge_field_does_not_act(gaussian_data, score_only, generator, quiet, rate):
    """As large as the score itself or more, and yet no error of the density."""
    data = gaussian_data([1.0, 0.5])
    subject = data.subject(score_only(data, turned(rate)), count=3000)
    found = gauge(subject, EFFORT, generator, quiet)
    assert found.mood == "good"
    assert "No error" in found.verdict


def test_the_verdict_sees_what_acts_beside_a_gauge_field(
    gaussian_data, score_only, generator, quiet
):
    data = gaussian_data([1.0, 1.0])
    change = turned(0.5)
    model = score_only(data, lambda score, batch, t: change(1.5 * score, batch, t))
    found = gauge(data.subject(model, count=3000), EFFORT, generator, quiet)
    assert found.mood in ("fair", "poor")
    assert "costs at least" in found.verdict


def test_nats_are_those_of_two_gaussians_apart(gaussian_data, generator, quiet):
    """Data at a against a model of data at 0: KL = a^2 / 2, as the sum over all noise.

    E|error|^2 = a^2 / (1 + s^2)^2 of the score, and s^2 of that over d log s from 0 to infinity.
    """
    a = 0.7
    data = gaussian_data([1.0])
    subject = data.subject(count=10)
    total, last = 0.0, None
    for level in noised_levels(subject, 200, 10, generator, quiet):
        s2 = data.process.noise(level.t[:1]).square().item()
        g2 = data.process.diffusion(level.t[:1]).square().item()
        from molgen.core.diagnostics.finding import Estimate

        rate = per_level(subject, level, Estimate(g2 * a**2 / (1 + s2) ** 2, 0.0)).value
        if last is not None:
            total += 0.5 * (rate + last[1]) * math.log(level.noise / last[0])
        last = level.noise, rate
    assert math.isclose(total, a**2 / 2, rel_tol=1e-3)


def test_few_data_are_not_learned_by_heart(gaussian_data, generator, quiet):
    """Thousands of noised forms of 20 data: halves must not share a datum."""
    subject = gaussian_data([1.0, 1.0]).subject(count=20)
    found = gauge(subject, EFFORT, generator, quiet)
    assert found.mood == "good"


@pytest.mark.parametrize("name", ["Brownian SO3", "VP Symmetric", "joint"])
def test_other_manifolds(name, case_of, subject_of, score_only, generator, quiet):
    """Nothing acts of the exact score; of one half too long, something does."""
    case = case_of(name, 1)
    effort = Effort(levels=3, points=0, draws=600, drawn=0)
    exact, long = (
        gauge(
            subject_of(case, 600, score_only(case.model, lambda score, b, t, by=by: by * score)),
            effort,
            generator,
            quiet,
        )
        for by in (1.0, 1.5)
    )
    assert "No error" in exact.verdict
    assert "costs at least" in long.verdict
