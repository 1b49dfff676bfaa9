"""`molgen md generate`: equilibrium frames of a system, in a folder that survives any interruption.

What is on disk after each flush, in this order: `part-N.npz`, then `restart.npz`, which says that
parts 0..N are complete and holds the state of the chains right after them, then `meta.json` and
`convergence.json`. A run that died anywhere in between continues from `restart.npz`, drops what came
later, and makes the same frames again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, ValidationError

import molgen
from molgen.errors import MolgenError, UsageError
from molgen.files import claim_folder, locked, write_json
from molgen.md.convergence import basin_report
from molgen.md.dataset import FORMAT, META, part_path, read_arrays, write_arrays, write_part
from molgen.md.integrators import BAOAB
from molgen.md.replica_exchange import Exchanger, level_ladder
from molgen.md.system import Sampling, System, load_system
from molgen.md.tempering import Frames, Sampler, Tempering
from molgen.resources import did_you_mean

RESTART = "restart.npz"
CONVERGENCE = "convergence.json"
BURN_IN_PORTIONS = 20
MELT_PORTIONS = 4  # the first fifth of burn-in is spent at the highest level

Progress = Callable[[str, int, int], None]
"""Called after each portion: (stage, done, target); stages `burn-in` (steps) and `frames`."""


class GenerateOptions(Sampling):
    """Options of `generate`: those of the system's [sampling] table, and these.

    Attributes:
        frames: Frames to have at the end; a finished folder can be continued to more.
        effective_samples: Go on until every basin's population is known as well as from so many
            independent samples (see `molgen.md.convergence`).
        frames_per_part: Frames of one file; at most so many are lost on interruption.
        engine: `molgen` (BAOAB with parallel tempering) or `openmm` (its LangevinMiddleIntegrator
            at the lowest level only, one chain after another; an independent check).
        keep_forces: Write forces too.
        dtype: Of forces and velocities; positions accumulate in float64.
        device: Where the chains run.
        seed: Of all random numbers.
    """

    frames: int = Field(default=100_000, ge=1)
    effective_samples: float = Field(default=0.0, ge=0)
    frames_per_part: int = Field(default=20_000, ge=1)
    engine: Literal["molgen", "openmm"] = "molgen"
    keep_forces: bool = False
    dtype: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    seed: int = 0


TARGETS = {"frames", "effective_samples"}
"""Options that may change when a run is continued."""


def generate_options(system: System, **changes: Any) -> GenerateOptions:
    """The options for a system: its [sampling] table, with changes by name.

    Raises:
        UsageError: an unknown option (with a suggestion) or a value out of range.
    """
    values = system.definition.sampling.model_dump(exclude_unset=True) | changes
    for name in changes:
        if name not in GenerateOptions.model_fields:
            near = did_you_mean(name, GenerateOptions.model_fields)
            raise UsageError(f"generate: no option '{name}'{near}")
    try:
        options = GenerateOptions(**values)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"generate: {where}: {problem['msg'].lower()}") from None
    if options.stride % options.exchange_every:
        raise UsageError(
            f"generate: stride ({options.stride}) must be a multiple of exchange_every "
            f"({options.exchange_every})"
        )
    return options


@dataclass
class _Run:
    """What a run has committed to disk so far."""

    burned: int = 0  # portions of burn-in done
    parts: int = 0
    saves: int = 0  # moments at which frames were taken
    counts: Any = None  # [groups, basins] frames in each basin


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
        "options": options.model_dump(mode="json", exclude=TARGETS | {"device"}),
    }
    claim_folder(folder, identity)
    with locked(folder), torch.no_grad():
        return _generate(system, folder, options, progress or (lambda stage, done, target: None))


def _generate(
    system: System, folder: Path, options: GenerateOptions, progress: Progress
) -> dict[str, Any]:
    sampler = _sampler(system, options)
    run = _Run(counts=np.zeros((options.groups, len(system.basins)), dtype=np.int64))
    if (folder / RESTART).exists():
        _restore(folder, sampler, run)
    timestep = options.timestep_ps or system.timestep_ps
    portion = math.ceil(options.burn_in_ps / timestep / BURN_IN_PORTIONS)
    while run.burned < BURN_IN_PORTIONS and portion:
        progress("burn-in", run.burned * portion, BURN_IN_PORTIONS * portion)
        (sampler.melt if run.burned < MELT_PORTIONS else sampler.equilibrate)(portion)
        run.burned += 1
        _commit(folder, sampler, run)

    each = options.groups * options.lowest
    report: dict[str, Any] = _conclude(folder, system, options, sampler, run)
    while (missing := _missing(options, run, report)) > 0:
        progress("frames", run.saves * each, max(options.frames, run.saves * each))
        saves = max(1, min(options.frames_per_part // each, math.ceil(missing / each)))
        taken: list[tuple[int, Frames]] = []
        for _ in range(saves):
            frames = sampler.advance(options.stride)
            run.saves += 1
            run.counts += _basin_counts(system, frames, options)
            taken.append((run.saves * options.stride, frames))
        write_part(folder, run.parts, _part(taken, options))
        run.parts += 1
        _commit(folder, sampler, run)
        report = _conclude(folder, system, options, sampler, run)
    progress("frames", run.saves * each, run.saves * each)
    return report


def _missing(options: GenerateOptions, run: _Run, report: dict[str, Any]) -> int:
    """Frames still to make; at least one part more while too few samples are effective."""
    missing = options.frames - run.saves * options.groups * options.lowest
    if missing <= 0 and (report["effective_samples"] or 0.0) < options.effective_samples:
        return options.frames_per_part
    return missing


def _sampler(system: System, options: GenerateOptions) -> Sampler:
    timestep = options.timestep_ps or system.timestep_ps
    friction = options.friction_per_ps or system.friction_per_ps
    masses = system.masses
    if options.hydrogen_mass_amu is not None:
        light = torch.tensor([bead.element == "H" for bead in system.atoms.beads])
        masses = torch.where(light, options.hydrogen_mass_amu, masses)
    if options.engine == "openmm":
        from molgen.md.openmm_chains import OpenMMChains

        return OpenMMChains(
            system.openmm_system(), system.start, masses, system.temperature_K or 0.0,
            timestep, friction, options.groups * options.lowest, options.seed,
        )
    device = torch.device(options.device)
    dtype = {"float32": torch.float32, "float64": torch.float64}[options.dtype]
    potential = system.potential(dtype, device)
    ladder = level_ladder(system.kT, options.ladder, options.lowest)
    return Tempering(
        BAOAB(potential, masses.to(device), timestep, friction),
        Exchanger.start(ladder, options.groups, device),
        system.start,
        options.exchange_every,
        system.free,
        dtype,
        torch.Generator(device).manual_seed(options.seed),
    )


def _group_size(options: GenerateOptions) -> int:
    if options.engine == "openmm":
        return options.lowest
    return options.lowest + len(options.ladder) - 1


def _basin_counts(system: System, frames: Frames, options: GenerateOptions) -> Any:
    """Frames of each group in each basin, [groups, basins] int64."""
    basin = system.basin_index(frames.positions).cpu().numpy()
    group = frames.chain.cpu().numpy() // _group_size(options)
    counts = np.zeros((options.groups, len(system.basins)), dtype=np.int64)
    inside = basin >= 0
    np.add.at(counts, (group[inside], basin[inside]), 1)
    return counts


def _part(taken: list[tuple[int, Frames]], options: GenerateOptions) -> dict[str, Any]:
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
    if options.keep_forces:
        arrays["forces"] = torch.cat([f.forces for f in frames]).float().cpu().numpy()
    return arrays


def _commit(folder: Path, sampler: Sampler, run: _Run) -> None:
    arrays = sampler.arrays() | {
        "run.burned": np.int64(run.burned),
        "run.parts": np.int64(run.parts),
        "run.saves": np.int64(run.saves),
        "run.counts": run.counts,
    }
    write_arrays(folder / RESTART, arrays)


def _restore(folder: Path, sampler: Sampler, run: _Run) -> None:
    """Continue from restart.npz; parts that it does not know are dropped, to be made again."""
    arrays = read_arrays(folder / RESTART)
    run.burned = int(arrays["run.burned"])
    run.parts = int(arrays["run.parts"])
    run.saves = int(arrays["run.saves"])
    run.counts = arrays["run.counts"]
    sampler.restore(arrays)
    for number in range(run.parts):
        if not part_path(folder, number).is_file():
            raise MolgenError(f"{part_path(folder, number)}: is missing; start a new folder")
    for path in folder.glob("part-*.npz"):
        if int(path.stem.split("-")[1]) >= run.parts:
            path.unlink()


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
            "group_size": _group_size(options),
            "forces": options.keep_forces,
            "frames": run.saves * options.groups * options.lowest,
            "parts": run.parts,
        },
    )
    names = [basin.name for basin in system.basins]
    report = basin_report(run.counts, run.saves * options.lowest, names) | sampler.report()
    write_json(folder / CONVERGENCE, report)
    return report
