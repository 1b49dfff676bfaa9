"""What is measured of the training data: scale, and stiff modes that noise broadens simply."""

import json
import math
import warnings

import pytest
import torch

from molgen.errors import UsageError
from molgen.md.models.statistics import Statistics, stiff_modes
from molgen.md.system import load_system


@pytest.fixture(scope="module")
def ala2(ala2):
    return ala2, ala2.mapping("backbone5")


@pytest.fixture(scope="module")
def well():
    system = load_system("double_well_2d")
    return system, system.atoms


def exact_normal(n: int, covariance: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """`[n, k]` whose sample mean is 0 and whose sample covariance is exactly the one given."""
    x = torch.randn(n, len(covariance), generator=generator, dtype=torch.float64)
    x = x - x.mean(0)
    own = torch.linalg.cholesky(x.T @ x / n)
    return (
        torch.linalg.solve_triangular(own, x.T, upper=False).T @ torch.linalg.cholesky(covariance).T
    )


def straight_chain(n: int, covariance: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Three beads in a line of random direction; bond lengths of mean 1 and given covariance."""
    bonds = 1 + exact_normal(n, covariance, generator)
    along = torch.stack([torch.zeros(n).double(), bonds[:, 0], bonds.sum(1)], dim=1)
    direction = torch.randn(n, 1, 3, generator=generator, dtype=torch.float64)
    return along[..., None] * torch.nn.functional.normalize(direction, dim=2)


def modes_of(y, pairs, mean, modes):
    distances = (y[:, pairs[:, 0]] - y[:, pairs[:, 1]]).norm(dim=-1)
    return (distances - mean) @ modes


COVARIANCE = torch.tensor([[9.0, 2.0], [2.0, 4.0]], dtype=torch.float64) * 1e-4


def test_stiff_modes_of_a_straight_chain_are_those_of_its_bonds(generator):
    """C w = v N w with N = [[2, -1], [-1, 2]] the covariance of both bonds under white noise.

    The third distance is the sum of the two: it adds no mode.
    """
    y = straight_chain(2000, COVARIANCE, generator)
    pairs, mean, modes, variance = stiff_modes(y)
    noise = torch.tensor([[2.0, -1.0], [-1.0, 2.0]], dtype=torch.float64)
    expected = torch.linalg.eigvals(torch.linalg.solve(noise, COVARIANCE)).real.sort().values
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    torch.testing.assert_close(mean, torch.tensor([1.0, 2.0, 1.0]).double())
    torch.testing.assert_close(variance, expected)
    M = torch.tensor([[2.0, 1.0, -1.0], [1.0, 2.0, 1.0], [-1.0, 1.0, 2.0]]).double()
    torch.testing.assert_close(modes.T @ M @ modes, torch.eye(2).double())
    z = modes_of(y, pairs, mean, modes)
    torch.testing.assert_close(z.T @ z / len(z), torch.diag(expected))


@pytest.mark.parametrize("beads", [4, 5])
def test_stiff_modes_are_uncorrelated_in_the_data_and_white_in_the_noise(chain, generator, beads):
    """Of bonds and angles; dihedrals are soft, so their distances are left out."""
    n, sigma = 20_000, 0.01
    y = chain(n, beads, generator) / 0.1
    pairs, mean, modes, variance = stiff_modes(y)
    apart = (pairs[:, 1] - pairs[:, 0]).tolist()
    assert apart.count(1) == beads - 1
    assert apart.count(2) == beads - 2
    assert len(apart) == len(variance) == 2 * beads - 3
    z = modes_of(y, pairs, mean, modes)
    torch.testing.assert_close(z.T @ z / n, torch.diag(variance))
    noised = y + sigma * torch.randn(y.shape, generator=generator, dtype=torch.float64)
    change = modes_of(noised, pairs, mean, modes) - z
    # Scatter of a covariance of n; curvature adds (sigma / r)^2 < 1e-4 of it.
    torch.testing.assert_close(
        change.T @ change / n / sigma**2,
        torch.eye(len(variance)).double(),
        atol=5 * math.sqrt(2 / n),
        rtol=0,
    )
    whole = modes_of(noised, pairs, mean, modes)
    expected = variance + sigma**2
    spread = 5 * math.sqrt(2 / n) * expected.max().item()
    torch.testing.assert_close(whole.T @ whole / n, torch.diag(expected), atol=spread, rtol=0)


def test_a_rigid_molecule_has_as_many_modes_as_internal_coordinates(generator):
    """A stiff tetrahedron of 5 beads: 10 distances, 3 x 5 - 6 = 9 modes."""
    shape = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    y = shape + 0.01 * torch.randn(4000, 5, 3, generator=generator, dtype=torch.float64)
    pairs, _, _, variance = stiff_modes(y)
    assert len(pairs) == 10
    assert len(variance) == 9
    # White noise of width 0.01 is all the spread there is; scatter 5 sqrt(2 / 4000), curvature.
    torch.testing.assert_close(variance, torch.full((9,), 1e-4).double(), rtol=0.15, atol=0)


@pytest.mark.parametrize("system", ["ala2", "well"])
def test_normalised_data_have_unit_variance_and_come_back(system, request, chain, generator):
    system, mapping = request.getfixturevalue(system)
    if system.free:
        x = chain(500, 5, generator) + 3.0
    else:
        x = 2 + 0.7 * torch.randn(500, 1, 2, generator=generator, dtype=torch.float64)
    statistics = Statistics.measure(system, mapping, x)
    y = statistics.normalise(x)
    free = 12 if system.free else 2
    assert y.square().sum().item() == pytest.approx(500 * free)
    if system.free:
        torch.testing.assert_close(y.mean(1), torch.zeros(500, 3).double())
        back, expected = statistics.restore(y), x - x.mean(1, keepdim=True)
    else:
        torch.testing.assert_close(y.mean((0, 1)), torch.zeros(2).double())
        back, expected = statistics.restore(y), x
    torch.testing.assert_close(back, expected)


@pytest.mark.parametrize("system", ["ala2", "well"])
def test_statistics_survive_json_exactly(system, request, chain, generator):
    system, mapping = request.getfixturevalue(system)
    x = chain(100, 5, generator) if system.free else torch.randn(100, 1, 2, generator=generator)
    statistics = Statistics.measure(system, mapping, x)
    text = json.dumps(statistics.to_dict())
    assert Statistics.from_dict(json.loads(text)) == statistics
    assert len(statistics.variance) == (7 if system.free else 0)


def test_one_particle_has_no_stiff_modes_and_gives_no_warning(well, generator):
    system, mapping = well
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        statistics = Statistics.measure(system, mapping, torch.randn(9, 1, 2, generator=generator))
    assert statistics.pairs == ()


def test_a_frame_that_is_not_finite_is_named(ala2, chain, generator):
    x = chain(50, 5, generator)
    x[17, 2, 1] = math.nan
    x[30, 0, 0] = math.inf
    with pytest.raises(UsageError, match=r"frame 17 is not finite \(2 of 50 such frames\)"):
        Statistics.measure(*ala2, x)


@pytest.mark.parametrize("shape", [(10, 6, 3), (10, 5, 2), (10, 15)])
def test_frames_of_another_shape_are_refused(ala2, shape):
    with pytest.raises(UsageError, match=r"do not fit ala2/backbone5: expected \[frames, 5, 3\]"):
        Statistics.measure(*ala2, torch.zeros(shape))
