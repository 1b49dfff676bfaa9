"""`molgen evaluate graphs`: graphs drawn from a checkpoint, or anybody's, against real ones.

What it finds is kept in a run folder (`molgen.graphs.evaluation.results.Results`), from which
`molgen report` makes a page and `--table` one table of several runs.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.core.threads import cpu_threads
from molgen.errors import UsageError
from molgen.evaluation import (
    ASKED,
    Laps,
    asked,
    claim,
    options_of,
    origin_of,
    unowned,
)
from molgen.files import write_text
from molgen.graphs.data_folder import DataFolder
from molgen.graphs.evaluation.assess import assess
from molgen.graphs.evaluation.effort import effort_curves, evaluations_each, graphs_a_point
from molgen.graphs.evaluation.floors import floors, kept_folder
from molgen.graphs.evaluation.judge import Checked, Judge
from molgen.graphs.evaluation.molecules import MoleculeJudge
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.evaluation.plain import PlainJudge
from molgen.graphs.evaluation.results import Results
from molgen.graphs.generic import GENERIC
from molgen.graphs.known import KNOWN
from molgen.graphs.sample import draw
from molgen.graphs.task import DataTable, restore
from molgen.results import Curve
from molgen.run import Run, provenance

Progress = Callable[[str, int, int], None]

EXAMPLES, REJECTED = 48, 12
"""Drawn graphs, and rejected ones, that a report shows."""

SAMPLES, REASONS = "samples.npz", "rejected.csv"


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        folder: where `summary.json` and `arrays.npz` are, and the graphs that were drawn.
        results: what they hold.
    """

    folder: Path
    results: Results


def evaluate(
    checkpoint: str | Path,
    *,
    data: str | Path | None = None,
    count: int | None = None,
    output: str | Path | None = None,
    options: EvaluateTable | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Evaluation:
    """Draw graphs from a checkpoint and compare them with real ones.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        data: prepared data set to compare with; that of the recipe if None.
        count: graphs drawn; those of `options` if None.
        output: folder for what is found: the one that holds the checkpoint if None, else
            `runs/evaluate-<checkpoint>`; `runs/evaluate-<checkpoint>-<data>` if the data are not
            those of the recipe.
        options: how much to do; the recipe's `[evaluate]` if None, which
            `molgen.evaluation.options_of` gives with changes.
        seed: of all random numbers.
        device: where the networks run.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint or the data cannot be used; the folder holds another run.
        MolgenError: a score is not finite.
    """
    found = checkpoints.load(checkpoint)
    table = options or options_of(found, EvaluateTable)
    with cpu_threads(table.threads):
        begun, laps = provenance(), Laps()
        model, statistics = restore(found)
        model = model.to(device)
        judge = judge_of(data_of(found, data), table, device, progress)
        folder = claim(found, checkpoint, output, other_data(found, data))
        number = count or table.samples or judge.usual
        drawing = partial(
            draw, model, statistics, batch_size=table.batch_size, seed=seed, device=device
        )
        laps.end("loading")
        graphs = drawing(number, table=table, progress=progress)
        laps.end("sampling")
        checked = judge.check(graphs)
        results = _judged(
            judge, checked, table, seed, f"the model {found.recipe.name}", laps, progress
        )
        curves: dict[str, tuple[Curve, ...]] = {}
        kept = kept_folder(judge.data)
        each = graphs_a_point(judge, table)
        if each:
            few = floors(judge, each, draws=table.floor_draws, kept=kept)
            curves = effort_curves(judge, model, drawing, table, each, few, progress)
            laps.end("curves")
        facts = {
            **origin_of(found, checkpoint),
            ASKED: asked_of(found, data, count, table, seed),
            "model": {
                "kind": found.recipe.model.kind,
                "parameters": sum(weight.numel() for weight in model.parameters()),
            },
            "samples": {
                "graphs": number,
                "solver": table.solver,
                "evaluations each": evaluations_each(model, table),
                "seconds each": round(laps.seconds["sampling"] / number, 6),
            },
            **results.provenance,
            "evaluation": {**begun, "seed": seed, "device": device, "seconds": laps.seconds},
        }
        results = replace(
            results,
            evaluations=curves,
            provenance=facts,
        )
        graphs.save(folder / SAMPLES)
        _save(folder, results, checked)
    return Evaluation(folder, results)


def asked_of(
    found: Checkpoint,
    data: str | Path | None,
    count: int | None,
    options: EvaluateTable,
    seed: int,
) -> dict[str, Any]:
    """What an evaluation of a checkpoint is asked for; see `evaluate` for the arguments.

    Raises:
        UsageError: the data are not prepared.
    """
    options = options.model_copy(update={"samples": count or options.samples})
    return asked(options, seed, data_of(found, data).meta["crc32"])


def other_data(found: Checkpoint, data: str | Path | None) -> str | None:
    """The name of a data set that a checkpoint is compared with, if it is not its recipe's.

    Raises:
        UsageError: it is not prepared.
    """
    own = found.recipe.table("data", DataTable).graphs
    if data is None or str(data) == own:
        return None
    other = opened(data)
    try:
        same = opened(own).meta["crc32"] == other.meta["crc32"]
    except UsageError:  # its own are not here
        same = False
    return None if same else str(other.meta["name"])


def data_of(found: Checkpoint, data: str | Path | None) -> DataFolder:
    """The data set a checkpoint is compared with: this one, or that of its recipe if None.

    Raises:
        UsageError: it is not prepared; how that is done is said.
    """
    return opened(data or found.recipe.table("data", DataTable).graphs)


def evaluate_samples(
    samples: str | Path,
    data: str | Path,
    *,
    count: int | None = None,
    output: str | Path | None = None,
    options: EvaluateTable | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Evaluation:
    """Compare graphs that anybody drew with real ones.

    Args:
        samples: file of SMILES, one a line (also .csv, .tsv; packed or not), or of graphs (.npz).
        data: prepared data set to compare with.
        count: the first so many of the file; all if None.
        output: folder for what is found; `runs/evaluate-<name of the file>` if None.
        options: how much to do.
        seed: of the bootstraps.
        device: where ChemNet runs.
        progress: told (what, done, total).

    Raises:
        UsageError: the file or the data cannot be used; the folder holds another run.
    """
    path = Path(samples)
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    table = options or EvaluateTable()
    with cpu_threads(table.threads):
        begun, laps = provenance(), Laps()
        judge = judge_of(opened(data), table, device, progress)
        checked = judge.read(path, count or table.samples)
        checked.require(str(path))
        crc32 = zlib.crc32(path.read_bytes())
        folder = Path(output) if output is not None else unowned(path.name.partition(".")[0])
        identity = {"command": "evaluate", "samples": crc32, "data": judge.data.meta["crc32"]}
        Run.start(folder, identity)
        laps.end("loading")
        results = _judged(judge, checked, table, seed, path.name, laps, progress)
        facts = {
            "samples": {"file": path.name, "crc32": crc32, "graphs": checked.n},
            **results.provenance,
            "evaluation": {**begun, "seed": seed, "device": device, "seconds": laps.seconds},
        }
        results = replace(results, provenance=facts)
        _save(folder, results, checked)
    return Evaluation(folder, results)


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


def _judged(
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


def _save(folder: Path, results: Results, checked: Checked) -> None:
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
