import numpy as np
import pytest
import torch

from molgen.md.potentials import AutogradPotential, DoubleWell, MuellerBrown
from molgen.md.system import load_system

POTENTIALS = [
    (DoubleWell(3.0, 1.5, 0.25), 1),
    (DoubleWell(2.0, 1.0, -0.5, 3.0), 2),
    (MuellerBrown(), 2),
]


@pytest.mark.parametrize(("potential", "dims"), POTENTIALS)
def test_forces_are_minus_the_gradient(potential, dims, generator):
    x = torch.rand(20, 1, dims, dtype=torch.float64, generator=generator) * 2 - 1
    h = 1e-6  # central differences of float64: error about |U| eps/h = 1e-8 of energies ~ 100
    for k in range(dims):
        step = torch.zeros_like(x)
        step[..., k] = h
        difference = (potential.energy(x + step) - potential.energy(x - step)) / (2 * h)
        torch.testing.assert_close(potential.forces(x)[:, 0, k], -difference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("potential", "dims"), POTENTIALS)
def test_closed_form_forces_equal_automatic_ones(potential, dims, generator):
    x = torch.randn(20, 1, dims, dtype=torch.float64, generator=generator)
    energy, forces = potential.energy_and_forces(x)
    automatic = AutogradPotential.energy_and_forces(potential, x)
    torch.testing.assert_close((energy, forces), automatic)
    torch.testing.assert_close(energy, potential.energy(x))


def test_mueller_brown_has_its_known_minima():
    answers = load_system("mueller_brown").answers
    x = torch.tensor(answers["minima"], dtype=torch.float64).unsqueeze(1)
    energy, forces = MuellerBrown().energy_and_forces(x)
    expected = torch.tensor(answers["minimum_energies"], dtype=torch.float64)
    torch.testing.assert_close(energy, expected, rtol=0, atol=1e-7)  # digits given
    # minima are given to 1e-8 and the curvature is below 1e4
    assert forces.abs().max() < 1e-3


@pytest.mark.parametrize("name", ["double_well_1d", "double_well_2d", "mueller_brown"])
def test_stated_answers_are_those_of_quadrature(name):
    system = load_system(name)
    axes = [torch.linspace(-6, 6, 1601, dtype=torch.float64)] * system.dims
    if name == "mueller_brown":
        axes = [torch.linspace(*ends, 1001, dtype=torch.float64) for ends in ((-3.5, 3), (-2.5, 4))]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, system.dims)
    energy = system.potential(torch.float64).energy(grid.unsqueeze(1))
    p = torch.softmax(-energy / system.kT, 0)
    basin = system.basin_index(grid.unsqueeze(1))
    assert (basin >= 0).all()
    populations = {b.name: float(p[basin == k].sum()) for k, b in enumerate(system.basins)}
    moments = {"mean_energy": float((p * energy).sum())}
    for k, letter in enumerate("xy"[: system.dims]):
        moments[f"mean_{letter}"] = float((p * grid[:, k]).sum())
        moments[f"mean_{letter}2"] = float((p * grid[:, k] ** 2).sum())
    known = {**populations, **moments}
    for answer, value in system.answers.items():
        if answer == "populations":
            assert value == pytest.approx(populations, abs=3e-3)  # a cell's edge on the grid
        elif answer in known:
            # populations: half a grid cell of probability at the border; moments converge faster
            tolerance = 1e-3 if answer in populations else 1e-6
            assert value == pytest.approx(known[answer], abs=tolerance)
    assert np.isclose(sum(populations.values()), 1)
