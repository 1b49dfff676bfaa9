"""Hybrid Monte Carlo: the exact ensemble at any timestep, and the exact continuation."""

import math

import pytest
import torch

from molgen.errors import MolgenError
from molgen.md.dynamics.chains import Dynamics, LangevinChains
from molgen.md.dynamics.hmc import HMCChains
from molgen.md.potentials import DoubleWell

KT = 2.0
WELL = DoubleWell(barrier=3.0, half_width=0.5, tilt=2.0, stiffness=40.0)


def chains_of(kind, generator, timestep, chains=2000):
    dynamics = Dynamics(torch.ones(1), KT, timestep, 1.0, free=False)
    start = 0.3 * torch.randn(chains, 1, 2, generator=generator)
    return kind(WELL, start, dynamics, stride=20, generator=generator, compiled=False)


def exact():
    """Mean of the first coordinate, and mean squares of both, by quadrature."""
    grid = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    x = torch.stack([grid, torch.zeros_like(grid)], 1)[:, None]
    p = torch.softmax(-WELL.energy(x) / KT, 0)
    return torch.stack([(p * grid).sum(), (p * grid**2).sum(), torch.tensor(KT / 40.0).double()])


def sampled(run, frames=60):
    """The same of the chains, and its standard error: they know nothing of each other."""
    run.advance(1000)
    x, y = torch.stack([run.advance(20) for _ in range(frames)]).double()[:, :, 0].unbind(-1)
    each = torch.stack([x, x.square(), y.square()]).mean(1)
    return each.mean(1), each.std(1) / math.sqrt(each.shape[1])


def test_a_long_timestep_leaves_no_error(generator):
    # omega dt = 1 in the wells: velocity Verlet alone is off by a quarter in their variances
    timestep = 0.1
    run = chains_of(HMCChains, generator, timestep)
    found, error = sampled(run)
    assert ((found - exact()).abs() < 4 * error).all()
    assert (error[1:] < 0.01 * found[1:]).all()
    assert 0.5 < run.report()["acceptance"] < 0.95  # some are refused: there is an error to undo


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
    # leapfrog: (omega dt)^2 / 4 of the energy at most in a harmonic well, omega = 10/ps in these
    error = 0.25 * (10 * dynamics.timestep_ps) ** 2 * before.max().item()
    torch.testing.assert_close(total(), before, rtol=0, atol=error)


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
