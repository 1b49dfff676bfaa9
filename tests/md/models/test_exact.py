import pytest
import torch

from molgen.core.processes import VE, VP
from molgen.md.models.batch import as_batch
from molgen.md.models.exact import ExactScore, exact_score
from molgen.md.models.statistics import Statistics
from molgen.md.potentials import AutogradPotential
from molgen.md.system import load_system
from molgen.md.system.beads import Bead, BeadMapping


class Harmonic(AutogradPotential):
    """kT/2 (x - mean)^2 / variance, of which everything is Gaussian."""

    def __init__(self, mean, variance):
        self.mean, self.variance = mean, variance

    def energy(self, x):
        return 0.5 * ((x - self.mean).square() / self.variance).flatten(1).sum(1)


def statistics(dims, scale=0.7, offset=0.3):
    beads = BeadMapping("all", (Bead("X", "TOY", 1, "X", 1.0, 0),), ())
    return Statistics("toy", beads, 1.0, scale, (offset,) * dims, False, (), (), (), ())


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("process", [VP(), VE(sigma_min=0.003, sigma_max=30.0)])
@pytest.mark.parametrize("ratio", [0.005, 0.03, 0.08, 0.3, 1.0, 10.0])
def test_a_harmonic_well_has_the_score_of_a_gaussian(dims, process, ratio):
    """At noises of both grids, to what rounding of positions to float32 leaves."""
    variance = torch.tensor([0.02, 0.1][:dims], dtype=torch.float64)
    mean = torch.tensor([-0.4, 0.6][:dims], dtype=torch.float64)
    own = statistics(dims)
    exact = ExactScore(process, own, Harmonic(mean, variance), [(-1.5, 1.5)] * dims)
    t = process.time_of(torch.tensor([ratio], dtype=torch.float64)).expand(50)
    m, s = process.signal(t)[:, None, None], process.noise(t)[:, None, None]
    generator = torch.Generator().manual_seed(0)
    mu, v = (mean - 0.3) / 0.7, variance / 0.7**2
    noise = torch.randn(50, 1, dims, generator=generator, dtype=torch.float64)
    total = m.square() * v + s.square()
    x = m * mu + total.sqrt() * noise
    expected = (m * mu - x) / total
    found = exact.score(as_batch(x), t)["pos"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_mueller_brown_at_little_noise_has_the_force_of_its_potential():
    system = load_system("mueller_brown")
    own = statistics(2)
    own = Statistics(**{**vars(own), "kT": system.kT})
    exact = exact_score(system, own, VE(sigma_min=1e-4, sigma_max=10.0))
    x = torch.tensor([[[-0.5, 1.4]], [[0.6, 0.1]], [[-0.2, 0.6]]], dtype=torch.float64)
    found = exact.score(as_batch(own.normalise(x)), torch.zeros(3, dtype=torch.float64))["pos"]
    force = system.potential(torch.float64).forces(x) / system.kT * own.scale
    # noise of 1e-4 moves the force by some 1e-8 of its curvature; float32 positions by 1e-7 of it
    torch.testing.assert_close(found, force, rtol=1e-3, atol=1e-2)


def test_a_molecule_has_none():
    system = load_system("ala2")
    assert exact_score(system, statistics(3), VE()) is None
