import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from molgen.errors import MolgenError
from molgen.md.dynamics.integrators import (
    BAOAB,
    MDState,
    check_chains,
    kinetic_energies,
    langevin_init,
    run,
)
from molgen.md.potentials import AutogradPotential, DoubleWell, MuellerBrown
from molgen.md.system import load_system
from molgen.units import KB


class Harmonic(AutogradPotential):
    """k/2 |x|^2."""

    def __init__(self, k):
        self.k = k

    def energy(self, x):
        return 0.5 * self.k * x.square().sum((1, 2))

    def energy_and_forces(self, x):
        return self.energy(x), -self.k * x


class Nothing(AutogradPotential):
    """No force at all."""

    def energy(self, x):
        return torch.zeros(len(x), dtype=x.dtype)

    def energy_and_forces(self, x):
        return self.energy(x), torch.zeros_like(x)


ONE = torch.ones(1, dtype=torch.float64)


def sample(potential, start, masses, kT, timestep, friction, generator, frames, stride, burn=50):
    """Stacked states [frames, chains, ...] in float64 after `burn` strides."""
    integrator = BAOAB(potential, masses, timestep, friction)
    state = langevin_init(potential, start, masses, kT, generator, torch.float64)
    *_, state = run(integrator, state, kT, burn, stride, generator)
    states = list(run(integrator, state, kT, frames, stride, generator))
    return torch.stack([s.positions for s in states]), states


def within(values, expected, sigmas=3.0):
    """Whether the mean over chains [chains] is `expected` within `sigmas` standard errors."""
    error = values.std() / len(values) ** 0.5
    assert abs(values.mean() - expected) < sigmas * error, (values.mean(), expected, error)


@pytest.mark.parametrize("mass", [1.0, 12.0])
def test_langevin_samples_kT_over_k_at_any_timestep(mass, generator):
    """BAOAB has no timestep error in harmonic positions, here at omega dt = 1.4 for mass 1."""
    k, kT = 200.0, 2.5
    start = torch.zeros(400, 2, 3, dtype=torch.float64)
    masses = mass * torch.ones(2, dtype=torch.float64)
    x, _ = sample(Harmonic(k), start, masses, kT, 0.1, 3.0, generator, 60, 10)
    within(x.square().mean((0, 2, 3)), kT / k)


def test_kinetic_temperature_is_that_of_the_bath(generator):
    # omega dt = 0.05: BAOAB's kinetic error is of order (omega dt)^2/8 = 3e-4, far below sigma
    kT = 2.5
    masses = torch.tensor([1.0, 16.0], dtype=torch.float64)
    start = torch.zeros(400, 2, 3, dtype=torch.float64)
    _, states = sample(Harmonic(100.0), start, masses, kT, 0.005, 5.0, generator, 40, 20)
    kinetic = torch.stack([kinetic_energies(state, masses) for state in states]).mean(0)
    within(kinetic / (0.5 * 6), kT)


def test_every_chain_has_its_own_temperature(generator):
    kT = torch.tensor([1.0, 4.0]).repeat_interleave(300)
    start = torch.zeros(600, 1, 2, dtype=torch.float64)
    x, _ = sample(Harmonic(1.0), start, ONE, kT, 0.2, 1.0, generator, 60, 10)
    second = x.square().mean((0, 2, 3))
    within(second[:300], 1.0)
    within(second[300:], 4.0)


def test_without_friction_the_energy_error_falls_with_the_timestep_squared(generator):
    """BAOAB is then velocity Verlet, of second order."""
    potential = DoubleWell(1.0, 1.0)
    start = torch.tensor([[[1.4]]], dtype=torch.float64)
    state = langevin_init(potential, start, ONE, 0.0, generator, torch.float64)
    errors = []
    for steps in (100, 200, 400):
        integrator = BAOAB(potential, ONE, 2.0 / steps, 0.0)
        end = integrator.advance(state, steps, 0.0, generator)
        total = end.energies + kinetic_energies(end, ONE)
        errors.append(float((total - state.energies).abs()))
    order = np.polyfit(np.log([100, 200, 400]), np.log(errors), 1)[0]
    assert order == pytest.approx(-2, abs=0.1)


