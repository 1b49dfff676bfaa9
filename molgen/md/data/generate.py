"""`molgen md generate`: equilibrium frames of a system, in a folder that survives any interruption.

Each flush writes a part and the state of the chains right after it (see `molgen.md.data.parts`),
then `meta.json` and `convergence.json`. A run that died anywhere in between makes the same frames
again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import molgen
from molgen.errors import UsageError
from molgen.files import claim_folder, locked, write_json
from molgen.md.data.convergence import basin_report
from molgen.md.data.dataset import (
    FORMAT,
    META,
    Array,
    write_part,
)
from molgen.md.data.generate_options import TARGETS, GenerateOptions, generate_options, make_sampler
from molgen.md.data.parts import commit, committed
from molgen.md.dynamics.tempering import Frames, Sampler
from molgen.md.system import System, load_system

__all__ = ["GenerateOptions", "Progress", "generate", "generate_options"]

CONVERGENCE = "convergence.json"
BURN_IN_PORTIONS = 20
MELT_PORTIONS = 4  # the first fifth of burn-in is spent at the highest level

Progress = Callable[[str, int, int], None]
"""Called after each portion: (stage, done, target); stages `burn-in` (steps) and `frames`."""


@dataclass
class _Run:
    """What a run has committed to disk so far."""

    counts: Array  # [moments, groups, basins] uint32 frames in each basin
    burned: int = 0  # portions of burn-in done
    parts: int = 0

    @property
    def saves(self) -> int:
        """Moments at which frames were taken."""
        return len(self.counts)


def generate(
    system: System | str | Path,
    folder: str | Path,
    options: GenerateOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Equilibrium frames of a system in `folder`; continues what an earlier call began.

    Args:
        system: A system, or its name or path.
        folder: Output folder: new, empty, or of the same run.
        options: What to make and how; by default the system's own choice.
        progress: Told how far it is.

    Returns:
        The content of convergence.json.

    Raises:
        UsageError: the folder holds another run, or options do not fit the system.
        MolgenError: a chain exploded, or the disk is full.
    """
    if not isinstance(system, System):
        system = load_system(system)
    options = options or generate_options(system)
    folder = Path(folder)
    identity = {
        "kind": "frames",
        "system": system.name,
        "fingerprint": system.fingerprint,
        # What is counted; as text, since a bound may be infinite, which JSON has no number for
        "basins": {name: str(box) for name, box in system.definition.basins.items()},
        "options": options.model_dump(mode="json", exclude=TARGETS | {"device"}),
    }
    claim_folder(folder, identity)
    with locked(folder), torch.no_grad():
        return _generate(system, folder, options, progress or (lambda stage, done, target: None))


