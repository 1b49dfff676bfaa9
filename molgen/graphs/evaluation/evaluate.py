"""`molgen evaluate graphs`: graphs drawn from a checkpoint against real ones.

What it finds is kept in a run folder (`molgen.graphs.evaluation.results.Results`), from which
`molgen report` makes a page and `--table` one table of several runs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.core.threads import cpu_threads
from molgen.errors import UsageError
from molgen.evaluation import ASKED, Laps, asked, claim, options_of, origin_of
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.drawing import draw
from molgen.graphs.evaluation.effort import effort_curves, evaluations_each, graphs_a_point
from molgen.graphs.evaluation.floors import floors, kept_folder
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.evaluation.verdict import Evaluation, Progress, judge_of, judged, opened, save
from molgen.graphs.task import DataTable, restore, trained_on
from molgen.results import Curve
from molgen.run import provenance

SAMPLES = "samples.npz"
"""The graphs that were drawn."""


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
    table = (options or options_of(found, EvaluateTable)).ready(found)
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
        results = judged(
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
            remarks=(*results.remarks, *_seen(found, judge.data)),
        )
        graphs.save(folder / SAMPLES)
        save(folder, results, checked)
    return Evaluation(folder, results)


def _seen(found: Checkpoint, data: DataFolder) -> list[str]:
    """What is not known of a model that was trained on other graphs than these data have for it."""
    if trained_on(found, data.train):
        return []
    return [
        f"The model was not trained on the training graphs of {data.meta['name']}, from which "
        "novelty is counted: whether it has seen the test graphs is not known."
    ]


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
