"""What every evaluation does: options of a recipe, a folder of its own, times of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.config import Table, TableT, validate
from molgen.config_layers import override
from molgen.errors import UsageError
from molgen.files import RUN_FILE
from molgen.results import read_results
from molgen.run import CHECKPOINT, Run

ResultsT = TypeVar("ResultsT")

ASKED = "asked"
"""Where results say what was asked for, among the facts of their origin."""


def options_of(found: Checkpoint, model: type[TableT], changes: Sequence[str] = ()) -> TableT:
    """`[evaluate]` of a checkpoint's recipe with changes such as `samples=50000`."""
    source = f"{found.recipe.source} with --set" if changes else found.recipe.source
    return with_changes(found.recipe.evaluate, model, changes, source)


def with_changes(
    tables: dict[str, Any], model: type[TableT], changes: Sequence[str], source: str
) -> TableT:
    """`[evaluate]` as these tables say it, with changes.

    Raises:
        UsageError: a key is unknown or its value makes no sense.
    """
    for text in changes:
        tables = override(tables, text)
    return validate(model, tables, source, "evaluate")


def origin_of(found: Checkpoint, name: str | Path) -> dict[str, Any]:
    """What a checkpoint is: recipe, weights, and how long it was trained."""
    training = {"steps": found.meta.get("step"), "seconds": found.meta.get("training_seconds")}
    known = {key: round(value, 1) for key, value in training.items() if value is not None}
    return {
        "checkpoint": str(name),
        "weights": found.fingerprint,
        "recipe": found.recipe.name,
        "training": {"seed": found.recipe.seed, **known},
    }


def own_run(found: Checkpoint) -> Path | None:
    """The run folder that holds a checkpoint and is of it alone, not of all that it can bind."""
    holder = found.folder.parent
    inside = found.folder.name == CHECKPOINT and (holder / RUN_FILE).is_file()
    return holder if inside and "bound" not in found.meta else None


def place(
    found: Checkpoint, name: str | Path, output: str | Path | None, data: str | None = None
) -> Path:
    """Where the results of a checkpoint go; with other data than its own, not into its run folder.

    Args:
        found: the checkpoint.
        name: what it was called.
        output: the folder, if somebody said.
        data: name of what it is compared with, if that is not the data of its recipe.
    """
    if output is not None:
        return Path(output)
    own = own_run(found) if data is None else None
    return own or unowned(name if data is None else f"{Path(name).name}-{data}")


def unowned(name: str | Path) -> Path:
    """Where the results of something go that is in no run folder."""
    return Path("runs") / f"evaluate-{Path(name).name}"


def claim(
    found: Checkpoint, name: str | Path, output: str | Path | None, data: str | None = None
) -> Path:
    """`place`, made this checkpoint's and these data's own.

    Raises:
        UsageError: it holds another run.
    """
    folder, own = place(found, name, output, data), own_run(found)
    if data is not None or own is None or folder.resolve() != own.resolve():
        identity = {"command": "evaluate", "weights": found.fingerprint}
        Run.start(folder, identity if data is None else {**identity, "data": data})
    return folder


def asked(options: Table, seed: int, data: Mapping[str, int]) -> dict[str, Any]:
    """What decides an evaluation of given weights, as JSON has it.

    Args:
        options: how much is done.
        seed: of all random numbers.
        data: checksums of what it compares with, by the name of the file.
    """
    said = options.model_dump(mode="json", exclude={"threads"})
    return {"seed": seed, "data": dict(data), "options": said}


def evaluated(
    checkpoint: str | Path,
    load: Callable[[Path], ResultsT],
    asked: Mapping[str, Any],
    output: str | Path | None = None,
    data: str | None = None,
) -> ResultsT | None:
    """The results of an earlier evaluation; None if there is none of these weights as `asked`.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        load: how the pillar reads results from their folder.
        asked: what is asked for now.
        output: the folder, if it is not where `place` puts it.
        data: as in `place`.
    """
    found = checkpoints.load(checkpoint)
    folder = place(found, checkpoint, output, data)
    try:
        content = read_results(folder)
    except UsageError:
        return None
    facts = content["provenance"]
    same = facts.get("weights") == found.fingerprint and facts.get(ASKED) == asked
    return load(folder) if same else None


class Laps:
    """Wall-clock time of each stage, seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()

    def end(self, stage: str) -> None:
        """The stage that just ended."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._begun, 2)
        self._begun = now
