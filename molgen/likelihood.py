"""Log q as users ask for it: how the flow is followed, of what, and the files that say it."""

from __future__ import annotations

import csv
import io
import math
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from molgen.arrays import read_arrays, write_arrays
from molgen.config import Table
from molgen.core.batch import Batch
from molgen.core.likelihood.density import Density, draw, encode
from molgen.core.random import Random
from molgen.errors import UsageError
from molgen.files import write_json, write_text
from molgen.grid import grid_of
from molgen.parts import parts_of
from molgen.run import provenance

Progress = Callable[[str, int, int], None]

Columns = Mapping[str, NDArray[np.float64]]
"""What is said of each, by name: `[n]`."""

LOG_Q, ERROR, STEP, BITS = "log_q", "standard_error", "step_error", "bits_per_dim"
"""Nats, but for bits: -log_q / (D ln 2)."""

UNSURE = 0.2
"""Nats of a step error from which on a log q is not to be trusted."""

_SCORES = "scores.npz"


class LikelihoodTable(Table):
    """How the probability flow is followed.

    Attributes:
        steps: of fourth order; each looks at the divergence twice, at the score six times more.
        grid: see `molgen.grid`.
        probes: random directions of the divergence, two or more; 0: all, exactly; None: as many as
            the size of a graph asks for.
    """

    steps: PositiveInt = 40
    grid: str = "karras"
    probes: NonNegativeInt | None = None

    def changed(self, **changes: int | str | None) -> LikelihoodTable:
        """With changes that are not None.

        Raises:
            UsageError: no such grid, or one probe, which gives no standard error.
        """
        own = {key: value for key, value in changes.items() if value is not None}
        table = self.model_copy(update=own)
        grid_of(table.grid)
        if table.probes == 1:
            raise UsageError("likelihood: one probe gives no standard error; take two or more")
        return table

    def asked(self, wanted: bool, **changes: int | str | None) -> LikelihoodTable | None:
        """What an option `--likelihood` asks for; None if it is not there.

        Raises:
            UsageError: probes without it, or what `changed` raises.
        """
        if wanted:
            return self.changed(**changes)
        if changes.get("probes") is not None:
            raise UsageError("--probes are of the divergence in log q: give --likelihood as well")
        return None

    def times(self, model: Any) -> Tensor:
        """From 1 to the smallest time of a model with `processes`."""
        return grid_of(self.grid)(next(iter(model.processes.values())), self.steps)

    def draw(self, model: Any, batch: Batch, generator: Random) -> Density:
        """A draw shaped as `batch`, and its log q; see `molgen.core.likelihood.density.draw`."""
        with torch.no_grad():
            return draw(
                model.processes,
                model.score,
                batch,
                self.times(model),
                probes=self.probes,
                generator=generator,
            )

    def encode(self, model: Any, batch: Batch, generator: Random) -> Density:
        """Log q of states, and their noise; see `molgen.core.likelihood.density.encode`."""
        with torch.no_grad():
            return encode(
                model.processes,
                model.score,
                batch,
                self.times(model),
                probes=self.probes,
                generator=generator,
            )


def columns(found: Density, dims: Tensor | float, unit: float = 0.0) -> Columns:
    """What is written of states.

    Args:
        found: of them.
        dims: `[n]`, the number of their dimensions.
        unit: nats that log q is less by in the unit that it is written in.
    """
    log_q = found.log_q - unit
    said = {
        LOG_Q: log_q,
        ERROR: found.error,
        STEP: found.step_error,
        BITS: -log_q / (dims * math.log(2)),
    }
    return {name: values.double().numpy(force=True) for name, values in said.items()}


@dataclass(frozen=True)
class Subjects:
    """What is to be scored.

    Attributes:
        names: of each.
        score: columns of numbers `first` to `stop`.
        about: what the columns are, for the JSON beside.
        at_once: how many a call takes.
    """

    names: Sequence[str]
    score: Callable[[int, int], Columns]
    about: Mapping[str, Any]
    at_once: int


