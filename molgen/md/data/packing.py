"""Frames small enough to ship: positions and collective variables as 16-bit integers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molgen.arrays import Array, read_arrays, write_arrays
from molgen.errors import UsageError
from molgen.files import read_json, write_json
from molgen.md.data.dataset import FrameSet
from molgen.md.evaluation.ensemble import Ensemble, bead_variables, evenly
from molgen.md.system import System
from molgen.md.system.beads import BeadMapping

POINTS, PROVENANCE = "reference_points.npz", "provenance.json"


@dataclass(frozen=True)
class Packed:
    """What a packed file holds.

    Attributes:
        values: positions `[n, beads, dims]` nm or points `[n, variables]`, float32.
        groups: `[n]` group of chains that each frame is from, independent of each other; or None.
    """

    values: Array
    groups: Array | None


def pack(path: Path, x: Array, labels: list[str], groups: Array | None = None) -> None:
    """Write values as 16-bit integers times one step: off by at most max|x| / 65534.

    Args:
        path: the file, npz.
        x: positions `[n, beads, dims]` nm, or points `[n, variables]`.
        labels: of the second axis: beads or variables.
        groups: `[n]`.
    """
    step = float(np.abs(x).max()) / 32767
    arrays: dict[str, Array] = {
        "values": np.round(x / step).astype(np.int16),
        "step": np.array(step),
        "labels": np.array(labels),
    }
    if groups is not None:
        arrays["groups"] = groups.astype(np.int16)
    write_arrays(path, arrays, compressed=True)


def unpack(path: Path, labels: list[str]) -> Packed:
    """What `pack` wrote.

    Raises:
        UsageError: the file is missing, damaged, or of other beads or variables.
    """
    arrays = read_arrays(path)
    try:
        have = arrays["labels"].tolist()
        values = (arrays["values"] * arrays["step"]).astype(np.float32)
    except KeyError as error:
        raise UsageError(f"{path}: holds no packed frames ({error} is missing)") from None
    if have != labels:
        raise UsageError(f"{path}: holds {' '.join(have)}, not {' '.join(labels)}")
    return Packed(values, arrays.get("groups"))


def pack_folder(
    frames: FrameSet,
    output: Path,
    system: System,
    mapping: BeadMapping,
    count: int,
) -> str:
    """Pack the frames of a folder into `output`; returns a Markdown table of what is there.

    train.npz, reference.npz    positions of `count` frames of either half of the groups
    reference_points.npz        collective variables of every frame of the second half, if more
    provenance.json             how the frames were made, convergence, and counts

    Args:
        frames: of `molgen md generate`.
        output: folder, made if missing.
        system: whose frames they are.
        mapping: the beads to keep.
        count: frames of each half, spread evenly; all if there are fewer.
    """
    output.mkdir(parents=True, exist_ok=True)
    variables, labels = bead_variables(system, mapping), [bead.label for bead in mapping.beads]
    counts = {}
    for part, half in zip(("train", "reference"), frames.halves(), strict=True):
        x, groups = half.positions(mapping), half.group()
        if system.free:
            x = x - x.mean(1, keepdims=True)
        chosen = evenly(len(x), count)
        pack(output / f"{part}.npz", x[chosen], labels, groups[chosen])
        if part == "reference":
            (output / POINTS).unlink(missing_ok=True)
            if len(chosen) < len(x):
                points = Ensemble.from_positions(x, variables).points
                pack(output / POINTS, points, list(variables), groups)
        counts[part] = {"frames": len(x), "packed": len(chosen), "groups": len(half.groups)}
    facts = {key: value for key, value in frames.meta.items() if key != "atoms"}
    convergence = read_json(frames.folder / "convergence.json")
    write_json(output / PROVENANCE, {**facts, "counts": counts, "convergence": convergence})
    return _table(counts, convergence)


def _table(counts: dict[str, dict[str, int]], convergence: dict[str, Any]) -> str:
    """Counts and convergence for a reader."""
    lines = ["| part | frames made | packed | groups of chains |", "|---|---|---|---|"]
    lines += [
        f"| {part} | {c['frames']:,} | {c['packed']:,} | {c['groups']} |"
        for part, c in counts.items()
    ]
    lines += ["", "| basin | population | statistical inefficiency |", "|---|---|---|"]
    lines += [
        f"| {name} | {b['population']:.4f} ± {b['standard_error']:.4f} "
        f"| {b['statistical_inefficiency']:.0f} |"
        for name, b in convergence["basins"].items()
    ]
    return "\n".join(lines) + "\n"