def test_free_motion_loses_velocity_at_the_friction(generator):
    """With kT = 0 and no force, v falls as exp(-friction t) exactly, whatever the timestep."""
    state = MDState(
        torch.zeros(1, 1, 1, dtype=torch.float64),
        torch.ones(1, 1, 1, dtype=torch.float64),
        torch.zeros(1, 1, 1, dtype=torch.float64),
        torch.zeros(1, dtype=torch.float64),
    )
    end = BAOAB(Nothing(), ONE, 0.5, 0.7).advance(state, 4, 0.0, generator)
    assert end.velocities.item() == pytest.approx(math.exp(-0.7 * 2.0), rel=1e-12)
    assert end.step == 4


def test_small_steps_are_not_lost_far_from_the_origin(generator):
    """Steps of 1e-7 at x = 10 are below float32's resolution (1e-6); positions are float64."""
    state = MDState(
        torch.full((1, 1, 1), 10.0, dtype=torch.float64),
        torch.full((1, 1, 1), 1e-4),
        torch.zeros(1, 1, 1),
        torch.zeros(1),
    )
    end = BAOAB(Nothing(), ONE, 1e-3, 0.0).advance(state, 1000, 0.0, generator)
    assert end.positions.item() - 10.0 == pytest.approx(1e-4, rel=1e-5)


def test_double_well_populations_are_those_of_quadrature(generator):
    system = load_system("double_well_2d")
    chains = 600
    # Half the chains in either well: the slow exchange of wells has less to forget
    side = torch.tensor([-1.4, 1.4], dtype=torch.float64).repeat(chains // 2)
    start = torch.stack([side, 0 * side], -1).unsqueeze(1)
    x, _ = sample(
        system.potential(torch.float64), start, system.masses, system.kT,
        0.1, 1.0, generator, 100, 20, burn=60,
    )  # fmt: skip
    within((x[..., 0, 0] < 0).double().mean(0), system.answers["left"])
    within(x[..., 0, 0].mean(0), system.answers["mean_x"])
    within(x[..., 0, 1].square().mean(0), system.answers["mean_y2"])


def test_mueller_brown_free_energy_is_that_of_a_grid(generator):
    """Marginal free energy along y, at the system's own timestep."""
    system = load_system("mueller_brown")
    potential = system.potential(torch.float64)
    minima = torch.tensor(system.answers["minima"], dtype=torch.float64)
    share = torch.tensor(list(system.answers["populations"].values()))
    chains = 800
    basin = torch.multinomial(share, chains, replacement=True, generator=generator)
    x, _ = sample(
        potential, minima[basin].unsqueeze(1), system.masses, system.kT,
        system.timestep_ps, 2.0, generator, 60, 20, burn=40,
    )  # fmt: skip

    axes = torch.linspace(-3, 3, 601), torch.linspace(-1.5, 3.0, 901)
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).double()
    p = torch.softmax(-potential.energy(grid.reshape(-1, 1, 2)) / system.kT, 0).reshape(601, 901)
    edges = torch.tensor([-0.1, 0.1, 0.3, 0.5, 0.8, 1.1, 1.3, 1.5, 1.7, 1.9], dtype=torch.float64)
    exact_bin = torch.bucketize(axes[1].double(), edges)
    found_bin = torch.bucketize(x[:, :, 0, 1].contiguous(), edges)
    for k in range(len(edges) + 1):
        exact = p[:, exact_bin == k].sum()
        found = (found_bin == k).double().mean(0)
        error = found.std() / chains**0.5
        # dF = kT dp/p; 4 sigma as 11 bins are looked at, 2 % for the grid's cell at each edge
        assert abs(found.mean() - exact) < 4 * error + 0.02 * exact, (k, found.mean(), exact)


