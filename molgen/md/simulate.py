"""`molgen simulate`: dynamics under a model's forces, in a run that survives any end.

While it runs, frames are kept in whole parts in the folder `<output>.part` (see
`molgen.md.data.parts`); at the end the trajectory is written whole, chain after chain, and the
folder removed. Beside it a JSON of the same name says what it holds.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molgen import checkpoint as checkpoints
from molgen.arrays import Array, read_arrays
from molgen.errors import UsageError
from molgen.families import choose
from molgen.files import RUN_FILE, claim_folder, locked, read_json, write_json
from molgen.md.data.dataset import part_path, write_part
from molgen.md.data.parts import RESTART, commit, committed
from molgen.md.dynamics.chains import Chains
from molgen.md.dynamics.engines import ENGINES, Simulation, ready
from molgen.md.dynamics.levels import LadderOptions
from molgen.md.dynamics.settling import Settling
from molgen.md.evaluation.basins import basin_summary
from molgen.md.output import prepare, write_trajectory
from molgen.md.sample import draw
from molgen.run import provenance

Progress = Callable[[str, int, int], None]

FLUSH_SECONDS = 10.0
"""A run that is killed loses the frames of at most this time, or one frame."""


@dataclass
class _Kept:
    """What a run has committed to disk so far."""

    parts: int = 0
    frames: int = 0
    seconds: float = 0.0  # of wall-clock time in the engine, and settling


def simulate(
    checkpoint: str | Path,
    *,
    engine: str = "molgen",
    chains: int = 100,
    time_ps: float,
    output: str | Path,
    seed: int = 0,
    resume: bool = False,
    stride_ps: float | None = None,
    timestep_ps: float | None = None,
    ladder: LadderOptions | None = None,
    device: str = "cpu",
    compiled: bool = True,
    progress: Progress | None = None,
) -> Path:
    """A trajectory under the model's forces; chains start from the model's own conformers.

    The same seed, machine and number of threads give the same file, interrupted or not. A file that
    holds this very run already is left as it is.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        engine: `molgen` (BAOAB, batched over chains), `hmc` (Hybrid Monte Carlo: no error of the
            timestep) or `openmm` (its LangevinMiddleIntegrator).
        chains: independent simulations, side by side.
        time_ps: length of each.
        output: .xtc, .dcd or .pdb; .npz for test systems.
        seed: of all random numbers.
        resume: continue an interrupted run of this output; `time_ps` may be longer than before.
        stride_ps: time between frames; by default that of the recipe.
        timestep_ps: timestep; by default that of the recipe or the system.
        ladder: replica exchange with hotter or noisier levels, which have as many chains each;
            the file holds the wanted one.
        device: where the model runs.
        compiled: compile model and integrator; worth a minute's wait for more than a few frames.
        progress: told (what, frames done, frames in all).

    Raises:
        UsageError: the checkpoint, engine or output cannot be used; another run is there.
        MolgenError: a chain exploded (the chain, the step and the time are named); a full disk.
    """
    begin, started = choose(ENGINES, engine, "engine"), provenance()
    found = checkpoints.load(checkpoint)
    setup = ready(found, stride_ps=stride_ps, timestep_ps=timestep_ps, device=device)
    asked = ladder or LadderOptions()
    levels = asked.levels(checkpoint, found, setup.model, setup.potential)
    if levels and engine != "molgen":
        raise UsageError(f"engine '{engine}' has no replica exchange; leave --engine out")
    setup = replace(setup, levels=levels)
    frames, stride = setup.dynamics.steps(time_ps, setup.stride_ps)
    output = prepare(Path(output), setup.dims)
    identity = {
        "kind": "simulation",
        "system": setup.potential.statistics.system,
        "weights": found.fingerprint,
        "noise": setup.potential.noise,
        **({"settle": setup.settling.steps} if setup.settling.steps else {}),
        "engine": engine,
        "chains": chains,
        "timestep_ps": setup.dynamics.timestep_ps,
        "friction_per_ps": setup.dynamics.friction_per_ps,
        "stride": stride,
        "seed": seed,
        **({"levels": [level.name for level in levels]} if levels else {}),
    }
    folder = output.with_name(f"{output.name}.part")
    if output.exists() and not (folder / RUN_FILE).exists():
        _check_same(output, identity, frames)
        return output
    claim_folder(folder, identity)
    if (folder / RESTART).exists() and not resume:
        raise UsageError(f"{folder}: an unfinished run; continue it with --resume, or remove it")
    with locked(folder):
        try:
            tell = progress or (lambda what, done, total: None)
            tell("simulation", 0, frames)
            random = torch.Generator(device).manual_seed(seed)
            start = draw(setup.model, setup.potential.statistics, chains, generator=random)
            run = begin(setup, start, stride, random, compiled)
            if compiled and setup.settling.steps:
                setup.model.accelerate()  # not before: an engine may pickle the model
                setup.settling(start)  # compiles, so that it is no part of what is timed
            kept = _advance(run, setup.settling, folder, frames, stride, tell)
            facts = {"checkpoint": str(checkpoint), "provenance": started}
            _conclude(output, folder, setup, kept, identity, {**run.report(), **facts})
        except BaseException:
            if not (folder / RESTART).exists():  # there is nothing to continue
                shutil.rmtree(folder)
            raise
    shutil.rmtree(folder)
    return output


def _advance(
    run: Chains, settling: Settling, folder: Path, frames: int, stride: int, tell: Progress
) -> _Kept:
    """Go on to `frames` frames from what the folder holds, committing on the way."""
    kept = _Kept()
    found = committed(folder)
    if found is not None:
        kept.parts, arrays = found
        kept.frames, kept.seconds = int(arrays["run.frames"]), float(arrays["run.seconds"])
        run.restore(arrays)
    taken: list[Array] = []
    begun = time.perf_counter()
    while kept.frames < frames:
        taken.append(settling(run.advance(stride)).numpy(force=True))
        kept.frames += 1
        lap = time.perf_counter() - begun
        if lap >= FLUSH_SECONDS or kept.frames == frames:
            write_part(folder, kept.parts, {"positions": np.stack(taken)})
            kept.parts += 1
            kept.seconds += lap
            counters = {"frames": np.array(kept.frames), "seconds": np.array(kept.seconds)}
            arrays = {f"run.{name}": value for name, value in counters.items()}
            commit(folder, kept.parts, {**run.arrays(), **arrays})
            taken, begun = [], time.perf_counter()
        tell("simulation", kept.frames, frames)
    return kept


def _conclude(
    output: Path,
    folder: Path,
    setup: Simulation,
    kept: _Kept,
    identity: dict[str, Any],
    facts: dict[str, Any],
) -> None:
    """Write the trajectory, chain after chain, and what it is."""
    parts = [read_arrays(part_path(folder, n))["positions"] for n in range(kept.parts)]
    x = np.concatenate(parts)  # [frames, chains, beads, dims]
    mapping, chains = setup.potential.statistics.mapping, x.shape[1]
    interval = identity["stride"] * identity["timestep_ps"]
    by_chain = x.swapaxes(0, 1).reshape(-1, *x.shape[2:])
    write_trajectory(output, by_chain, mapping, interval_ps=interval)
    steps = chains * kept.frames * identity["stride"]
    labels = np.arange(chains).repeat(kept.frames)
    content = {
        "run": identity,
        "beads": mapping.name,
        "kT": setup.dynamics.kT,
        "order": "chain after chain",
        "chains": chains,
        "frames_per_chain": kept.frames,
        "interval_ps": interval,
        "seconds": round(kept.seconds, 3),
        "chain_steps_per_s": float(f"{steps / max(kept.seconds, 1e-9):.4g}"),
        **basin_summary(setup.system, mapping, by_chain, labels),
        **facts,
    }
    write_json(output.with_suffix(".json"), content)


def _check_same(output: Path, identity: dict[str, Any], frames: int) -> None:
    """Refuse a finished file unless it holds this run, and all of it."""
    beside = output.with_suffix(".json")
    found = read_json(beside) if beside.is_file() else {}
    if found.get("run") != identity or found.get("frames_per_chain") != frames:
        what = "a finished run" if found.get("run") == identity else "another run or file"
        raise UsageError(f"{output}: {what} is there already; name another file or remove it")
