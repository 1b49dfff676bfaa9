"""The scoring functions of AutoDock Vina for many poses of a ligand in one pocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.chem.vina_types import RADII_NM
from molgen.docking.physics.interactions import InternalInteractions, PocketInteractions
from molgen.docking.physics.terms import TERMS
from molgen.errors import UsageError

_CAP = 1000.0  # kcal/mol: e of an atom in a clash becomes e cap / (e + cap), as in Vina


class Scoring:
    """Vina or Vinardo energies, kcal/mol, of poses `[b, atoms, 3]` nm, and their gradients.

    Args:
        pocket: [p, 3] nm, in the frame of the poses.
        pocket_types: [p], `VinaType`, from `molgen.chem.vina_receptor.receptor_types`.
        types: [atoms] of the ligand, from `molgen.chem.vina_ligand`.
        pairs: [q, 2], atoms of the ligand that interact, from `molgen.docking.search.tree`.
        torsions: N_rot of the ligand.
        function: vina or vinardo.
        own: so many atoms, the first, feel the pocket; others are a part of it to which the ligand
            is bonded. All of them if None.
        like: its dtype and device are used.

    Attributes:
        internal: what is between the atoms of the ligand.

    Raises:
        UsageError: there is no such scoring function.
    """

    def __init__(
        self,
        pocket: NDArray[np.float64],
        pocket_types: NDArray[np.int64],
        types: NDArray[np.int64],
        pairs: NDArray[np.int64],
        torsions: float,
        *,
        function: str = "vinardo",
        own: int | None = None,
        like: Tensor,
    ) -> None:
        if function not in TERMS:
            raise UsageError(f"scoring function {function!r}: there are {', '.join(TERMS)}")
        terms, radii = TERMS[function], RADII_NM[function]
        self._pocket = PocketInteractions(terms, radii, pocket, pocket_types, types[:own], like)
        self._own = len(types[:own])
        self.internal = InternalInteractions(terms, radii, types, pairs, like)
        self._divisor = 1 + terms.rotor * torsions

    def intermolecular(self, poses: Tensor) -> Tensor:
        """Between ligand and pocket, `[b]`; differentiable once."""
        return _differentiable(poses, self._between)

    def intramolecular(self, poses: Tensor) -> Tensor:
        """Within the ligand, `[b]`; differentiable once."""
        return _differentiable(poses, self.internal.energy_and_gradient)

    def affinity(self, poses: Tensor) -> Tensor:
        """What Vina reports for a single pose, `[b]`: intermolecular / (1 + w_rot N_rot)."""
        return self.intermolecular(poses) / self._divisor

    def energy_and_gradient(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """What docking minimises, inter- plus intramolecular: `[b]`, and `[b, atoms, 3]` a nm."""
        between, gradient = self._between(poses)
        within, internal = self.internal.energy_and_gradient(poses)
        return between + within, gradient + internal

    def _between(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        energy, gradient = self._pocket.energy_and_gradient(poses[:, : self._own])
        damping = _CAP / (_CAP + energy.clamp(min=0))
        others = (0, 0, 0, poses.shape[1] - self._own)
        gradient = torch.nn.functional.pad(gradient * damping.square()[..., None], others)
        return (energy * damping).sum(-1), gradient


def _differentiable(poses: Tensor, evaluate: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
    energy: Tensor = _WithGradient.apply(poses, evaluate)
    return energy


class _WithGradient(torch.autograd.Function):
    """An energy whose gradient comes with it."""

    @staticmethod
    def forward(
        ctx: Any, poses: Tensor, evaluate: Callable[[Tensor], tuple[Tensor, Tensor]]
    ) -> Tensor:
        energy, gradient = evaluate(poses)
        ctx.save_for_backward(gradient)
        return energy

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return outer[:, None, None] * gradient, None
