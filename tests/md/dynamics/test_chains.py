"""Chains of molgen's own integrator: the right ensemble, noise in blocks."""

import pytest
import torch

from molgen.md.dynamics.chains import Dynamics, LangevinChains, run_chains
from molgen.md.potentials.model import ModelPotential


@pytest.mark.parametrize(("system", "dims", "free"), [("ala2", 3, 12), ("mueller_brown", 2, 2)])
def test_own_engine_samples_the_harmonic_well(harmonic, generator, system, dims, free):
    model, statistics = harmonic(system)
    potential = ModelPotential(model, statistics)
    # BAOAB has no timestep error in a harmonic well: a long step will do (omega dt = 0.5)
    k = statistics.kT / (statistics.scale**2 * (1 + potential.noise**2))
    masses = statistics.mapping.masses
    timestep = 0.5 * (masses.min().item() / k) ** 0.5
    dynamics = Dynamics(masses, statistics.kT, timestep, 1 / timestep, statistics.centred)
    chains, frames = 100, 40
    start = torch.randn(chains, len(masses), dims, generator=generator) * 0.1
    x = run_chains(
        potential,
        start,
        dynamics,
        time_ps=20 * frames * timestep,
        stride_ps=20 * timestep,
        generator=generator,
        compiled=False,
    )
    assert x.shape == (frames, chains, len(masses), dims)
    x = x[10:].double() - x.new_tensor(statistics.offset)
    # frames 20 steps apart are independent: error sqrt(2 / count) < 2 % of the variance, 4 sigma
    count = x.shape[0] * chains * free
    error = 4 * (2 / count) ** 0.5
    assert x.square().sum().item() / count * k == pytest.approx(statistics.kT, rel=error)


@pytest.mark.parametrize(("stride", "block"), [(25, 25), (100, 100), (250, 100)])
def test_noise_is_drawn_for_a_frame_or_a_hundred_steps(harmonic, generator, stride, block):
    model, statistics = harmonic()
    dynamics = Dynamics(statistics.mapping.masses, statistics.kT, 0.001, 1.0, free=True)
    potential = ModelPotential(model, statistics)
    run = LangevinChains(
        potential,
        torch.zeros(2, 5, 3),
        dynamics,
        stride=stride,
        generator=generator,
        compiled=False,
    )
    assert run.integrator.block == block
