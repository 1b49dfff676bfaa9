import math

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.diagnostics.dimension import dimension, local_dimension, not_seen
from molgen.core.diagnostics.spectrum import across, singular_values, spectrum
from molgen.core.diagnostics.subject import Effort, Subject, noised_levels
from molgen.core.processes import VE

RADIUS = 2.0


class Sphere:
    """Uniform on a circle or a sphere of `RADIUS` about the origin of three dimensions.

    On the sphere log q = -(r^2 + R^2) / 2s^2 + log sinh(a) / a, on the circle log I_0(a) with r the
    distance from its axis, a = R r / s^2.
    """

    def __init__(self, dimensions):
        self.dimensions = dimensions
        self.processes = {"x": VE(sigma_min=0.01, sigma_max=100.0)}

    def data(self, count):
        generator = torch.Generator().manual_seed(99)
        x = torch.randn(count, 3, generator=generator, dtype=torch.float64)
        if self.dimensions == 1:
            x[:, 2] = 0
        x = RADIUS * x / x.norm(dim=1, keepdim=True)
        return Batch({"x": x[:, None]}, {"x": DenseRows(count, (1,))})

    def score(self, batch, t):
        x = batch.state["x"]
        s2 = self.processes["x"].noise(t).square()[:, None, None]
        part = x if self.dimensions == 2 else torch.cat([x[..., :2], 0 * x[..., 2:]], -1)
        r = part.square().sum(-1, keepdim=True).clamp_min(1e-24).sqrt()
        a = RADIUS * r / s2
        if self.dimensions == 2:
            small = a < 1e-2
            safe = torch.where(small, 1.0, a)
            slope = torch.where(small, a / 3, 1 / torch.tanh(safe) - 1 / safe)
        else:
            slope = torch.special.i1e(a) / torch.special.i0e(a)
        return {"x": -x / s2 + RADIUS / s2 * slope * part / r}

    def subject(self, count=12):
        return Subject(self, self.processes, self.data(count), True)


def flat(stds, gaussian_data):
    return gaussian_data(stds).subject(count=12)


def time_of(subject, noise):
    process = subject.processes["x"]
    return process.time_of(torch.tensor(noise, dtype=torch.float64)).item()


@pytest.mark.parametrize("dimensions", [1, 2])
def test_subspaces_of_three_dimensions(dimensions, gaussian_data, generator):
    """Of width 1 in some directions and none in the others, at a noise of 0.02: to 0.02^2."""
    subject = flat([1.0] * dimensions + [0.0] * (3 - dimensions), gaussian_data)
    time = time_of(subject, 0.02)
    found = local_dimension(subject, subject.clean, time, generator)
    assert ((found - dimensions).abs() < 5e-3).all()
    counted = spectrum(subject, time, generator)
    assert counted.dimensions == [dimensions] * 2
    assert counted.gap > 0.8


@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_circle_and_a_sphere(dimensions, generator, quiet):
    """Curved: to the noise over the radius, squared."""
    subject = Sphere(dimensions).subject()
    time = time_of(subject, 0.05)
    found = local_dimension(subject, subject.clean, time, generator)
    assert ((found - dimensions).abs() < 5e-3).all()
    assert spectrum(subject, time, generator).dimensions == [dimensions] * 2
    level = next(
        one
        for one in noised_levels(Sphere(dimensions).subject(400), 9, 400, generator, quiet)
        if one.noise > 0.05
    )
    seen = level.mean(not_seen(subject, level))
    assert abs(seen.value - dimensions) < 4 * seen.error + 0.02


def test_seen_from_afar_everything_is_a_point(gaussian_data, generator):
    for subject in (flat([1.0, 1.0, 0.0], gaussian_data), Sphere(2).subject()):
        found = local_dimension(subject, subject.clean, time_of(subject, 60.0), generator)
        assert (found.abs() < 0.01).all()


def test_thickness_shows_on_its_own_scale(gaussian_data, generator):
    """A plane of thickness 0.05: three dimensions below it, two above."""
    subject = flat([1.0, 1.0, 0.05], gaussian_data)
    clean = subject.clean
    fine, coarse = (
        local_dimension(subject, clean, time_of(subject, noise), generator).mean().item()
        for noise in (0.012, 0.3)
    )
    assert math.isclose(fine, 3, abs_tol=0.1)
    assert math.isclose(coarse, 2, abs_tol=0.25)


def test_probes_agree_with_the_frame(gaussian_data, generator):
    """30 directions, of which 20 are none: a diagonal Jacobian, which probes see with chance."""
    subject = flat([1.0] * 10 + [0.0] * 20, gaussian_data)
    found = local_dimension(subject, subject.clean, time_of(subject, 0.02), generator)
    assert math.isclose(found.mean().item(), 10, abs_tol=1.5)


def test_singular_values_are_those_of_the_matrix_of_scores(gaussian_data, generator):
    data = gaussian_data([1.0, 0.3, 0.1])
    batch = data.data(50)
    t = torch.full((50,), 0.3, dtype=torch.float64)
    score = data.score(batch, t)
    matrix = data.process.noise(t[:1]) * score["x"][:, 0] / 50**0.5
    found = singular_values(data.processes, batch, t, score)
    torch.testing.assert_close(found[:3], torch.linalg.svdvals(matrix))


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1.0, 0.9, 0.1, 0.05], 2),
        ([0.06, 0.05, 0.01], 0),
        ([1.2, 1.0, 0.8], 3),
        ([2.5, 0.9, 0.2], 2),
    ],
)
def test_the_largest_gap_may_be_at_either_end(values, count):
    assert across(torch.tensor(values))[0] == count


def test_the_finding_tells_both(gaussian_data, generator, quiet):
    effort = Effort(levels=4, points=12, draws=100, drawn=0)
    found = dimension(flat([1.0, 1.0, 0.0], gaussian_data), effort, generator, quiet)
    assert "2.0 of 3 directions at the least noise" in found.verdict
    assert [line.name for line in found.plots[0].lines] == [
        "noise not seen",
        "divergence (FLIPD)",
        "spectrum",
    ]


def test_rotations_that_fill_all_directions(case_of, subject_of, generator):
    """Two rotations near known ones: six, below their width and where they may be anything."""
    case = case_of("Brownian SO3", 1)
    subject = subject_of(case, 8)
    fine = local_dimension(subject, subject.clean, 0.0, generator).mean().item()
    coarse = local_dimension(subject, subject.clean, 1.0, generator).abs().max().item()
    # a width of 0.2 at a noise of 0.05: 6 (1 - 0.05^2 / 0.2^2 + ...) by chance of the point
    assert math.isclose(fine, 6, abs_tol=0.8)
    # uniform: nothing grows any more, and all six are filled
    assert math.isclose(coarse, 6, abs_tol=0.2)
