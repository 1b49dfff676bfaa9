"""The shipped model on peptides that it was not trained on, against force-field dynamics."""

import pytest
import torch

from molgen import checkpoint, resources
from molgen.core.threads import cpu_threads
from molgen.md.data.packing import POINTS, unpack
from molgen.md.dynamics.engines import ready
from molgen.md.dynamics.integrators import BAOAB, check_chains, kinetic_energies, langevin_init
from molgen.md.sample import draw
from molgen.md.system import load_system
from molgen.md.system.collective import assign
from molgen.sampler import SampleTable

FAST = SampleTable(solver="adams", steps=30)
BIAS = 0.03
"""Of a basin's population: what the model may be wrong by beyond the noise of counting."""


def drawn(name, count):
    setup = ready(checkpoint.load(name))
    generator = torch.Generator().manual_seed(0)
    return setup, draw(
        setup.model, setup.potential.statistics, count, table=FAST, generator=generator
    )


@pytest.mark.parametrize("text", ["KS", "AT@350", "Ac-A-NHMe", "GS"])
def test_draws_of_an_unseen_peptide_fall_into_its_basins_as_often_as_its_dynamics(text):
    count = 500
    with cpu_threads(1):
        setup, x = drawn(f"dipeptides:{text}", count)
    statistics = setup.potential.statistics
    system = load_system(statistics.system)
    whole = torch.zeros(count, len(system.atoms), 3)
    whole[:, statistics.mapping.atoms] = x.float()
    found = torch.bincount(system.basin_index(whole) + 1, minlength=len(system.basins) + 1) / count
    names = list(system.compared)
    path = resources.shipped("data") / "dipeptides" / text / POINTS
    points = torch.from_numpy(unpack(path, names).values)
    index = assign(system.basins, dict(zip(names, points.T, strict=True)))
    expected = torch.bincount(index + 1, minlength=len(system.basins) + 1) / len(points)
    error = 4 * (expected * (1 - expected) / count).sqrt() + BIAS
    assert ((found - expected).abs() < error).all(), (found, expected)


def test_chains_of_an_unseen_peptide_keep_their_temperature():
    with cpu_threads(1), torch.no_grad():
        setup, x = drawn("dipeptides:NY", 64)
        dynamics, generator = setup.dynamics, torch.Generator().manual_seed(1)
        state = langevin_init(setup.potential, x, dynamics.masses, dynamics.kT, generator)
        integrator = BAOAB(
            setup.potential, dynamics.masses, dynamics.timestep_ps, dynamics.friction_per_ps
        )
        hot = []
        for _ in range(8):
            state = integrator.advance(state, 40, dynamics.kT, generator)
            check_chains(state, dynamics.masses, dynamics.kT, dynamics.timestep_ps)
            hot.append(float(kinetic_energies(state, dynamics.masses).mean()))
    freedom = 3 * len(dynamics.masses)
    expected = 0.5 * freedom * dynamics.kT
    late = sum(hot[4:]) / 4
    # four standard errors of 64 chains, and 3 % for the timestep and what draws lacked of energy
    assert abs(late / expected - 1) < 4 * (2 / freedom / 64) ** 0.5 + 0.03
