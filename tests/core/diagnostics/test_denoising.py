import math

import pytest
import torch

from molgen.core.diagnostics.denoising import calibration, denoising
from molgen.core.diagnostics.subject import Effort, noised_levels

EFFORT = Effort(levels=5, points=0, draws=4000, drawn=0)


def test_error_and_implied_error_of_a_gaussian(gaussian_data, generator, quiet):
    """Both are v / (v + s^2) of data of variance v, in share of the noise."""
    data = gaussian_data([0.5, 0.5, 0.5])
    subject = data.subject(count=4000)
    for level in noised_levels(subject, 5, 4000, generator, quiet):
        found = calibration(subject, level)["x"]
        s2 = data.process.noise(level.t[:1]).square().item()
        exact = 0.25 / (0.25 + s2)
        assert abs(found.error.value - exact) < 4 * found.error.error
        assert abs(found.implied.value - exact) < 4 * found.implied.error
        assert abs(found.bias.value) < 4 * found.bias.error


def test_a_score_too_long_is_too_sure_by_as_much(gaussian_data, score_only, generator, quiet):
    """Of (1 + e) s: <s', s' - c> = e (1 + e) E|s|^2 and |s' - c|^2 = |s - c|^2 + e^2 E|s|^2."""
    e = 0.2
    data = gaussian_data([1.0] * 4)
    subject = data.subject(score_only(data, lambda score, batch, t: (1 + e) * score), count=4000)
    for level in noised_levels(subject, 5, 4000, generator, quiet):
        found = calibration(subject, level)["x"]
        s2 = data.process.noise(level.t[:1]).square().item()
        length2, left = s2 / (1 + s2), 1 / (1 + s2)
        error = left + e**2 * length2
        exact = e * (1 + e) * length2 / math.sqrt((1 + e) ** 2 * length2 * error)
        assert abs(found.bias.value - exact) < 4 * found.bias.error + 0.02 * exact
        assert abs(found.error.value - error) < 4 * found.error.error


@pytest.mark.parametrize("name", ["Brownian SO3", "VP Symmetric", "SubVP Centred"])
def test_the_exact_score_is_calibrated_on_every_manifold(
    name, case_of, subject_of, generator, quiet
):
    case = case_of(name, 1)
    subject = subject_of(case, 1500)
    for level in noised_levels(subject, 4, 1500, generator, quiet):
        found = next(iter(calibration(subject, level).values()))
        assert abs(found.bias.value) < 4 * found.bias.error


def test_the_verdict_says_which_way_it_errs(gaussian_data, score_only, generator, quiet):
    data = gaussian_data([1.0] * 4)
    found = {}
    for factor in (0.5, 1.0, 2.0):
        model = score_only(data, lambda score, batch, t, by=factor: by * score)
        found[factor] = denoising(data.subject(model, count=4000), EFFORT, generator, quiet)
    assert "understates" in found[0.5].verdict
    assert "It knows" in found[1.0].verdict
    assert "overstates" in found[2.0].verdict
    assert [one.mood for one in found.values()] == ["poor", "good", "poor"]


def test_fields_are_told_apart(case_of, subject_of, generator, quiet):
    subject = subject_of(case_of("joint", 1), 300)
    effort = Effort(levels=2, points=0, draws=300, drawn=0)
    found = denoising(subject, effort, generator, quiet)
    names = [line.name for line in found.plots[1].lines]
    assert names == ["bias, pos", "bias, adj", "bias, rot"]
    assert torch.isfinite(torch.tensor([line.y for line in found.plots[1].lines])).all()
