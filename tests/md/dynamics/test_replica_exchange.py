import pytest
import torch

from molgen.errors import UsageError
from molgen.md.dynamics.integrators import BAOAB, MDState
from molgen.md.dynamics.replica_exchange import Exchanger, Ladder, level_ladder
from molgen.md.dynamics.tempering import Tempering
from molgen.md.potentials import DoubleWell


def state_of(energies):
    chains = len(energies)
    zeros = torch.zeros(chains, 1, 1, dtype=torch.float64)
    return MDState(zeros, zeros + 1.0, zeros, energies)


def exponential(exchanger, generator):
    """Energies of a two-dimensional harmonic well at each chain's temperature: Exp(1/kT)."""
    u = torch.rand(len(exchanger.level), dtype=torch.float64, generator=generator)
    return -torch.log1p(-u) * exchanger.kT


def test_exchanges_keep_every_level_at_its_boltzmann_distribution(generator):
    """Detailed balance: energies drawn exactly stay exact, and acceptance is 2 b2/(b1 + b2).

    For energies Exp(b1), Exp(b2), b1 > b2: the integral of min(1, exp((b1-b2)(E1-E2))).
    """
    groups, ladder = 40_000, Ladder((1.0, 2.0, 3.0), (2, 1, 1))
    exchanger = Exchanger.start(ladder, groups)
    state = state_of(exponential(exchanger, generator))
    for _ in range(2):  # both parities; a level's energies stay independent of each other's
        exchanger, state = exchanger.exchange(state, generator)
    for level, kT in enumerate(ladder.kT):
        found = state.energies[exchanger.level == level]
        # mean kT and mean square 2 kT^2; 4 standard errors of an exponential
        assert abs(found.mean() - kT) < 4 * kT / len(found) ** 0.5
        assert abs(found.square().mean() - 2 * kT**2) < 4 * 20**0.5 * kT**2 / len(found) ** 0.5
    for pair, (low, high) in enumerate([(1.0, 2.0), (2.0, 3.0)]):
        expected = 2 / high / (1 / low + 1 / high)
        error = (expected * (1 - expected) / groups) ** 0.5
        assert exchanger.acceptance()[pair] == pytest.approx(expected, abs=4 * error)


def test_every_group_keeps_its_levels_and_groups_never_mix(generator):
    ladder = Ladder((1.0, 1.5, 2.0), (3, 1, 2))
    exchanger = Exchanger.start(ladder, 50)
    for _ in range(20):
        state = state_of(exponential(exchanger, generator))
        exchanger, _ = exchanger.exchange(state, generator)
        levels = exchanger.level.reshape(50, 6).sort(1).values
        assert (levels == torch.tensor([0, 0, 0, 1, 2, 2])).all()
        assert torch.equal(exchanger.wanted // 6, torch.arange(50).repeat_interleave(3))
    assert torch.equal(exchanger.group, torch.arange(50).repeat_interleave(6))


def test_velocities_follow_the_temperature(generator):
    exchanger = Exchanger.start(Ladder((1.0, 4.0), (1, 1)), 100)
    # The hot chain has the lower energy: the exchange is certain
    energies = torch.tensor([10.0, 0.0], dtype=torch.float64).repeat(100)
    exchanger, state = exchanger.exchange(state_of(energies), generator)
    assert exchanger.acceptance() == [1.0]
    speeds = state.velocities.flatten().reshape(100, 2)
    assert torch.allclose(speeds, torch.tensor([2.0, 0.5], dtype=torch.float64))


def test_round_trips_count_journeys_up_and_home(generator):
    exchanger = Exchanger.start(Ladder((1.0, 2.0), (1, 1)), 1)
    for home in range(1, 6):
        for _ in range(4):  # one certain exchange every second round, with one pair of levels
            low_first = bool(exchanger.level[0] == 0)
            energies = torch.tensor([99.0, 0.0] if low_first else [0.0, 99.0])
            exchanger, _ = exchanger.exchange(state_of(energies), generator)
        # In four rounds chain 0 went up and came home; chain 1, which started on top, came home
        # first, went up again, and so on
        assert exchanger.round_trips.tolist() == [home, home]
    assert exchanger.attempts.tolist() == [10]


def test_one_level_exchanges_nothing(generator):
    exchanger = Exchanger.start(Ladder((1.0,), (3,)), 2)
    state = state_of(torch.rand(6))
    after, same = exchanger.exchange(state, generator)
    assert same is state
    assert after.acceptance() == []
    assert len(after.wanted) == 6


def test_tempering_finds_populations_that_cold_chains_cannot(generator):
    """A barrier of 12 kT, all chains started in the unfavoured well; all levels vs quadrature."""
    potential = DoubleWell(12.0, 1.0, 0.4)
    ladder = Ladder((1.0, 2.0, 4.0, 7.0), (2, 1, 1, 1))
    groups = 150
    tempering = Tempering(
        BAOAB(potential, torch.ones(1, dtype=torch.float64), 0.04, 1.0),
        Exchanger.start(ladder, groups),
        torch.tensor([[1.0]], dtype=torch.float64),
        exchange_every=20,
        free=False,
        dtype=torch.float64,
        generator=generator,
    )
    tempering.melt(500)
    tempering.equilibrate(3000)
    left = torch.zeros(len(ladder.kT), groups, dtype=torch.float64)
    rounds = 150
    for _ in range(rounds):
        tempering.advance(20)
        side = (tempering.state.positions[:, 0, 0] < 0).double().reshape(groups, -1)
        level = tempering.exchanger.level.reshape(groups, -1)
        for k in range(len(ladder.kT)):
            at_level = (level == k).double()
            left[k] += (side * at_level).sum(1) / at_level.sum(1) / rounds
    x = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    energy = potential.energy(x.reshape(-1, 1, 1))
    for k, kT in enumerate(ladder.kT):
        p = torch.softmax(-energy / kT, 0)
        expected = p[x < 0].sum() + p[x == 0].sum() / 2
        error = left[k].std() / groups**0.5  # groups are independent
        assert abs(left[k].mean() - expected) < 3.5 * error, (k, left[k].mean(), expected, error)
        assert error < 0.03
    assert tempering.exchanger.round_trips.sum() > 5 * groups


@pytest.mark.parametrize(
    ("kT", "chains"), [((1.0, 1.0), (1, 1)), ((2.0, 1.0), (1, 1)), ((1.0,), (0,)), ((), ())]
)
def test_impossible_ladders_are_refused(kT, chains):
    with pytest.raises(UsageError, match="temperature ladder"):
        Ladder(kT, chains)


def test_a_ladder_starts_at_the_wanted_temperature():
    assert level_ladder(2.0, (1.0, 1.5), 3) == Ladder((2.0, 3.0), (3, 1))
    with pytest.raises(UsageError, match="first factor must be 1"):
        level_ladder(2.0, (1.1, 1.5), 3)
