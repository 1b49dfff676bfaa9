"""Frames for training and reference, from wherever they are: shipped, generated, or a user's own trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.beads import BeadMapping
from molgen.md.dataset import META, FrameSet, read_arrays, write_arrays
from molgen.md.system import System
from molgen.resources import find

Part = Literal["train", "reference"]


def load_frames(
    source: str | Path,
    part: Part,
    system: System,
    mapping: BeadMapping,
    limit: int | None = None,
) -> Tensor:
    """Frames `[n, beads, dims]` float32 nm, at most `limit`, spread evenly over what there is.

    Args:
        source: a shipped data name or its folder (packed `train.npz`, `reference.npz`), a folder of
            `molgen md generate` (the first half of its groups trains, the second half is reference), or a
            trajectory file (xtc, dcd, pdb) of all atoms or of the beads.
        part: which of the two disjoint halves.
        system: what the frames are of.
        mapping: the beads wanted.
        limit: how many frames.

    Raises:
        UsageError: nothing there, or frames of something else.
    """
    path = find("data", source)
    if (path / META).is_file():
        frames = FrameSet.open(path)
        if len(frames.atoms) != len(system.atoms):
            raise UsageError(f"{path}: {len(frames.atoms)} atoms, {system.name} has {len(system.atoms)}")
        half = frames.halves()[0 if part == "train" else 1]
        x = half.positions(mapping)
    elif path.is_dir():
        x = unpack(path / f"{part}.npz", mapping)
    else:
        from molgen.md.output import read_trajectory

        x = read_trajectory(path, mapping)
    if limit is not None and limit < len(x):
        x = x[np.linspace(0, len(x) - 1, limit).round().astype(np.int64)]
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def pack(path: Path, x: np.ndarray, mapping: BeadMapping) -> None:
    """Write frames `[n, beads, dims]` nm as 16-bit integers: a third of the size, exact to 2e-5 nm for a molecule of 1 nm."""
    step = float(np.abs(x).max()) / 32767
    write_arrays(
        path,
        {
            "positions": np.round(x / step).astype(np.int16),
            "step_nm": np.float64(step),
            "beads": np.array([bead.label for bead in mapping.beads]),
        },
    )


def unpack(path: Path, mapping: BeadMapping) -> np.ndarray:
    """Frames written by `pack`, float32 nm.

    Raises:
        UsageError: the file is missing, damaged, or holds other beads.
    """
    arrays = read_arrays(path)
    have, want = arrays["beads"].tolist(), [bead.label for bead in mapping.beads]
    if have != want:
        raise UsageError(f"{path}: holds beads {' '.join(have)}, not {' '.join(want)}")
    return (arrays["positions"] * arrays["step_nm"]).astype(np.float32)
