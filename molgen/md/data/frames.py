"""Frames for training and reference: shipped, generated, or a user's own trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.data.dataset import META, FrameSet
from molgen.md.data.packing import POINTS, Packed, unpack
from molgen.md.evaluation.ensemble import blocks, evenly
from molgen.md.system import System
from molgen.md.system.beads import BeadMapping
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
        source: a shipped data name or its folder (packed `train.npz`, `reference.npz`), a folder
            of `molgen md generate` (the first half of its groups trains, the second half is
            reference), or a trajectory file (xtc, dcd, pdb) of the beads (its first half trains).
        part: which of the two disjoint halves.
        system: what the frames are of.
        mapping: the beads wanted.
        limit: how many frames.

    Raises:
        UsageError: nothing there, or frames of something else.
    """
    return torch.from_numpy(load_grouped(source, part, system, mapping, limit).values)


def load_grouped(
    source: str | Path,
    part: Part,
    system: System,
    mapping: BeadMapping,
    limit: int | None = None,
) -> Packed:
    """The frames of `load_frames` with the group of chains each is from.

    Groups are independent of each other; of a trajectory, blocks in time stand for them.
    """
    path = find("data", source)
    if (path / META).is_file():
        frames = FrameSet.open(path)
        if len(frames.atoms) != len(system.atoms):
            raise UsageError(
                f"{path}: {len(frames.atoms)} atoms, {system.name} has {len(system.atoms)}"
            )
        if system.temperature_K is not None:
            frames = frames.at_temperature(system.temperature_K)
        half = frames.halves()[0 if part == "train" else 1]
        found = Packed(half.positions(mapping), half.group())
    elif path.is_dir():
        found = unpack(path / f"{part}.npz", [bead.label for bead in mapping.beads])
    else:
        from molgen.md.output import read_trajectory

        x = read_trajectory(path, mapping)
        middle = len(x) // 2
        x = x[:middle] if part == "train" else x[middle:]
        found = Packed(x, blocks(len(x)))
    chosen = evenly(len(found.values), limit)
    groups = None if found.groups is None else found.groups[chosen]
    return Packed(np.ascontiguousarray(found.values[chosen], dtype=np.float32), groups)


def load_points(source: str | Path, system: System) -> Packed | None:
    """Collective variables `[n, variables]` of every reference frame there ever was, with groups.

    None where the reference frames themselves are all there are.

    Raises:
        UsageError: the file is damaged or of other variables.
    """
    path = find("data", source) / POINTS
    return unpack(path, list(system.compared)) if path.is_file() else None