@pytest.mark.openmm
def test_statistics_are_those_of_openmm_langevin_middle(generator):
    """One particle in a quartic well: moments and the decay of correlations, 3.5 sigma."""
    import openmm

    chains, kT, timestep, friction, stride, frames = 250, 1.0, 0.1, 1.0, 4, 150
    system = openmm.System()
    force = openmm.CustomExternalForce("3*((x/1.5)^2-1)^2 + 0.25*x + (y^2 + z^2)")
    for particle in range(chains):  # independent particles: one OpenMM system is many chains
        system.addParticle(2.0)
        force.addParticle(particle, [])
    system.addForce(force)
    integrator = openmm.LangevinMiddleIntegrator(kT / KB, friction, timestep)
    integrator.setRandomNumberSeed(3)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatform("Reference"))
    start = torch.zeros(chains, 1, 3, dtype=torch.float64)
    start[::2, 0, 0], start[1::2, 0, 0] = 1.5, -1.5
    context.setPositions(start[:, 0].numpy())
    integrator.step(50 * stride)
    theirs = []
    for _ in range(frames):
        integrator.step(stride)
        state = context.getState(positions=True)
        theirs.append(np.asarray(state.getPositions(asNumpy=True)._value))
    theirs = torch.tensor(np.stack(theirs))
    ours, _ = sample(
        DoubleWell(3.0, 1.5, 0.25, 2.0), start, 2 * ONE, kT, timestep, friction, generator,
        frames, stride,
    )  # fmt: skip
    ours = ours[:, :, 0]
    for lag in (0, 1, 3):  # lag 0: the configurational distribution; others: the dynamics
        a, b = ((t[: frames - lag] * t[lag:]).mean(0)[:, :2] for t in (ours, theirs))
        error = ((a.var(0) + b.var(0)) / chains).sqrt()
        assert ((a.mean(0) - b.mean(0)).abs() < 3.5 * error).all(), lag


def test_a_chain_that_blows_up_is_named(generator):
    potential = DoubleWell(3.0, 1.5)
    start = torch.ones(5, 1, 1, dtype=torch.float64)
    start[3] = 40.0  # a force of 3e5: unstable at once
    integrator = BAOAB(potential, ONE, 0.05, 1.0)
    state = langevin_init(potential, start, ONE, 1.0, generator)
    with pytest.raises(MolgenError, match=r"chain 3 blew up by step 10 \(0\.5 ps\)") as caught:
        list(run(integrator, state, 1.0, 5, 10, generator))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["positions", "velocities", "energies"])
def test_a_number_that_is_not_finite_stops_the_run(field, generator):
    state = langevin_init(Harmonic(1.0), torch.zeros(4, 1, 3), ONE, 1.0, generator)
    check_chains(state, ONE, 1.0, 0.1)
    broken = getattr(state, field).clone()
    broken[2] = math.nan
    with pytest.raises(MolgenError, match="chain 2 blew up by step 0"):
        check_chains(replace(state, **{field: broken}), ONE, 1.0, 0.1)


def test_equilibrium_never_looks_like_an_explosion(generator):
    """A million Maxwell draws of one chain's kinetic energy, for one and for many components."""
    for atoms, dims in ((1, 1), (22, 3)):
        masses = torch.ones(atoms, dtype=torch.float64)
        x = torch.zeros(20_000, atoms, dims)
        state = langevin_init(Harmonic(1.0), x, masses, 2.0, generator)
        check_chains(state, masses, 2.0, 0.1)


def test_same_seed_same_trajectory_in_any_block_size():
    runs = []
    for block in (1, 7, 50):
        generator = torch.Generator().manual_seed(5)
        integrator = BAOAB(MuellerBrown(), 0.5 * ONE, 5e-3, 1.0, block=block)
        start = torch.tensor([[[-0.5, 1.4]]]).expand(16, 1, 2)  # torch draws in sixteens
        state = langevin_init(MuellerBrown(), start, ONE, 23.0, generator)
        runs.append(integrator.advance(state, 50, 23.0, generator).positions)
    torch.testing.assert_close(runs[1], runs[0], rtol=0, atol=0)
    torch.testing.assert_close(runs[2], runs[0], rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("error:the integrator runs uncompiled")
def test_compiled_blocks_give_the_same_trajectory():
    runs = []
    for compiled in (False, True):
        generator = torch.Generator().manual_seed(5)
        integrator = BAOAB(MuellerBrown(), 0.5 * ONE, 5e-3, 1.0, block=5, compiled=compiled)
        start = torch.tensor([[[-0.5, 1.4]]]).expand(16, 1, 2)
        state = langevin_init(MuellerBrown(), start, ONE, 23.0, generator)
        state = integrator.advance(state, 22, 23.0, generator)  # the last block is not full
        runs.append((state.positions, state.energies))
    # float32 forces summed in another order; 22 steps leave no time for chaos
    torch.testing.assert_close(runs[1], runs[0], rtol=1e-4, atol=1e-4)
