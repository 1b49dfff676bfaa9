"""The results of an evaluation of graphs, kept in a run folder.

summary.json   "report": title, every number, pictures, curves, remarks and provenance
arrays.npz     values of every property, for histograms
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molgen.arrays import read_arrays, write_arrays
from molgen.errors import UsageError
from molgen.graphs.evaluation.assess import Line
from molgen.graphs.evaluation.judge import Distributions, Entry
from molgen.graphs.metrics.counts import Rejected
from molgen.graphs.metrics.metric import Floor, Measured
from molgen.results import (
    Curve,
    curves_of,
    read_results,
    run_facts,
    training_curves,
    write_results,
)

ARRAYS = "arrays.npz"
PILLAR = "graphs"


@dataclass(frozen=True)
class Results:
    """Everything that a report of graphs shows.

    Attributes:
        title: Headline.
        subtitle: A line under it.
        kind: `molecules` or `plain`.
        drawn: How many graphs were judged.
        refused: How many of them are not valid, or not connected where that is asked.
        lines: Every number.
        headline: Names of those that say most.
        distributions: Source (`samples`, `train`, `test`) -> quantity -> values.
        examples: Some of the drawn graphs as text, SMILES or graph6.
        rejected: Some of those that were refused.
        evaluations: Name -> its value against network evaluations a graph.
        training: Loss curves.
        remarks: What to read beside the numbers.
        provenance: Facts; nested tables become sections.
    """

    title: str
    subtitle: str
    kind: str
    drawn: int
    refused: int
    lines: tuple[Line, ...]
    headline: tuple[str, ...]
    distributions: Mapping[str, Distributions]
    examples: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    evaluations: Mapping[str, tuple[Curve, ...]] = field(default_factory=dict)
    training: tuple[Curve, ...] = ()
    remarks: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Measured:
        """The number of this name."""
        return next(line.measured for line in self.lines if line.name == name)

    def save(self, folder: Path) -> None:
        """Write them into a run folder, beside what its summary.json already says.

        Raises:
            UsageError: summary.json is there and is not JSON.
            MolgenError: the files cannot be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {
            f"{source}_{name}": np.asarray(values, np.float32)
            for source, quantities in self.distributions.items()
            for name, values in quantities.items()
        }
        write_arrays(folder / ARRAYS, arrays, compressed=True)
        content = {
            "title": self.title,
            "subtitle": self.subtitle,
            "kind": self.kind,
            "drawn": self.drawn,
            "refused": self.refused,
            "lines": [asdict(line) for line in self.lines],
            "headline": list(self.headline),
            "examples": list(self.examples),
            "rejected": [asdict(one) for one in self.rejected],
            "evaluations": {k: [vars(c) for c in curves] for k, curves in self.evaluations.items()},
            "remarks": list(self.remarks),
            "provenance": dict(self.provenance),
        }
        write_results(folder, PILLAR, content)


def load_results(folder: Path) -> Results:
    """The results that `Results.save` put into a run folder.

    Raises:
        UsageError: a file is missing or does not hold them; the file is named.
    """
    folder = Path(folder)
    content, arrays = read_results(folder), read_arrays(folder / ARRAYS)
    distributions: dict[str, dict[str, NDArray[Any]]] = {}
    for key, values in arrays.items():
        source, _, name = key.partition("_")
        distributions.setdefault(source, {})[name] = values
    try:
        return Results(
            title=content["title"],
            subtitle=content["subtitle"],
            kind=content["kind"],
            drawn=content["drawn"],
            refused=content["refused"],
            lines=tuple(_line(line) for line in content["lines"]),
            headline=tuple(content["headline"]),
            distributions=distributions,
            examples=tuple(content["examples"]),
            rejected=tuple(Rejected(**one) for one in content["rejected"]),
            evaluations={k: curves_of(v) for k, v in content["evaluations"].items()},
            training=training_curves(folder),
            remarks=tuple(content["remarks"]),
            provenance={**content["provenance"], **run_facts(folder)},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder}: results cannot be read: {error!r}") from error


def _line(content: Mapping[str, Any]) -> Line:
    measured = dict(content["measured"])
    floor = measured.pop("floor")
    return Line(
        content["name"],
        Entry(**content["entry"]),
        Measured(**measured, floor=Floor(**floor) if floor else None),
    )
