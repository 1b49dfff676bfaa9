"""Docked poses of ligands whose true pose is known: what confidence is learned from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molgen.arrays import Array, read_arrays, write_arrays
from molgen.docking.data.system import System
from molgen.docking.data.system_set import SystemSet, parts
from molgen.errors import UsageError


@dataclass(frozen=True)
class Judged:
    """Poses of one ligand.

    Attributes:
        positions: `[poses, atoms, 3]` nm, about the pocket's centre.
        evidence: `[poses, columns]`, see `molgen.docking.confidence.evidence`.
        rmsd: `[poses]` nm from the true pose.
    """

    positions: Tensor
    evidence: Tensor
    rmsd: Tensor


_FIELDS = ("positions", "evidence", "rmsd")


@dataclass(frozen=True)
class PoseSet:
    """Judged poses of some complexes.

    Attributes:
        systems: pocket and ligand of each complex.
        judged: its poses.
    """

    systems: SystemSet
    judged: Sequence[Judged]

    @classmethod
    def joined(cls, sets: Sequence[PoseSet]) -> PoseSet:
        """The complexes of several sets, one after the other."""
        systems = SystemSet(
            [name for part in sets for name in part.systems.names],
            [own for part in sets for own in part.systems.variants],
            sets[0].meta,
        )
        return cls(systems, [judged for part in sets for judged in part.judged])

    def __len__(self) -> int:
        return len(self.judged)

    @property
    def meta(self) -> Mapping[str, Any]:
        """Of the complexes."""
        return self.systems.meta

    def system(self, index: int) -> System:
        """Pocket and ligand of a complex."""
        return self.systems.variants[index][0]

    def take(self, indices: Iterable[int]) -> PoseSet:
        """Some of the complexes."""
        chosen = list(indices)
        return PoseSet(self.systems.take(chosen), [self.judged[k] for k in chosen])

    def save(self, folder: Path) -> None:
        """Two files in a folder: the complexes and their poses."""
        folder.mkdir(parents=True, exist_ok=True)
        self.systems.save(folder / "complexes.npz")
        arrays: dict[str, Array] = {"meta": np.array(json.dumps(dict(self.meta)))}
        for name in _FIELDS:
            values = [getattr(judged, name) for judged in self.judged]
            arrays[f"{name}_shapes"] = np.array([value.shape for value in values])
            arrays[name] = torch.cat([value.flatten() for value in values]).numpy()
        write_arrays(folder / "poses.npz", arrays, compressed=True)

    @classmethod
    def load(cls, folder: Path) -> PoseSet:
        """What `save` wrote.

        Raises:
            UsageError: it is no such folder.
        """
        arrays = read_arrays(folder / "poses.npz")
        if not set(_FIELDS) <= arrays.keys():
            raise UsageError(f"{folder}/poses.npz: holds no judged poses")
        columns = [parts(arrays, name) for name in _FIELDS]
        judged = [Judged(*values) for values in zip(*columns, strict=True)]
        return cls(SystemSet.load(folder / "complexes.npz"), judged)
