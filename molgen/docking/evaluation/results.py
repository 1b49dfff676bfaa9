"""What an evaluation of docking found: a row a program, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from molgen.docking.evaluation.statistics import row_of
from molgen.docking.evaluation.verdict import Verdict
from molgen.results import read_results, write_results

PILLAR = "docking"


@dataclass(frozen=True)
class Row:
    """One way to dock.

    Attributes:
        name: of the program or stage, with the shift of the pocket's centre if there is one.
        found: numbers of the table, see `molgen.docking.evaluation.statistics.row_of`.
    """

    name: str
    found: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, verdicts: Sequence[Verdict]) -> Row:
        """That of a verdict on each complex."""
        return cls(name, row_of(verdicts))


@dataclass(frozen=True)
class Results:
    """Of an evaluation.

    Attributes:
        rows: of the table.
        unlike: the same rows over the complexes whose pocket is unlike those of training; empty if
            nobody said what was trained on.
        unusable: complexes that nothing was docked into, with the reasons.
        provenance: where it comes from.
    """

    rows: Sequence[Row]
    unlike: Sequence[Row]
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
        content["unusable"],
        content["provenance"],
    )
