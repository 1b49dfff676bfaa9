"""What a docking program answers, and what all programs that are judged have in common."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molgen.docking.evaluation.cases import Case

BOX_NM = 2.25
"""Edge of the cube about the pocket's centre in which other programs search."""


@dataclass(frozen=True)
class Answer:
    """Poses of a ligand, the best first.

    Attributes:
        poses: [poses, atoms, 3] nm.
        scores: [poses] each, by name, such as `affinity`.
        spent: on it.
    """

    poses: NDArray[np.float64]
    scores: Mapping[str, NDArray[np.float64]]
    spent: Spent


@dataclass(frozen=True)
class Spent:
    """What an answer took.

    Attributes:
        seconds: by stage, on the clock.
        processor: seconds of all threads and processes, which a busy machine does not lengthen.
    """

    seconds: Mapping[str, float]
    processor: float

    def and_(self, other: Spent) -> Spent:
        """Both together."""
        stages = dict.fromkeys((*self.seconds, *other.seconds))
        return Spent(
            {name: self.seconds.get(name, 0.0) + other.seconds.get(name, 0.0) for name in stages},
            self.processor + other.processor,
        )


class Watch:
    """Tells what has been spent in this process since it was made."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._clock, self._processor = time.perf_counter(), _processor()

    def end(self, stage: str) -> None:
        """The stage that just ended."""
        now = time.perf_counter()
        self._seconds[stage] = now - self._clock
        self._clock = now

    @property
    def spent(self) -> Spent:
        """All of it."""
        return Spent(self._seconds, _processor() - self._processor)


def _processor() -> float:
    """Seconds of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


class Program(Protocol):
    """A way to dock, which may give several answers at once: a row of the table each."""

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of its answers."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """What decides its answers, as JSON has it."""
        ...

    def dock(self, case: Case) -> dict[str, Answer]:
        """Its answers to a case, by row.

        Raises:
            MolgenError: it has none, and why.
        """
        ...