def _generate(
    system: System, folder: Path, options: GenerateOptions, progress: Progress
) -> dict[str, Any]:
    sampler = make_sampler(system, options)
    run = _Run(np.zeros((0, options.groups, len(system.basins)), dtype=np.uint32))
    _restore(folder, sampler, run)
    timestep = options.timestep_ps or system.timestep_ps
    portion = math.ceil(options.burn_in_ps / timestep / BURN_IN_PORTIONS)
    while run.burned < BURN_IN_PORTIONS and portion:
        progress("burn-in", run.burned * portion, BURN_IN_PORTIONS * portion)
        (sampler.melt if run.burned < MELT_PORTIONS else sampler.equilibrate)(portion)
        run.burned += 1
        _commit(folder, sampler, run)

    each = options.frames_at_once
    report: dict[str, Any] = _conclude(folder, system, options, sampler, run)
    while (missing := _missing(options, run, report)) > 0:
        progress("frames", run.saves * each, max(options.frames, run.saves * each))
        saves = max(1, min(options.frames_per_part // each, math.ceil(missing / each)))
        taken: list[tuple[int, Frames]] = []
        for moment in range(run.saves + 1, run.saves + saves + 1):
            taken.append((moment * options.stride, sampler.advance(options.stride)))
        counts = [_basin_counts(system, frames, options) for _, frames in taken]
        write_part(folder, run.parts, _part(taken, options))
        run.parts += 1
        run.counts = np.concatenate([run.counts, np.stack(counts)])
        _commit(folder, sampler, run)
        report = _conclude(folder, system, options, sampler, run)
    progress("frames", run.saves * each, run.saves * each)
    return report


def _missing(options: GenerateOptions, run: _Run, report: dict[str, Any]) -> int:
    """Frames still to make; at least one part more while too few samples are effective."""
    missing = options.frames - run.saves * options.frames_at_once
    if missing <= 0 and (report["effective_samples"] or 0.0) < options.effective_samples:
        return options.frames_per_part
    return missing


def _basin_counts(system: System, frames: Frames, options: GenerateOptions) -> Array:
    """Frames of each group at the wanted temperature in each basin, [groups, basins] uint32."""
    basin = system.basin_index(frames.positions).cpu().numpy()
    group = frames.chain.cpu().numpy() // options.group_size
    counts = np.zeros((options.groups, len(system.basins)), dtype=np.uint32)
    inside = (basin >= 0) & (frames.level.cpu().numpy() == 0)
    np.add.at(counts, (group[inside], basin[inside]), 1)
    return counts


def _part(taken: list[tuple[int, Frames]], options: GenerateOptions) -> dict[str, Array]:
    """The arrays of one part, in order of time and then of chain."""
    frames = [f for _, f in taken]
    arrays = {
        "positions": torch.cat([f.positions for f in frames]).float().cpu().numpy(),
        "energies": torch.cat([f.energies for f in frames]).double().cpu().numpy(),
        "chain": torch.cat([f.chain for f in frames]).int().cpu().numpy(),
        "step": np.repeat(
            np.array([step for step, _ in taken], dtype=np.int64), [len(f.chain) for f in frames]
        ),
    }
    if options.all_levels:
        arrays["level"] = torch.cat([f.level for f in frames]).to(torch.int8).cpu().numpy()
    if options.keep_forces:
        arrays["forces"] = torch.cat([f.forces for f in frames]).float().cpu().numpy()
    return arrays


def _commit(folder: Path, sampler: Sampler, run: _Run) -> None:
    counters = {
        "run.burned": np.array(run.burned),
        "run.counts": run.counts,
    }
    commit(folder, run.parts, sampler.arrays() | counters)


def _restore(folder: Path, sampler: Sampler, run: _Run) -> None:
    """Continue from the last commit, if there was one."""
    found = committed(folder)
    if found is None:
        return
    run.parts, arrays = found
    run.burned = int(arrays["run.burned"])
    if arrays["run.counts"].shape[1:] != run.counts.shape[1:]:
        raise UsageError(f"{folder}: begun by a molgen that counted otherwise; name a new folder")
    run.counts = arrays["run.counts"]
    sampler.restore(arrays)


def _conclude(
    folder: Path, system: System, options: GenerateOptions, sampler: Sampler, run: _Run
) -> dict[str, Any]:
    """Write meta.json and convergence.json for what is committed; the latter's content."""
    timestep = options.timestep_ps or system.timestep_ps
    definition = system.definition.potential.model_dump(mode="json")
    write_json(
        folder / META,
        {
            "format": FORMAT,
            "molgen": molgen.__version__,
            "system": system.name,
            "description": system.description,
            "fingerprint": system.fingerprint,
            "potential": definition,
            "temperature_K": system.temperature_K,
            "kT": system.kT,
            "timestep_ps": timestep,
            "stride": options.stride,
            "stride_ps": options.stride * timestep,
            "options": options.model_dump(mode="json"),
            "atoms": system.atoms.to_dict(),
            "dims": system.dims,
            "groups": options.groups,
            "group_size": options.group_size,
            "forces": options.keep_forces,
            "frames": run.saves * options.frames_at_once,
            "parts": run.parts,
        },
    )
    names = [basin.name for basin in system.basins]
    report = basin_report(run.counts, options.lowest, names) | sampler.report()
    write_json(folder / CONVERGENCE, report)
    return report
