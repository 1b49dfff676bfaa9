"""Which of the graphs that are drawn are kept: all, those with nothing forbidden, the likeliest."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from molgen.chem.substructure import Pattern
from molgen.graphs.checks import Standing
from molgen.graphs.conditions.rejection import described, draw_without
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.drawing import Progress
from molgen.graphs.energy import energies, least
from molgen.graphs.models.kinds import GraphModel
from molgen.graphs.models.statistics import Statistics

Source = Callable[[int, int, Progress | None], GraphSet]
"""`draw(first, count, progress)`: the graphs of these numbers."""


@dataclass(frozen=True)
class Chosen:
    """What was drawn for some that were wanted.

    Attributes:
        graphs: all of them, in order.
        counts: how many were drawn, kept (if it was a choice), and left out for what.
        refused: index of each that is not kept -> why; None if there was no choice.
        standing: how each stands, if it was looked at.
    """

    graphs: GraphSet
    counts: Mapping[str, float]
    refused: Mapping[int, str] | None = None
    standing: Sequence[Standing] | None = None


@dataclass(frozen=True)
class Choice(ABC):
    """Draws until it has as many as are wanted.

    Attributes:
        count: how many are wanted in the end; they may be drawn in parts.
    """

    count: int

    @abstractmethod
    def among(
        self, draw: Source, number: int, first: int, kept: int, progress: Progress | None
    ) -> Chosen:
        """So many more.

        Args:
            draw: of what.
            number: how many are wanted now.
            first: number of the first that is drawn.
            kept: how many there are before.
            progress: told (what, done, total).
        """

    def cost(self, counts: Mapping[str, float]) -> dict[str, str]:
        """What the whole of it cost, and why there are fewer than wanted, by name."""
        del counts
        return {}

    def exhausted(self, drawn: float) -> bool:
        """Whether no more may be drawn."""
        del drawn
        return False


@dataclass(frozen=True)
class Everything(Choice):
    """All that is drawn, whatever it is."""

    def among(
        self, draw: Source, number: int, first: int, kept: int, progress: Progress | None
    ) -> Chosen:
        """See `Choice`."""
        del kept
        return Chosen(draw(first, number, _within(progress, first, self.count)), {"drawn": number})


@dataclass(frozen=True)
class WithoutForbidden(Choice):
    """Molecules that are valid, connected and have no forbidden pattern.

    Attributes:
        patterns: what is forbidden.
        most: how many are drawn at most in the end.
    """

    patterns: Sequence[Pattern]
    most: int

    def among(
        self, draw: Source, number: int, first: int, kept: int, progress: Progress | None
    ) -> Chosen:
        """See `Choice`."""
        screened = draw_without(
            self.patterns,
            lambda start, some: draw(start, some, None),
            number,
            first=first,
            most=self.most - first,
            progress=progress and (lambda more: progress("sampling", kept + more, self.count)),
        )
        return Chosen(screened.graphs, screened.cost, screened.refused, screened.standing)

    def cost(self, counts: Mapping[str, float]) -> dict[str, str]:
        """See `Choice`."""
        said = {"cost": described(counts)}
        if counts["kept"] < self.count:
            said["stopped"] = (
                f"{counts['kept']} of {self.count} after {self.most} draws, the most there may be"
            )
        return said

    def exhausted(self, drawn: float) -> bool:
        """See `Choice`."""
        return drawn >= self.most


@dataclass(frozen=True)
class Likeliest(Choice):
    """A share of what is drawn, those of each size that an energy finds likeliest.

    Attributes:
        share: above 0, at most 1.
        model: with an energy.
        statistics: of the graphs it was trained on.
        device: where it runs.
    """

    share: float
    model: GraphModel
    statistics: Statistics
    device: torch.device | str

    def among(
        self, draw: Source, number: int, first: int, kept: int, progress: Progress | None
    ) -> Chosen:
        """See `Choice`."""
        del kept
        more = math.ceil(number / self.share)
        total = math.ceil(self.count / self.share)
        drawn = draw(first, more, _within(progress, first, total))
        energy = energies(self.model, self.statistics, drawn, device=self.device)
        left = set(range(more)) - set(least(drawn, energy, number).tolist())
        refused = dict.fromkeys(sorted(left), "not among the likeliest")
        return Chosen(drawn, {"drawn": more, "kept": number}, refused)

    def cost(self, counts: Mapping[str, float]) -> dict[str, str]:
        """See `Choice`."""
        return {"cost": f"{counts['drawn']} drawn for the {counts['kept']} likeliest"}


def _within(progress: Progress | None, first: int, total: int) -> Progress | None:
    """To report on graphs from `first` on as a share of the whole."""
    if progress is None:
        return None
    return lambda what, done, _: progress(what, first + done, total)
