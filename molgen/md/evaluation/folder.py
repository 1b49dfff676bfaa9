"""Where the results of an evaluation are kept, and of which weights they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from molgen import checkpoint as checkpoints
from molgen.checkpoint import WEIGHTS, Checkpoint
from molgen.files import RUN_FILE, read_json
from molgen.md.evaluation.results import KEY, Results, load_results
from molgen.run import CHECKPOINT, SUMMARY, Run


def origin_of(found: Checkpoint, name: str | Path) -> dict[str, Any]:
    """What a checkpoint is: recipe, weights, and how long it was trained."""
    training = {"steps": found.meta.get("step"), "seconds": found.meta.get("training_seconds")}
    known = {key: round(value, 1) for key, value in training.items() if value is not None}
    return {
        "checkpoint": str(name),
        "weights": weights_of(found),
        "recipe": found.recipe.name,
        "training": {"seed": found.recipe.seed, **known},
    }


def weights_of(found: Checkpoint) -> str:
    """What tells a checkpoint from all others: the checksum of its weights."""
    return str(found.meta["files"][WEIGHTS]["sha256"])


def own_run(found: Checkpoint) -> Path | None:
    """The run folder that holds a checkpoint, if it is in one."""
    holder = found.folder.parent
    return holder if found.folder.name == CHECKPOINT and (holder / RUN_FILE).is_file() else None


def place(found: Checkpoint, name: str | Path, output: str | Path | None) -> Path:
    """Where the results of a checkpoint go."""
    if output is not None:
        return Path(output)
    return own_run(found) or Path("runs") / f"evaluate-{Path(name).name}"


def claim(found: Checkpoint, name: str | Path, output: str | Path | None) -> Path:
    """The same, made this checkpoint's own.

    Raises:
        UsageError: it holds another run.
    """
    folder, own = place(found, name, output), own_run(found)
    if own is None or folder.resolve() != own.resolve():
        Run.start(folder, {"command": "evaluate", "weights": weights_of(found)})
    return folder


def evaluated(checkpoint: str | Path, output: str | Path | None = None) -> Results | None:
    """The results of an earlier evaluation; None if there is none of these very weights."""
    found = checkpoints.load(checkpoint)
    folder = place(found, checkpoint, output)
    if not (folder / SUMMARY).is_file() or KEY not in read_json(folder / SUMMARY):
        return None
    results = load_results(folder)
    same = results.provenance.get("weights") == weights_of(found)
    return results if same else None
