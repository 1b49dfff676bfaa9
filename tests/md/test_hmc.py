"""Hybrid Monte Carlo: the exact ensemble at any timestep, and the exact continuation."""

import math

import pytest
import torch

from molgen.errors import MolgenError
from molgen.md.chains import Dynamics, LangevinChains
from molgen.md.hmc import HMCChains
from molgen.md.potentials import DoubleWell

KT = 2.0
WELL = DoubleWell(barrier=3.0, half_width=0.5, tilt=2.0, stiffness=40.0)


def chains_of(kind, generator, timestep, chains=2000):
    dynamics = Dynamics(torch.ones(1), KT, timestep, 1.0, free=False)
    start = 0.3 * torch.randn(chains, 1, 2, generator=generator)
    return kind(WELL, start, dynamics, stride=20, generator=generator, compiled=False)


def moments(x):
    """Mean of the first coordinate, and mean squares of both."""
    x = x.double().flatten(0, -2)
    return torch.stack([x[:, 0].mean(), x[:, 0].square().mean(), x[:, 1].square().mean()])


def exact():
    grid = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    x = torch.stack([grid, torch.zeros_like(grid)], 1)[:, None]
    p = torch.softmax(-WELL.energy(x) / KT, 0)
    return torch.stack([(p * grid).sum(), (p * grid**2).sum(), torch.tensor(KT / 40.0).double()])


def sampled(run, frames=60):
    run.advance(1000)
    return moments(torch.stack([run.advance(20) for _ in range(frames)]))


def test_a_long_timestep_leaves_no_error(generator):
    # omega dt = 1 in the wells: velocity Verlet alone is off by a quarter in their variances
    timestep = 0.1
    run = chains_of(HMCChains, generator, timestep)
    found = sampled(run)
    torch.testing.assert_close(found, exact(), rtol=0.02, atol=0.01)
    assert 0.3 < run.report()["acceptance"] < 0.95


def test_a_mode_whose_period_divides_a_trajectory_moves_all_the_same(generator):
    """omega of the discrete steps is 2 pi / 20: twenty of them lead back to the start."""
    timestep = 0.1
    stiff = (2 * math.sin(math.pi / 20) / timestep) ** 2
    well = DoubleWell(barrier=0.0, half_width=1.0, stiffness=stiff)
    dynamics = Dynamics(torch.ones(1), KT, timestep, 1.0, free=False)
    start = 0.01 * torch.randn(500, 1, 2, generator=generator)
    run = HMCChains(well, start, dynamics, stride=20, generator=generator, compiled=False)
    frames = torch.stack([run.advance(100) for _ in range(20)])[10:]
    across = frames[..., 1].double().square().mean().item()
    # of 5000 nearly independent squares, four standard errors
    assert across == pytest.approx(KT / stiff, rel=4 * math.sqrt(2 / 5000))


def test_a_step_beyond_stability_is_refused_not_followed(generator):
    run = chains_of(HMCChains, generator, timestep=3.0, chains=5)
    before = run.state.positions.clone()
    assert torch.equal(run.advance(60), before.float())
    assert run.report() == {"acceptance": 0.0}
    with pytest.raises(MolgenError, match=r"none of .* was taken at a timestep of 3 ps"):
        run.advance(2000)


def test_a_start_without_an_energy_is_named(generator):
    dynamics = Dynamics(torch.ones(1), KT, 0.1, 1.0, free=False)
    start = torch.zeros(3, 1, 2)
    start[1] = math.nan
    with pytest.raises(MolgenError, match="chain 1: the energy of its start"):
        HMCChains(WELL, start, dynamics, stride=20, generator=generator, compiled=False)


def test_langevin_dynamics_without_friction_keeps_its_energy(generator):
    """What HMC takes for a trajectory."""
    dynamics = Dynamics(torch.ones(1), KT, 0.002, 0.0, free=False)
    start = 0.3 * torch.randn(50, 1, 2, generator=generator)
    run = LangevinChains(WELL, start, dynamics, stride=20, generator=generator, compiled=False)

    def total():
        return run.state.energies.double() + 0.5 * run.state.velocities.double().square().sum(
            (1, 2)
        )

    before = total()
    run.advance(500)
    torch.testing.assert_close(total(), before, rtol=0, atol=0.02)


def test_continuing_is_exact(generator):
    whole = chains_of(HMCChains, torch.Generator().manual_seed(5), 0.1, chains=10)
    whole.advance(40)
    arrays = whole.arrays()
    expected = whole.advance(40)
    other = chains_of(HMCChains, torch.Generator().manual_seed(6), 0.1, chains=10)
    other.restore(arrays)
    assert torch.equal(other.advance(40), expected)
    assert other.report() == whole.report()


@pytest.mark.parametrize("steps", [1, 20, 33])
def test_so_many_steps_are_made_as_were_asked_for(generator, steps):
    run = chains_of(HMCChains, generator, 1e-4, chains=5)
    run.advance(steps)
    assert run.state.step == steps  # with steps so small, none is refused