def likelihood(
    checkpoint: str | Path,
    file: str | Path | None = None,
    *,
    output: str | Path,
    count: int = 1000,
    noise: bool | None = None,
    steps: int | None = None,
    grid: str | None = None,
    probes: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    **context: Any,
) -> Path:
    """A table of how likely a model finds held-out data, or what a file holds.

    Conformers and poses get log q of the probability flow, a density of states with the smallest
    noise of the model; graphs, whose types have none, a bound. A JSON beside the table says of what
    and how, with means. Interrupted, the same call goes on where it stopped.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        file: of the pillar's own kind, such as samples of the model; its held-out data if None.
        output: a .csv.
        count: of held-out data, or the first so many of the file.
        noise: add the smallest noise first, as a density of noised data asks for of clean ones; if
            None, held-out data get it, and files are taken as they are, as samples are.
        steps: of the flow.
        grid: its times.
        probes: see `LikelihoodTable`.
        batch_size: so many at a time.
        seed: of the choice, the noise and the probes.
        device: where the model runs.
        progress: told (what, done, total).
        **context: what a draw is given; see `molgen.trained.load`.

    Raises:
        UsageError: something given cannot be used, or another run has begun to write the table.
        MolgenError: a score is not finite, or the disk is full.
    """
    from molgen.trained import load

    output = Path(output)
    if output.suffix != ".csv":
        raise UsageError(f"{output}: likelihoods are written as .csv")
    started, trained = provenance(), load(checkpoint, **context)
    pillar = import_module(f"molgen.{trained.checkpoint.recipe.task}.likelihood")
    table: LikelihoodTable = pillar.FLOW.changed(steps=steps, grid=grid, probes=probes)
    subjects: Subjects = pillar.subjects(
        trained,
        None if file is None else Path(file),
        count=count,
        noise=file is None if noise is None else noise,
        table=table,
        seed=seed,
        device=device,
    )
    at_once = batch_size or subjects.at_once
    said = {
        "of": "held-out data" if file is None else Path(file).name,
        **({} if file is None else {"crc32": zlib.crc32(Path(file).read_bytes())}),
        "count": len(subjects.names),
        **subjects.about,
        "weights": trained.checkpoint.fingerprint,
        **table.model_dump(),
        "batch_size": at_once,
        "seed": seed,
        "device": device,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    found, seconds = _scored(output, subjects, at_once, said, progress)
    write_scores(output, subjects.names, found)
    write_json(
        output.with_suffix(".json"),
        {
            **said,
            "checkpoint": str(checkpoint),
            **{name: summary(values) for name, values in found.items()},
            "unsure": unsure(found),
            "seconds_each": float(f"{seconds / len(subjects.names):.4g}"),
            "provenance": started,
        },
    )
    return output


def _scored(
    output: Path,
    subjects: Subjects,
    at_once: int,
    identity: Mapping[str, Any],
    progress: Progress | None,
) -> tuple[dict[str, NDArray[np.float64]], float]:
    """The columns of all, made part by part, and the seconds they took."""
    found: dict[str, list[NDArray[np.float64]]] = {}
    seconds, total = 0.0, len(subjects.names)
    with parts_of(output, {"kind": "likelihoods", **identity}) as parts:
        for number, first in enumerate(range(0, total, at_once)):
            stop = min(first + at_once, total)
            if not parts.done(number):
                with parts.make(number) as folder:
                    begun = time.perf_counter()
                    scores = dict(subjects.score(first, stop))
                    scores["seconds"] = np.array([time.perf_counter() - begun])
                    write_arrays(folder / _SCORES, scores)
            arrays = read_arrays(parts[number] / _SCORES)
            seconds += arrays.pop("seconds").item()
            for name, values in arrays.items():
                found.setdefault(name, []).append(values)
            if progress is not None:
                progress("likelihood", stop, total)
    return {name: np.concatenate(values) for name, values in found.items()}, seconds


def write_scores(path: Path, names: Sequence[str], found: Columns) -> None:
    """A table, one line each."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["name", *found])
    for name, *values in zip(names, *found.values(), strict=True):
        lines.writerow([name, *(f"{value:.6f}" for value in values)])
    write_text(path, text.getvalue())


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Mean with its standard error, standard deviation, median."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return {
        "mean": round(float(values.mean()), 6),
        "standard_error": round(spread / len(values) ** 0.5, 6),
        "standard_deviation": round(spread, 6),
        "median": round(float(np.median(values)), 6),
    }


def unsure(found: Columns) -> int:
    """How many log q are not to be trusted for the steps of their flow."""
    return int((found[STEP] > UNSURE).sum()) if STEP in found else 0
