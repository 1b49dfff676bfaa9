"""A ligand as a tree of rigid pieces joined by the bonds that turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Tree:
    """Rigid pieces joined by rotors, each rotor after the one that it hangs from.

    Attributes:
        axes: int64 `[rotors, 2]`, atoms of each rotor, the one nearer to the root first.
        moved: `[rotors, atoms]`, 1 for what lies beyond the rotor, its second atom included.
        piece: int64 `[atoms]`, 0 in the root, else 1 + the rotor that the atom's piece hangs from.
        levels: the rotors of each depth, and the pieces that they hang from.
        pairs: [q, 2], atoms whose distance the rotors change and that are more than three bonds
            apart: the ones that interact in Vina.
        dihedrals: int64 `[dihedrals, 4]`, bonded atoms in a row, a rotor in the middle.
        rotor: int64 `[dihedrals]`, which.
        held: the root stays where it is.
    """

    axes: Tensor
    moved: Tensor
    piece: Tensor
    levels: tuple[tuple[Tensor, Tensor], ...]
    pairs: NDArray[np.int64]
    dihedrals: Tensor
    rotor: Tensor
    held: bool = False

    @property
    def freedom(self) -> int:
        """Degrees of freedom: a shift, a rotation, and an angle a rotor."""
        return 6 + len(self.axes)

    @property
    def free(self) -> Tensor:
        """Which of them `[freedom]` may move: all, or of a held root not the first six."""
        return torch.arange(self.freedom, device=self.piece.device) >= (6 if self.held else 0)

    def to(self, like: Tensor) -> Tree:
        """The same with the device and dtype of `like`."""
        return Tree(
            self.axes.to(like.device),
            self.moved.to(like),
            self.piece.to(like.device),
            tuple((own.to(like.device), above.to(like.device)) for own, above in self.levels),
            self.pairs,
            self.dihedrals.to(like.device),
            self.rotor.to(like.device),
            self.held,
        )


def build_tree(
    atoms: int,
    bonds: NDArray[np.int64],
    rotors: NDArray[np.int64],
    *,
    held: int | None = None,
) -> Tree:
    """The tree of a molecule; its root is the piece whose farthest piece is nearest.

    Args:
        atoms: their number.
        bonds: [bonds, 2], all of them.
        rotors: [rotors, 2], those that turn; none in a ring.
        held: an atom whose piece stays where it is, and is the root.
    """
    turning = {frozenset(pair) for pair in rotors.tolist()}
    label = _components(atoms, (p for p in bonds.tolist() if frozenset(p) not in turning))
    joins = [(i, j, label[i], label[j]) for i, j in rotors.tolist()]
    root = _middle(label, [(a, b) for *_, a, b in joins]) if held is None else label[held]
    both_ways = [one for i, j, a, b in joins for one in ((i, j, a, b), (j, i, b, a))]

    axes: list[tuple[int, int]] = []
    above: list[int] = []  # piece that each rotor hangs from
    depth = {0: 0}
    number = {root: 0}
    waiting = [root]
    for here in waiting:
        for i, j, a, b in both_ways:
            if a == here and b not in number:
                axes.append((i, j))
                above.append(number[a])
                number[b] = len(axes)
                depth[len(axes)] = depth[number[a]] + 1
                waiting.append(b)

    piece = np.array([number[one] for one in label])
    moved = np.arange(1, len(axes) + 1)[:, None] == piece
    for k in reversed(range(len(axes))):
        if above[k]:
            moved[above[k] - 1] |= moved[k]
    levels = []
    for level in range(1, max(depth.values()) + 1):
        own = [k for k in range(len(axes)) if depth[k + 1] == level]
        levels.append((torch.tensor(own), torch.tensor([above[k] for k in own])))
    return Tree(
        torch.tensor(axes, dtype=torch.int64).reshape(-1, 2),
        torch.as_tensor(moved.astype(np.float64)),
        torch.as_tensor(piece),
        tuple(levels),
        _interacting(piece, bonds, np.array(axes, np.int64).reshape(-1, 2)),
        *_dihedrals(atoms, bonds, axes),
        held is not None,
    )


def _components(atoms: int, bonds: Iterable[list[int]]) -> list[int]:
    """A label an atom, the same for atoms that are joined."""
    label = list(range(atoms))
    for i, j in bonds:
        old, new = label[i], label[j]
        label = [new if one == old else one for one in label]
    return label


def _middle(label: list[int], joins: list[tuple[int, int]]) -> int:
    """The component whose farthest is nearest; of several, the one with most atoms."""
    names = sorted(set(label))
    place = {name: k for k, name in enumerate(names)}
    apart = np.full((len(names), len(names)), np.inf)
    np.fill_diagonal(apart, 0)
    for a, b in joins:
        apart[place[a], place[b]] = apart[place[b], place[a]] = 1
    for k in range(len(names)):  # Floyd and Warshall
        apart = np.minimum(apart, apart[:, k, None] + apart[k])
    return min(names, key=lambda name: (apart[place[name]].max(), -label.count(name)))


def _interacting(
    piece: NDArray[np.int64], bonds: NDArray[np.int64], axes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Pairs of atoms [q, 2] more than three bonds apart whose distance is not fixed.

    Both atoms of a rotor are fixed to each of the pieces that it joins.
    """
    atoms = len(piece)
    step = np.eye(atoms, dtype=np.int64)
    step[bonds[:, 0], bonds[:, 1]] = step[bonds[:, 1], bonds[:, 0]] = 1
    member = (np.arange(len(axes) + 1)[:, None] == piece).astype(np.int64)
    member[piece[axes[:, 0]], axes[:, 1]] = member[piece[axes[:, 1]], axes[:, 0]] = 1
    free = (step @ step @ step == 0) & (member.T @ member == 0)
    return np.argwhere(np.triu(free, 1))


def _dihedrals(
    atoms: int, bonds: NDArray[np.int64], axes: list[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """All dihedrals about the rotors, and the rotor of each."""
    beside: list[list[int]] = [[] for _ in range(atoms)]
    for i, j in bonds.tolist():
        beside[i].append(j)
        beside[j].append(i)
    found = [
        (k, (i, a, b, j))
        for k, (a, b) in enumerate(axes)
        for i in beside[a]
        for j in beside[b]
        if i != b and j != a
    ]
    rows = torch.tensor([row for _, row in found], dtype=torch.int64).reshape(-1, 4)
    return rows, torch.tensor([k for k, _ in found], dtype=torch.int64)
