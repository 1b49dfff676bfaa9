"""Atoms that stay where they are while the rest is drawn: what may still turn, what is known.

A rotor may turn if all that is held lies on one side of it (or on its axis). Fragments that held
atoms fix are known rows of the batch, see `molgen.core.models.known`; what joins the others to them
is exact in the closed form of the ties, as known fragments have no noise there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.chem.holding import in_line
from molgen.chem.vina_ligand import VinaLigand
from molgen.core.batch import Batch
from molgen.core.models.known import Inpainted, Known
from molgen.docking.data.system import System, padded
from molgen.docking.models.kinds import PoseModel


def free_rotors(ligand: VinaLigand, held: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """The rotors [rotors, 2] that move nothing held, and an atom of the piece that is.

    Args:
        ligand: bonds and rotors.
        held: atoms, at least three that are not in a line.
    """
    atoms = len(ligand.types)
    within = np.ones(atoms, bool)
    free = []
    for pair in ligand.rotors.tolist():
        beyond = _beyond(atoms, ligand.bonds, pair)
        for side, end in ((beyond, pair[1]), (~beyond, pair[0])):
            if not (side[held] & (held != end)).any():  # the axis goes through its end
                free.append(pair)
                within &= ~side
                break
    return np.array(free, np.int64).reshape(-1, 2), int(np.flatnonzero(within)[0])


def _beyond(atoms: int, bonds: NDArray[np.int64], rotor: Sequence[int]) -> NDArray[np.bool_]:
    """The atoms [atoms] on the side of a rotor's second atom."""
    near, far = rotor
    others = bonds[~np.isin(bonds, (near, far)).all(1)]
    reached = np.zeros(atoms, bool)
    reached[far] = True
    for _ in range(atoms):
        touching = others[reached[others].any(1)]
        if reached[touching].all():
            break
        reached[touching] = True
    return reached


def known_fragments(system: System, held: NDArray[np.int64]) -> Tensor:
    """Which fragments `[K]` held atoms leave nowhere else to be."""
    points = np.isin(system.atom.numpy(), held)
    body, fragment = system.body.double().numpy(), system.fragment.numpy()
    known = []
    for k in range(len(system.trans)):
        own = points[fragment == k]
        known.append(bool(own.all()) or not in_line(body[fragment == k][own]))
    return torch.tensor(known)


@dataclass(frozen=True)
class Holding:
    """The score of poses of which some fragments are known.

    Attributes:
        model: of the score; knows nothing of what is known.
        clean: of each field the clean states `[systems, K, ...]`, right where they are known.
        mask: bool `[systems, K]`, the fragments that are.
    """

    model: PoseModel
    clean: Mapping[str, Tensor]
    mask: Tensor

    @classmethod
    def of(cls, model: PoseModel, batch: Batch, known: Sequence[Tensor]) -> Holding:
        """Of a batch with one graph a system, in place, and which fragments of each are known."""
        mask = padded(list(known)).to(next(iter(batch.state.values())).device)
        return cls(model, batch.state, mask)

    @property
    def processes(self) -> Mapping[str, object]:
        """Those of the model."""
        return self.model.processes

    def told(self, batch: Batch) -> Batch:
        """A batch that tells the ties what is known."""
        return dataclasses.replace(batch, given={**batch.given, "held": self.mask})

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t | known) of both fields; `t`: `[graphs]`."""
        known = self._known(batch)
        return Inpainted(self.model, self.model.processes, known, self._place).score(batch, t)

    def settled(self, batch: Batch) -> Batch:
        """The batch with known fragments just where they are."""
        known = self._known(batch)
        return batch.replace(
            **{name: known.put(name, batch.state[name], x) for name, x in known.clean.items()}
        )

    def _known(self, batch: Batch) -> Known:
        system = batch.given["system"]
        mask = self.mask[system]
        return Known(
            {name: x[system] for name, x in self.clean.items()}, dict.fromkeys(self.clean, mask)
        )

    def _place(self, name: str, clean: Tensor, t: Tensor, batch: Batch) -> Tensor:
        """Without a doubt: where a draw would be on average."""
        process = self.model.processes[name]
        return process.scaled(clean, torch.zeros_like(t), t, batch.rows[name])
