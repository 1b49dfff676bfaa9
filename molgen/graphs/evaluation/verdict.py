"""What is found of graphs that were drawn, by whoever judges them, and where it is kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molgen.errors import UsageError
from molgen.evaluation import Laps
from molgen.files import write_text
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.generic import GENERIC
from molgen.graphs.data.known import KNOWN
from molgen.graphs.evaluation.assess import assess
from molgen.graphs.evaluation.floors import floors, kept_folder
from molgen.graphs.evaluation.judge import Checked, Judge
from molgen.graphs.evaluation.molecules import MoleculeJudge
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.evaluation.plain import PlainJudge
from molgen.graphs.evaluation.results import Results

Progress = Callable[[str, int, int], None]

EXAMPLES, REJECTED = 48, 12
"""Drawn graphs, and rejected ones, that a report shows."""

REASONS = "rejected.csv"


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        folder: where `summary.json` and `arrays.npz` are, and the graphs that were drawn.
        results: what they hold.
    """

    folder: Path
    results: Results


def judge_of(
    data: DataFolder,
    options: EvaluateTable,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Judge:
    """Who judges graphs against a prepared data set."""
    if data.train.chemistry is not None:
        return MoleculeJudge(data, options, kept_folder(data), device, progress)
    return PlainJudge(data, options)


def opened(data: str | Path) -> DataFolder:
    """A prepared data set, by its name or folder.

    Raises:
        UsageError: it is not prepared; how that is done is said.
    """
    try:
        return DataFolder.open(data)
    except UsageError as error:
        name = str(data)
        if name in KNOWN:
            raise UsageError(f"{error}; molgen data prepare {name} --from FILE") from None
        if name in GENERIC:
            raise UsageError(f"{error}; molgen data prepare {name}") from None
        raise


def judged(
    judge: Judge,
    checked: Checked,
    table: EvaluateTable,
    seed: int,
    name: str,
    laps: Laps,
    progress: Progress | None,
) -> Results:
    """Everything but where the graphs came from."""
    checked.require(name)
    real = floors(
        judge,
        checked.count,
        draws=table.floor_draws,
        kept=kept_folder(judge.data),
        progress=progress,
    )
    laps.end("floors")
    lines = assess(judge, checked, real, repeats=table.repeats, seed=seed, progress=progress)
    laps.end("metrics")
    sources = {"samples": checked.items, "train": judge.pool, "test": judge.test}
    meta = judge.data.meta
    known = KNOWN.get(meta["name"]) or GENERIC.get(meta["name"])
    rng = np.random.default_rng(seed)
    return Results(
        title=known.title if known else meta["name"],
        subtitle=f"{checked.n:,} {judge.noun} of {name}",
        kind=judge.kind,
        drawn=checked.n,
        refused=len(checked.rejected),
        lines=lines,
        headline=judge.headline,
        distributions={key: judge.distributions(items) for key, items in sources.items()},
        examples=tuple(checked.texts[k] for k in _some(checked.count, EXAMPLES, rng)),
        rejected=tuple(checked.rejected[k] for k in _some(len(checked.rejected), REJECTED, rng)),
        remarks=tuple(judge.remarks(checked)),
        provenance={
            "data": {
                "name": meta["name"],
                "split": meta.get("split", meta["source"]),
                "counts": meta["counts"],
                "compared with": f"{len(judge.test)} test {judge.noun}",
                "floors drawn from": f"{len(judge.pool)} training {judge.noun}",
            }
        },
    )


def save(folder: Path, results: Results, checked: Checked) -> None:
    """Everything at once, so that an evaluation that fails leaves an earlier one as it was."""
    write_text(folder / REASONS, _reasons(checked))
    results.save(folder)


def _some(count: int, most: int, rng: np.random.Generator) -> list[int]:
    chosen: list[int] = sorted(rng.permutation(count)[:most].tolist())
    return chosen


def _reasons(checked: Checked) -> str:
    """Every rejected graph as CSV."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("number", "reason", "drawn"))
    writer.writerows((one.number, one.reason, one.smiles) for one in checked.rejected)
    return table.getvalue()
