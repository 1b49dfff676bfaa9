"""A model as a potential: kT, scale and noise in closed form; forces are minus the gradient."""

import pytest
import torch

from molgen.core.models import NormalisedEnergy
from molgen.core.models.experts import EnergySplit
from molgen.core.processes import VE
from molgen.md.models.batch import as_batch
from molgen.md.models.networks import BeadCorrection
from molgen.md.potentials.model import ModelPotential


def network(harmonic, seed=0):
    """A model with a real network, float64, weights as drawn but for a last layer that counts."""
    _, statistics = harmonic()
    torch.manual_seed(seed)
    process = VE(sigma_min=0.003, sigma_max=10.0)
    correction = BeadCorrection(process, statistics, hidden=16, layers=2)
    torch.nn.init.normal_(correction.network[-1].weight)
    model = NormalisedEnergy({"pos": process}, correction).double()
    return model.requires_grad_(False), statistics


@pytest.mark.parametrize("system", ["ala2", "mueller_brown"])
@pytest.mark.parametrize("noise", [None, 0.5])
def test_a_gaussian_model_is_the_harmonic_well_of_its_variance(harmonic, generator, system, noise):
    model, statistics = harmonic(system)
    potential = ModelPotential(model, statistics, noise)
    # x has variance scale^2 (1 + sigma^2) in each direction, so k = kT / that, in kJ/mol/nm^2
    sigma = 0.1 if noise is None else noise
    k = statistics.kT / (statistics.scale**2 * (1 + sigma**2))
    shape = (7, len(statistics.mapping), len(statistics.offset))
    x = 0.3 * torch.randn(shape, dtype=torch.float64, generator=generator)
    centre = x.mean(1, keepdim=True) if statistics.centred else x.new_tensor(statistics.offset)
    energy, forces = potential.energy_and_forces(x)
    well = 0.5 * k * (x - centre).square().sum((1, 2))
    # tolerance: float32 constants of the process
    assert energy - energy[0] == pytest.approx(well - well[0], rel=1e-6)
    assert forces == pytest.approx(-k * (x - centre), rel=1e-6)


def test_forces_are_minus_the_gradient_of_the_energy(harmonic, generator):
    potential = ModelPotential(*network(harmonic))
    x = 0.1 * torch.randn(3, 5, 3, dtype=torch.float64, generator=generator)
    forces = potential.forces(x)
    step = 1e-5  # nm; central differences are off by step^2 times the third derivative
    for bead, axis in [(0, 0), (2, 1), (4, 2)]:
        shift = torch.zeros_like(x)
        shift[:, bead, axis] = step
        slope = (potential.energy(x + shift) - potential.energy(x - shift)) / (2 * step)
        assert forces[:, bead, axis] == pytest.approx(-slope, rel=1e-5, abs=1e-5)


def test_energy_does_not_change_when_the_molecule_is_moved_or_turned(harmonic, generator):
    potential = ModelPotential(*network(harmonic))
    x = 0.1 * torch.randn(4, 5, 3, dtype=torch.float64, generator=generator)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=generator))[0]
    turn = turn * torch.linalg.det(turn)  # a mirror image would be another molecule
    assert potential.energy(x @ turn.T + 2.0) == pytest.approx(potential.energy(x), rel=1e-9)


def test_the_noise_is_never_below_the_smallest_that_was_trained(harmonic):
    assert ModelPotential(*harmonic(), noise=1e-4).noise == pytest.approx(0.1, rel=1e-6)
    assert ModelPotential(*harmonic(), noise=0.7).noise == pytest.approx(0.7, rel=1e-6)


@pytest.mark.parametrize("noise", [None, 0.5, 3.0])
def test_experts_answer_with_the_energy_of_their_blend(harmonic, generator, noise):
    first, statistics = network(harmonic, seed=1)
    second, _ = network(harmonic, seed=2)
    process = first.processes["pos"]
    edge = process.time_of(torch.tensor(0.5, dtype=torch.float64)).item()
    split = EnergySplit([first, second], [edge])
    potential = ModelPotential(split, statistics, noise)
    assert len(potential.parts) == (2 if noise == 0.5 else 1)  # at the edge both have half
    x = 0.1 * torch.randn(4, 5, 3, dtype=torch.float64, generator=generator)
    batch = as_batch(statistics.normalise(x))
    t = torch.full((4,), potential.time, dtype=torch.float64)
    expected = statistics.kT * split.energy(batch, t)
    assert potential.energy(x) == pytest.approx(expected, rel=1e-12)
