"""Conformers that are steered, part by part: a run that died or failed keeps what it has."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from molgen import checkpoint as checkpoints
from molgen.arrays import read_arrays, write_arrays
from molgen.core.random import Streams
from molgen.core.steering import SteeringError
from molgen.files import read_json, write_json
from molgen.md.models.batch import as_batch
from molgen.md.output import prepare, write_trajectory
from molgen.md.rewards import REWARDS, Modelled
from molgen.md.task import restore
from molgen.parts import parts_of
from molgen.run import provenance
from molgen.sampler import SampleTable
from molgen.steering import Record, SteerPlan, summary

Progress = Callable[[str, int, int], None]

_PART, _RECORD = "drawn.npz", "steered.json"


def sample_steered(
    checkpoint: str | Path,
    *,
    count: int,
    output: str | Path,
    steering: SteerPlan,
    steps: int | None = None,
    solver: str | None = None,
    grid: str | None = None,
    teleport: float | None = None,
    batch_size: int = 10_000,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Path:
    """A file of steered conformers; beside it a JSON says what steered them, and what it said.

    Conformers of different particles are independent; those that are kept of the same are not. A
    conformer of a seed does not depend on how many are drawn at a time. Parts are kept beside the
    file until all is drawn: the same call again goes on after the last of them. If steering cannot
    go on, what was drawn before is written, and the JSON says why it stopped.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        count: how many.
        output: .xtc, .dcd or .pdb; .npz for test systems.
        steering: by what, and how.
        steps: solver steps; those of the recipe if None.
        solver: see `molgen.solver`; that of the recipe if None, or the first that
            can be steered.
        grid: of its times, see `SampleTable`; that of the recipe if None.
        teleport: see `SampleTable`; that of the recipe if None.
        batch_size: particles at a time.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint, the solver, a reward or the file's format cannot be used, or
            another run has begun to write this file.
        SteeringError: a reward cannot be had, or no particle of a sample has any weight.
        MolgenError: a score is not finite, or the disk is full.
    """
    started, found = provenance(), checkpoints.load(checkpoint)
    model, statistics = restore(found)
    output = prepare(Path(output), len(statistics.offset))
    table = SampleTable.of_checkpoint(
        found,
        steps=steps,
        solver=steering.solver(found.recipe, solver),
        grid=grid,
        teleport=teleport,
    )
    steerer = steering.ready(REWARDS, Modelled(model.to(device), statistics))
    said = {
        "conformers": count,
        "system": statistics.system,
        "beads": statistics.mapping.name,
        "weights": found.fingerprint,
        **table.model_dump(),
        "batch_size": batch_size,
        "seed": seed,
    }
    samples, at_once = -(-count // steering.keep), max(1, batch_size // steering.particles)
    shape = (len(statistics.mapping), len(statistics.offset))
    x: list[torch.Tensor] = []
    records: list[Record] = []
    seconds, failed = 0.0, None
    identity = {"kind": "steered conformers", **said, "steering": steering.said(), "device": device}
    with parts_of(output, identity) as parts:
        for number, first in enumerate(range(0, samples, at_once)):
            some = min(at_once, samples - first)
            if not parts.done(number):
                begun = time.perf_counter()
                shapes = dataclasses.replace(
                    as_batch(torch.zeros(some, *shape, device=device)),
                    ids=tuple(str(k) for k in range(first, first + some)),
                )
                streams = Streams.of(seed, first, some, device)
                try:
                    batch, _ = steerer.integrate(table, model, shapes, streams)
                except SteeringError as error:
                    if not x:
                        raise
                    failed = error
                    break
                with parts.make(number) as folder:
                    states = batch.state["pos"].float().numpy(force=True)
                    took = np.array([time.perf_counter() - begun])
                    write_arrays(folder / _PART, {"states": states, "seconds": took})
                    write_json(folder / _RECORD, steerer.noted())
            arrays = read_arrays(parts[number] / _PART)
            x.append(torch.from_numpy(arrays["states"]))
            seconds += float(arrays["seconds"][0])
            records.append(read_json(parts[number] / _RECORD))
            if progress is not None:
                progress("steering", min((first + some) * steering.keep, count), count)
        drawn = statistics.restore(torch.cat(x)[:count])
        write_trajectory(output, drawn.numpy(), statistics.mapping)
    write_json(
        output.with_suffix(".json"),
        {
            **said,
            "conformers": len(drawn),
            **({} if failed is None else {"stopped": str(failed)}),
            "checkpoint": str(checkpoint),
            "steering": summary(steering, records),
            "seconds": round(seconds, 3),
            "conformers_per_s": float(f"{len(drawn) / seconds:.4g}"),
            "provenance": started,
        },
    )
    if failed is not None:
        raise SteeringError(f"{failed}; the {len(drawn)} drawn before are in {output}")
    return output
