"""Conformers drawn with their log q: part by part, so that a run that died goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from molgen import checkpoint as checkpoints
from molgen.arrays import read_arrays, write_arrays
from molgen.core.models import EnergyModel
from molgen.files import write_json
from molgen.likelihood import Columns, LikelihoodTable, summary, unsure, write_scores
from molgen.md.likelihood import AT_ONCE, columns_of, dims_of, draw_scored
from molgen.md.models.statistics import Statistics
from molgen.md.output import prepare, write_trajectory
from molgen.md.task import restore
from molgen.parts import Parts, parts_of
from molgen.run import provenance

Progress = Callable[[str, int, int], None]

_PART = "drawn.npz"
_STATES, _SECONDS = "states", "seconds"


@dataclass(frozen=True)
class Drawn:
    """Conformers at the smallest noise of a model.

    Attributes:
        states: `[n, beads, dims]` float32, in the model's units.
        scores: of each; log q per nm^D.
        seconds: they took.
    """

    states: NDArray[np.float32]
    scores: Columns
    seconds: float


def draw_in_parts(
    parts: Parts,
    model: EnergyModel,
    statistics: Statistics,
    count: int,
    *,
    table: LikelihoodTable,
    batch_size: int = AT_ONCE,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Drawn:
    """So many conformers of a seed, of which those in parts that are there are not drawn again.

    Args:
        parts: of the result.
        model: on the device.
        statistics: of its molecule.
        count: how many.
        table: how the flow is followed.
        batch_size: conformers in a part.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        MolgenError: a score is not finite, or the disk is full.
    """
    made = []
    for number, first in enumerate(range(0, count, batch_size)):
        some = min(batch_size, count - first)
        if not parts.done(number):
            with parts.make(number) as folder:
                begun = time.perf_counter()
                found = draw_scored(
                    model, statistics, first, some, table=table, seed=seed, device=device
                )
                write_arrays(
                    folder / _PART,
                    {
                        _STATES: found.batch.state["pos"].float().numpy(force=True),
                        **columns_of(statistics, found),
                        _SECONDS: np.array([time.perf_counter() - begun]),
                    },
                )
        made.append(read_arrays(parts[number] / _PART))
        if progress is not None:
            progress("sampling with log q", first + some, count)
    whole = {name: np.concatenate([part[name] for part in made]) for name in made[0]}
    states, seconds = whole.pop(_STATES), whole.pop(_SECONDS)
    return Drawn(states, whole, float(seconds.sum()))


def sample_scored(
    checkpoint: str | Path,
    *,
    count: int,
    output: str | Path,
    table: LikelihoodTable,
    batch_size: int = AT_ONCE,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """A file of independent conformers by the probability flow, and a table of their log q.

    Beside `samples.xtc` stand `samples.log_q.csv`, one line a conformer, and `samples.json`. Parts
    are kept beside it until all is drawn: the same call again goes on after the last of them.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        count: how many.
        output: .xtc, .dcd or .pdb; .npz for test systems.
        table: how the flow is followed.
        batch_size: conformers at a time; does not change them.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint or the file's format cannot be used, or another run has begun to
            write this file.
        MolgenError: a score is not finite, or the disk is full.
    """
    started, found = provenance(), checkpoints.load(checkpoint)
    model, statistics = restore(found)
    output = prepare(Path(output), len(statistics.offset))
    said = {
        "conformers": count,
        "system": statistics.system,
        "beads": statistics.mapping.name,
        "weights": found.fingerprint,
        "solver": "probability flow with log q",
        **table.model_dump(),
        "batch_size": batch_size,
        "seed": seed,
    }
    with parts_of(output, {"kind": "conformers with log q", **said, "device": device}) as parts:
        drawn = draw_in_parts(
            parts,
            model.to(device),
            statistics,
            count,
            table=table,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
        )
        names = [str(k) for k in range(count)]
        write_scores(output.with_name(f"{output.stem}.log_q.csv"), names, drawn.scores)
        x = statistics.restore(torch.from_numpy(drawn.states))
        write_trajectory(output, x.numpy(), statistics.mapping)
    write_json(
        output.with_suffix(".json"),
        {
            **said,
            "checkpoint": str(checkpoint),
            "log_q_of": f"nats, per nm^{dims_of(statistics)}",
            **{name: summary(values) for name, values in drawn.scores.items()},
            "unsure": unsure(drawn.scores),
            "seconds": round(drawn.seconds, 3),
            "conformers_per_s": float(f"{count / drawn.seconds:.4g}"),
            "provenance": started,
        },
    )
    return output
