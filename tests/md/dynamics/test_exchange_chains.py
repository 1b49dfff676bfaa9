"""Replica exchange of potentials: every level keeps its ensemble, and barriers are crossed."""

import math
from dataclasses import replace

import pytest
import torch

from molgen.errors import MolgenError, UsageError
from molgen.md.dynamics.chains import Dynamics
from molgen.md.dynamics.exchange_chains import EXCHANGE_EVERY, ExchangeChains, LadderPotential
from molgen.md.dynamics.levels import LadderOptions, Level
from molgen.md.potentials import DoubleWell
from molgen.md.potentials.model import ModelPotential

HIGH = DoubleWell(barrier=24.0, half_width=0.5, tilt=2.0, stiffness=40.0)
LOW = DoubleWell(barrier=6.0, half_width=0.5, tilt=2.0, stiffness=40.0)
LEVELS = (Level("wanted", HIGH, 2.0), Level("lower", LOW, 2.0), Level("hot", LOW, 6.0))


def chains_of(generator, levels=LEVELS, chains=300):
    dynamics = Dynamics(torch.ones(1), 2.0, 0.02, 2.0, free=False)
    start = torch.zeros(chains, 1, 2)
    start[..., 0] = 0.5  # all in the well of higher energy, behind 12 kT
    return ExchangeChains(levels, start, dynamics, generator=generator, compiled=False)


def exact_share(level):
    """Of the left well, by quadrature."""
    grid = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    x = torch.stack([grid, torch.zeros_like(grid)], 1)[:, None]
    return torch.softmax(-level.potential.energy(x) / level.kT, 0)[grid < 0].sum().item()


def test_every_level_has_its_own_ensemble(generator):
    run = chains_of(generator)
    run.advance(2500)
    left = torch.zeros(3, 300)
    for _ in range(25):
        run.advance(EXCHANGE_EVERY)
        left += (run.state.positions.reshape(3, 300, 2)[..., 0] < 0).float() / 25
    expected = torch.tensor([exact_share(level) for level in LEVELS])
    error = left.std(1) / math.sqrt(300)  # chain k trades with those of its number alone
    assert ((left.mean(1) - expected).abs() < 4 * error).all()
    assert (error < 0.02).all()
    assert all(0.1 < share < 0.95 for share in run.report()["acceptance"])


def test_without_exchange_the_barrier_is_not_crossed(generator):
    run = chains_of(generator, (LEVELS[0], Level("same", HIGH, 2.0)))
    # transition-state theory, an upper bound: 28 / 2 pi e^-11.5 = 4.5e-5 a ps, in 50 ps 0.7 of 300
    # chains; five or more in one run of a thousand
    assert (run.advance(2500)[..., 0] > 0).float().mean() > 1 - 5 / 300


def test_energies_and_forces_are_those_of_each_level(generator):
    x = torch.randn(6, 1, 2, generator=generator)
    energies, forces = LadderPotential(LEVELS).energy_and_forces(x)
    for k, level in enumerate(LEVELS):
        some = slice(2 * k, 2 * k + 2)
        own = level.potential.energy_and_forces(x[some])
        # float32: sums of gradients in another order
        torch.testing.assert_close((energies[some], forces[some]), own, rtol=1e-6, atol=1e-5)


def test_equal_levels_always_trade_and_carry_their_velocities(generator):
    """Between levels that differ in kT alone by a factor of four, velocities double."""
    flat = DoubleWell(barrier=0.0, half_width=1.0, stiffness=0.0)
    run = chains_of(generator, (Level("a", flat, 1.0), Level("b", flat, 4.0)), chains=5)
    before = run.state
    run._exchange()
    assert run.report()["acceptance"] == [1.0]
    assert torch.equal(run.state.positions[:5], before.positions[5:])
    assert torch.equal(run.state.velocities[5:], 2 * before.velocities[:5])  # powers of two


def test_continuing_is_exact():
    whole = chains_of(torch.Generator().manual_seed(1), chains=10)
    whole.advance(150)
    arrays = whole.arrays()
    expected = whole.advance(250)
    other = chains_of(torch.Generator().manual_seed(2), chains=10)
    other.restore(arrays)
    assert torch.equal(other.advance(250), expected)
    assert other.report() == whole.report()


def test_a_chain_that_blows_up_is_named_with_its_level(generator):
    run = chains_of(generator, chains=5)
    x = run.state.positions.clone()
    x[2 * 5 + 3] = math.nan
    run.state = replace(run.state, positions=x)
    with pytest.raises(MolgenError, match=r"^chain 3 at hot blew up by step 1 "):
        run.advance(1)


def test_one_level_is_no_ladder(generator):
    with pytest.raises(UsageError, match="two levels"):
        chains_of(generator, LEVELS[:1])


def test_levels_of_noise_are_the_model_at_later_times(harmonic, generator):
    model, statistics = harmonic("mueller_brown")
    wanted = ModelPotential(model, statistics)
    levels = LadderOptions(noises=(0.5, 2.0)).levels("a", None, model, wanted)
    assert [level.name for level in levels] == ["noise 0.1", "noise 0.5", "noise 2"]
    x = torch.randn(4, 1, 2, generator=generator) + torch.tensor(statistics.offset)
    for level, noise in zip(levels, (0.1, 0.5, 2.0), strict=True):
        square = statistics.normalise(x).square().sum((1, 2))
        energy = 0.5 * statistics.kT * square / (1 + noise**2)
        found = level.potential.energy(x)
        # float32: differences of energies of up to 200 kJ/mol, where one digit is 1.5e-5
        torch.testing.assert_close(found - found[0], energy - energy[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noises": (0.05,)}, "noise 0.05 does not lie above 0.1"),
        ({"noises": (0.5, 0.4)}, "noise 0.4 does not lie above 0.5"),
        ({"noises": (math.nan,)}, "noise nan does not lie above 0.1"),
        ({"noises": (1e4,)}, "the model knows no noise 10000"),
        ({"temperatures_K": (10.0,)}, "temperature 10 K does not lie above"),
    ],
)
def test_levels_that_do_not_ascend_are_refused(harmonic, options, message):
    model, statistics = harmonic()
    with pytest.raises(UsageError, match=message):
        LadderOptions(**options).levels("a", None, model, ModelPotential(model, statistics))


def test_temperatures_and_noises_together_are_refused():
    with pytest.raises(UsageError, match="not both"):
        LadderOptions(temperatures_K=(400.0,), noises=(1.0,))
