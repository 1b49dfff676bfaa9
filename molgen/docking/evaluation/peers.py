"""Other docking programs, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from molgen.docking.evaluation.answers import Program
from molgen.docking.evaluation.rustina import RustinaProgram
from molgen.docking.evaluation.vina import VinaProgram
from molgen.families import choose

PEERS: dict[str, Callable[[int], Program]] = {"vina": VinaProgram, "rustina": RustinaProgram}
"""Each made with its number of threads."""


def peers(names: Sequence[str], threads: int) -> list[Program]:
    """Programs by name.

    Raises:
        UsageError: there is none of a name.
    """
    return [choose(PEERS, name, "peer")(threads) for name in names]
