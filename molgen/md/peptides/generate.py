"""Frames of many peptides, one folder each, and one table of how well each is sampled.

One program of the force field serves peptides of every size, so that peptides are made one after
another at the full speed of a core, and each is complete as soon as it is made. Several processes
may share the work: a peptide that another one has in hand is passed over.
"""

import math
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from molgen.errors import MolgenError, UsageError
from molgen.files import Busy, locked, read_json, write_json, write_text
from molgen.md.data.dataset import FrameSet
from molgen.md.data.generate import Progress, generate
from molgen.md.data.generate_options import generate_options
from molgen.md.peptides.sequence import Peptide
from molgen.md.system import PEPTIDE, System, load_system

TABLE, ROW = "convergence.md", "row.json"

Tell = Callable[[str], None]
"""Called with a line about each peptide that is done or passed over."""


def generate_peptides(
    peptides: Sequence[Peptide],
    folder: str | Path,
    changes: dict[str, Any],
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> None:
    """Equilibrium frames of each peptide in `folder/NAME`; continues what earlier calls began.

    Args:
        peptides: In the order in which they are made.
        folder: Holds the frame folders, and a table of all peptides that it has.
        changes: Options of generation by name; random numbers depend on the seed and the peptide.
        progress: Told how far each is; the stage begins with the peptide.
        tell: Told what is done.

    Raises:
        UsageError: a folder holds another run, or an option is wrong.
        MolgenError: a chain exploded; peptide, chain and time are named. Or the disk is full.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    report, say = progress or (lambda *_: None), tell or (lambda _: None)
    for peptide in peptides:
        own = folder / peptide.text
        system = load_system(f"{PEPTIDE}{peptide}")
        seed = zlib.crc32(f"{changes.get('seed', 0)} {peptide}".encode())
        options = generate_options(system, **{**changes, "seed": seed})

        def told(stage: str, done: int, target: int, name: str = peptide.text) -> None:
            report(f"{name} {stage}", done, target)

        before, began = _replica_steps(own), time.process_time()
        try:
            convergence = generate(system, own, options, told)
        except Busy:
            say(f"{peptide}: another process has it in hand")
            continue
        except UsageError:
            raise
        except MolgenError as error:
            raise MolgenError(f"peptide {peptide}: {error}") from error
        made, spent = _replica_steps(own) - before, time.process_time() - began
        row = table_row(system, FrameSet.open(own), convergence)
        write_json(own / ROW, row)
        with locked(folder, wait=True):
            write_table(folder)
        speed = f"; {made / spent:,.0f} replica-steps/s" if made else ""
        say(", ".join(f"{name} {value}" for name, value in row.items()) + speed)


def _replica_steps(folder: Path) -> int:
    """Steps of all chains together after burn-in."""
    try:
        meta = FrameSet.open(folder).meta
    except UsageError:
        return 0
    groups, lowest = meta["groups"], meta["options"]["lowest"]
    saves = meta["frames"] // (groups * lowest)
    return int(saves * meta["stride"] * groups * meta["group_size"])


def table_row(system: System, frames: FrameSet, convergence: dict[str, Any]) -> dict[str, str]:
    """What the table says of a peptide, by column.

    `effective` is the smallest effective number of samples of a basin, `halves z` and `drift z` the
    largest differences between two halves of the chains, and between the first and the last third
    of every chain, in their standard errors; see `basin_report`. `cis` is the share of frames with
    a peptide bond nearer to cis than to trans: at these temperatures none turns in a run as long as
    this, except for a chain or two at the highest levels.
    """
    names = [name for name in system.collective_variables if name.startswith("omega")]
    x = torch.from_numpy(frames.positions())
    bonds = torch.stack([system.variables(x)[name] for name in names])
    effective = convergence["effective_samples"]
    basins = {
        name: f"{one['population']:.3f} ± {one.get('standard_error', math.nan):.3f}"
        for name, one in convergence["basins"].items()
    }
    return {
        "peptide": frames.folder.name,
        "atoms": str(len(system.atoms)),
        "frames": str(len(frames)),
        "ns": f"{len(frames) * frames.meta['stride_ps'] / 1000:.1f}",
        "effective": "-" if effective is None else f"{effective:.0f}",
        **{f"{name} z": _number(convergence[f"{name}_z"]) for name in ("halves", "drift")},
        **basins,
        "cis": f"{float((bonds.abs() < math.pi / 2).any(0).float().mean()):.3f}",
        "acceptance": "/".join(f"{a:.2f}" for a in convergence["acceptance"]),
        "round trips": str(convergence["round_trips"]),
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def write_table(folder: Path) -> None:
    """Write the table of every peptide in a folder that has frames, as Markdown."""
    rows = [read_json(path) for path in sorted(folder.glob(f"*/{ROW}"))]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(row.get(name, '-') for name in columns)} |" for row in rows]
    write_text(folder / TABLE, "\n".join(lines) + "\n")
