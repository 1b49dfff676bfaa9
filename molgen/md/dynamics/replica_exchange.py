"""Parallel tempering: chains of one group trade temperatures, so that barriers are crossed hot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.dynamics.integrators import MDState


@dataclass(frozen=True)
class Ladder:
    """Temperature levels of a group of chains: kT of each level, and chains at each level.

    Attributes:
        kT: Levels, ascending, kJ/mol; the first is the one that is wanted.
        chains: Chains of a group at each level.
    """

    kT: tuple[float, ...]
    chains: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.kT) != len(self.chains) or not self.kT or min(self.chains) < 1:
            raise UsageError("temperature ladder: every level needs at least one chain")
        if any(b <= a for a, b in zip(self.kT, self.kT[1:], strict=False)) or self.kT[0] <= 0:
            raise UsageError("temperature ladder: levels must be positive and ascending")

    @property
    def group_size(self) -> int:
        """Chains of a group."""
        return sum(self.chains)


@dataclass(frozen=True)
class Exchanger:
    """Which chain is at which level, and what the exchanges did so far.

    Chains are numbered group by group: chain c belongs to group c // ladder.group_size. A chain
    keeps its number and wanders through the levels.

    Attributes:
        ladder: The levels.
        level: [chains] int64, present level of each chain.
        last_end: [chains] int64, the end of the ladder visited last: 0 low, 1 high, -1 none yet.
        round_trips: [chains] int64, journeys from the lowest level to the highest and back.
        attempts: [levels - 1] int64, exchanges tried between a level and the next.
        accepted: [levels - 1] int64, of these accepted.
        rounds: Rounds of exchange done; even and odd rounds try even and odd pairs of levels.
    """

    TENSORS = ("level", "last_end", "round_trips", "attempts", "accepted")

    ladder: Ladder
    level: Tensor
    last_end: Tensor
    round_trips: Tensor
    attempts: Tensor
    accepted: Tensor
    rounds: int = 0

    @classmethod
    def start(cls, ladder: Ladder, groups: int, device: torch.device | str = "cpu") -> "Exchanger":
        """The first chains of every group at the lowest level, and so on upwards."""
        counts = torch.tensor(ladder.chains)
        level = torch.repeat_interleave(torch.arange(len(counts)), counts).repeat(groups)
        pairs = torch.zeros(len(counts) - 1, dtype=torch.long)
        exchanger = cls(
            ladder, level, torch.full_like(level, -1), torch.zeros_like(level), pairs, pairs.clone()
        )
        return exchanger._visited().to(device)

    def to(self, device: torch.device | str) -> "Exchanger":
        """The same on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in self.TENSORS})

    @property
    def group(self) -> Tensor:
        """Group of each chain, [chains] int64."""
        return torch.arange(len(self.level), device=self.level.device) // self.ladder.group_size

    @property
    def kT(self) -> Tensor:
        """KT of each chain now, [chains] float64 kJ/mol."""
        levels = torch.tensor(self.ladder.kT, dtype=torch.float64, device=self.level.device)
        return levels[self.level]

    @property
    def wanted(self) -> Tensor:
        """Chains at the lowest level now, int64, ascending: the same number in every group."""
        return (self.level == 0).nonzero().flatten()

    def exchange(self, state: MDState, generator: torch.Generator) -> tuple["Exchanger", MDState]:
        """One round: every group tries one exchange in every second pair of neighbouring levels.

        One chain of the lower level and one of the upper are drawn, and they trade levels with
        probability min(1, exp((1/kT_low - 1/kT_high)(E_low - E_high))), which keeps the joint
        Boltzmann distribution (Sugita & Okamoto 1999); velocities are scaled by
        sqrt(kT_new/kT_old).
        """
        if len(self.ladder.kT) == 1:
            return replace(self, rounds=self.rounds + 1), state
        size = self.ladder.group_size
        groups = len(self.level) // size
        device = self.level.device
        energies = state.energies.to(torch.float64)
        level = self.level.clone()
        attempts, accepted = self.attempts.clone(), self.accepted.clone()
        rows = torch.arange(groups, device=device)
        for low in range(self.rounds % 2, len(self.ladder.kT) - 1, 2):
            chosen = []
            for here in (low, low + 1):
                # A uniformly drawn chain among those of this level: the largest random key
                keys = torch.rand(groups, size, device=device, generator=generator)
                at_level = level.reshape(groups, size) == here
                chosen.append(rows * size + keys.masked_fill(~at_level, -1.0).argmax(1))
            cold, hot = chosen
            slope = 1 / self.ladder.kT[low] - 1 / self.ladder.kT[low + 1]
            u = torch.rand(groups, dtype=torch.float64, device=device, generator=generator)
            accept = u.log() < slope * (energies[cold] - energies[hot])
            level[cold[accept]] = low + 1
            level[hot[accept]] = low
            attempts[low] += groups
            accepted[low] += accept.sum()
        new = replace(
            self, level=level, attempts=attempts, accepted=accepted, rounds=self.rounds + 1
        )
        scale = (new.kT / self.kT).sqrt().to(state.velocities)[:, None, None]
        return new._visited(), replace(state, velocities=state.velocities * scale)

    def _visited(self) -> "Exchanger":
        """With the ends of the ladder noted, and a round trip counted on coming home."""
        top = len(self.ladder.kT) - 1
        low, high = self.level == 0, self.level == top
        home = low & (self.last_end == 1)
        last_end = torch.where(high, 1, torch.where(low, 0, self.last_end))
        return replace(self, last_end=last_end, round_trips=self.round_trips + home.long())

    def acceptance(self) -> list[float]:
        """Accepted fraction between each level and the next."""
        return (self.accepted / self.attempts.clamp_min(1)).tolist()


def level_ladder(kT: float, factors: Sequence[float], lowest: int) -> Ladder:
    """Levels kT*factor, one chain each but `lowest` chains at the first, whose factor must be 1.

    Raises:
        UsageError: factors do not ascend from 1.
    """
    if not factors or factors[0] != 1:
        raise UsageError("temperature ladder: the first factor must be 1")
    return Ladder(tuple(kT * f for f in factors), (lowest, *(1 for _ in factors[1:])))
