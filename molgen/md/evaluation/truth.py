"""What a model is compared with: held-out reference frames, and the frames it was trained on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, from_numpy

from molgen.errors import UsageError
from molgen.md.data.dataset import META
from molgen.md.data.frames import Part, load_grouped, load_points
from molgen.md.data.packing import Packed
from molgen.md.evaluation.ensemble import Ensemble, bead_variables, blocks
from molgen.md.system import System
from molgen.md.system.beads import BeadMapping
from molgen.resources import find


@dataclass(frozen=True)
class Truth:
    """Held-out frames of a system, and for a baseline the training frames.

    Attributes:
        positions: `[n, beads, dims]` nm; None where only collective variables were kept.
        frames: the same as metrics see them, or None.
        points: collective variables of every reference frame there is, which may be more.
        training: collective variables of the training frames; None where there are none of this
            system.
    """

    positions: Tensor | None
    frames: Ensemble | None
    points: Ensemble
    training: Ensemble | None


def load_truth(
    source: str | Path, system: System, mapping: BeadMapping, limit: int | None = None
) -> Truth | None:
    """The two halves of what a model was trained from; None if the data are not on this machine.

    Args:
        source: as in `molgen.md.data.frames.load_frames`.
        system: whose frames they are.
        mapping: the model's beads.
        limit: at most so many reference frames with positions.

    Raises:
        UsageError: the data are there and damaged or of something else.
    """
    try:
        path = find("data", source)
    except UsageError:
        return None
    variables = bead_variables(system, mapping)

    def there(part: Part) -> bool:
        """A packed folder may hold less than frames of both halves."""
        packed = path.is_dir() and not (path / META).is_file()
        return not packed or (path / f"{part}.npz").is_file()

    def ensemble(found: Packed, geometry: bool = False) -> Ensemble:
        labels, beads = _labels(found.groups, len(found.values)), mapping if geometry else None
        return Ensemble.from_positions(found.values, variables, beads, labels)

    positions, frames = None, None
    if there("reference"):
        held_out = load_grouped(source, "reference", system, mapping, limit)
        positions = from_numpy(held_out.values)
        frames = ensemble(held_out, geometry=len(mapping.bonds) > 0)
    more = load_points(source, system)
    if more is not None:
        points = Ensemble(more.values, _labels(more.groups, len(more.values)))
    elif frames is not None and limit is None:
        points = frames
    else:
        points = ensemble(load_grouped(source, "reference", system, mapping))
    return Truth(
        positions=positions,
        frames=frames,
        points=points.without_geometry(),
        training=ensemble(load_grouped(source, "train", system, mapping))
        if there("train")
        else None,
    )


def checksums(source: str | Path) -> dict[str, int]:
    """CRC-32 of what tells frames from others, by the name of the file; none if they are not here.

    Args:
        source: as in `molgen.md.data.frames.load_frames`.
    """
    try:
        path = find("data", source)
    except UsageError:
        return {}
    meta = path / META  # of generated frames, with the seed and options that decide them
    files = [meta] if meta.is_file() else sorted(path.glob("*.npz")) if path.is_dir() else [path]
    return {file.name: zlib.crc32(file.read_bytes()) for file in files}


def _labels(groups: np.ndarray | None, count: int) -> np.ndarray | None:
    """Chain labels for `Ensemble`: the groups; blocks where there is only one of them."""
    if groups is None or groups.min() < groups.max():
        return groups
    return blocks(count)
