"""Many systems in one file: complexes, each with its ligand cut and shaped in several ways."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molgen.arrays import Array, read_arrays, write_arrays
from molgen.docking.data.system import SITE, System, Vocabulary
from molgen.errors import UsageError

_SHARED = (*SITE, "atoms", "bonds")  # by all variants of a complex
_OWN = tuple(field.name for field in fields(System) if field.name not in _SHARED)
_SMALL = {torch.int64: torch.int16, torch.float32: torch.float32}


@dataclass(frozen=True)
class SystemSet:
    """Complexes with known poses, in memory.

    Attributes:
        names: one a complex.
        variants: the systems of each; they share what is not of the ligand's fragments.
        meta: JSON values: where they are from.
    """

    names: Sequence[str]
    variants: Sequence[Sequence[System]]
    meta: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, indices: Iterable[int]) -> SystemSet:
        """Some of the complexes."""
        chosen = list(indices)
        return SystemSet(
            [self.names[k] for k in chosen], [self.variants[k] for k in chosen], self.meta
        )

    def save(self, path: Path) -> None:
        """One npz of flat arrays, each with the shapes of its parts."""
        flat = [system for variants in self.variants for system in variants]
        firsts = [variants[0] for variants in self.variants]
        arrays: dict[str, Array] = {
            "names": np.array(self.names),
            "counts": np.array([len(variants) for variants in self.variants]),
            "meta": np.array(json.dumps(dict(self.meta))),
        }
        for name in (*_SHARED, *_OWN):
            values = [getattr(system, name) for system in (firsts if name in _SHARED else flat)]
            arrays[f"{name}_shapes"] = np.array([value.shape for value in values])
            joined = torch.cat([value.flatten() for value in values])
            arrays[name] = joined.to(_SMALL[joined.dtype]).numpy()
        write_arrays(path, arrays, compressed=True)

    @property
    def vocabulary(self) -> Vocabulary:
        """How many values the categorical features have."""
        return Vocabulary(**self.meta["vocabulary"])

    @classmethod
    def load(cls, path: Path) -> SystemSet:
        """What `save` wrote.

        Raises:
            UsageError: it is no such file.
        """
        arrays = read_arrays(path)
        if not {"names", "counts", "meta", *_SHARED, *_OWN} <= arrays.keys():
            raise UsageError(f"{path}: holds no complexes prepared for docking")
        counts = arrays["counts"].tolist()
        shared = {name: parts(arrays, name) for name in _SHARED}
        own = {name: parts(arrays, name) for name in _OWN}
        variants: list[list[System]] = []
        at = 0
        for k, count in enumerate(counts):
            same = {name: values[k] for name, values in shared.items()}
            each = range(at, at + count)
            variants.append([System(**same, **{n: own[n][i] for n in own}) for i in each])
            at += count
        return cls(arrays["names"].tolist(), variants, json.loads(arrays["meta"].item()))


def parts(arrays: Mapping[str, Array], name: str) -> list[torch.Tensor]:
    """The tensors that were joined into one array."""
    values = torch.from_numpy(arrays[name])
    values = values if values.is_floating_point() else values.long()
    shapes = [tuple(shape) for shape in arrays[f"{name}_shapes"].tolist()]
    sizes = [int(np.prod(shape)) for shape in shapes]
    each = zip(values.split(sizes), shapes, strict=True)
    return [part.reshape(shape) for part, shape in each]
