"""What an evaluation of docking found: a row a program, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from molgen.results import read_results, write_results

PILLAR = "docking"


@dataclass(frozen=True)
class Row:
    """One way to dock.

    Attributes:
        program: or the stage of one.
        shift_angstrom: by how much the pocket's centre was moved.
        found: numbers of the table, see `molgen.docking.evaluation.statistics.row_of`.
    """

    program: str
    shift_angstrom: float
    found: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Program and shift."""
        return row_name(self.program, self.shift_angstrom)


def row_name(program: str, shift_angstrom: float) -> str:
    """Of a program and a shift of the pocket's centre."""
    return program if shift_angstrom == 0 else f"{program}-shift{shift_angstrom:g}"


@dataclass(frozen=True)
class Results:
    """Of an evaluation.

    Attributes:
        rows: of the table.
        unlike: the same rows over the complexes whose pocket is unlike those of training; empty if
            nobody said what was trained on.
        differences: of programs whose centre was not moved, by how much more often the first pose
            of one is right and valid than that of another: {one: {other: share}}.
        unusable: complexes that nothing was docked into, with the reasons.
        provenance: where it comes from.
    """

    rows: Sequence[Row]
    unlike: Sequence[Row]
    differences: Mapping[str, Mapping[str, Any]]
    unusable: Mapping[str, str]
    provenance: Mapping[str, Any]

    def save(self, folder: Path) -> None:
        """Into a run folder's summary.json."""
        write_results(folder, PILLAR, asdict(self))


def load_results(folder: Path) -> Results:
    """What `Results.save` kept.

    Raises:
        UsageError: there is none.
    """
    content = read_results(folder)
    return Results(
        [Row(**row) for row in content["rows"]],
        [Row(**row) for row in content["unlike"]],
        content["differences"],
        content["unusable"],
        content["provenance"],
    )
