"""A trained model of poses, for the tools that know no pillar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.chem.examples import example_complex
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.pocket import RADIUS_NM, Pocket
from molgen.chem.receptor import read_receptor
from molgen.core.batch import Batch
from molgen.docking.data.prepare import known_pocket, variants_of
from molgen.docking.data.system import System, as_batch, atom_positions
from molgen.docking.task import restore
from molgen.errors import UsageError
from molgen.trained import Trained, refuse_context

EXAMPLE = "1s3v"
"""The complex of draws that are given none."""

_VARIANTS = 8


@dataclass(frozen=True)
class TrainedPoses(Trained):
    """Poses of one ligand in one pocket.

    Attributes:
        systems: the ligand's known pose, made of the fragments of different conformers.
        pocket: about it.
        ligand: of which it is.
    """

    systems: Sequence[System]
    pocket: Pocket
    ligand: Ligand

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        *,
        receptor: str | Path | None = None,
        ligand: str | Path | None = None,
        **context: Any,
    ) -> Self:
        """That of a checkpoint.

        Args:
            checkpoint: of a model of poses.
            receptor: PDB or mmCIF; an example if None.
            ligand: .sdf or .mol2 of the ligand where it lies; an example if None.
            **context: nothing more is of use.

        Raises:
            UsageError: a file cannot be used, or one is given without the other.
        """
        refuse_context(checkpoint, context)
        model = restore(checkpoint)
        files = (receptor, ligand)
        if receptor is None and ligand is None:
            files = example_complex(EXAMPLE)
        if files[0] is None or files[1] is None:
            raise UsageError("a complex is a receptor and a ligand: one is missing")
        known = read_ligand(files[1])
        whole = read_receptor(Path(files[0]))
        systems = variants_of(whole, known, _VARIANTS, RADIUS_NM, 0)
        return cls(checkpoint, model, systems, known_pocket(whole, known), known)

    def shapes(self, count: int, *, seed: int = 0, first: int = 0) -> Batch:
        """Draw k is of the fragments of conformer k, from `seed` on, one after the other."""
        which = (torch.arange(first, first + count) + seed) % len(self.systems)
        return as_batch(self.systems).take(which)

    def data(self, count: int, *, seed: int = 0) -> Batch:
        """The known pose, in the ways that its fragments make it."""
        chosen = np.random.default_rng(seed).permutation(len(self.systems))[:count]
        return as_batch(self.systems).take(torch.from_numpy(chosen))

    def decoded(self, end: Batch, t: Tensor) -> Sequence[Any]:
        """Positions of the atoms of each, numpy `[atoms, 3]` nm about the pocket's centre."""
        del t
        return list(atom_positions(end).double().numpy(force=True))


TRAINED = TrainedPoses
