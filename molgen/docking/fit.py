"""The pose of a conformer nearest to given positions, its bond lengths and angles kept.

The torsion angles of the positions, in closed form, then a superposition, then least squares over
shift, rotation and torsions (Levenberg and Marquardt), all poses of a batch at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.docking.search.torsions import jacobian, place
from molgen.docking.search.tree import Tree

_START = 1e-3  # damping, in units of the normal matrix's diagonal
_FEWER, _MORE = 0.2, 5.0  # its factors after a good and a bad step


@dataclass(frozen=True)
class Fitted:
    """Poses of a conformer, and how far they are from what they were fitted to.

    Attributes:
        poses: `[b, atoms, 3]` nm.
        rmsd: `[b]` nm, atom by atom, as they lie.
    """

    poses: Tensor
    rmsd: Tensor


def fit(
    tree: Tree,
    conformer: Tensor,
    target: Tensor,
    *,
    stiff: Tensor | None = None,
    rounds: int = 10,
) -> Fitted:
    """The poses nearest to `target` that turning a conformer's rotors reaches.

    Args:
        tree: of the ligand, with the dtype and device of the positions.
        conformer: `[b, atoms, 3]` nm, or `[atoms, 3]` for all; where its root is held, in place.
        target: `[b, atoms, 3]` nm.
        stiff: bool `[rotors]`, those that keep the conformer's angle or turn by half a turn.
        rounds: of least squares.
    """
    conformer = conformer.expand_as(target)
    turns = target.new_zeros(len(target), tree.freedom)
    turns[:, 6:] = angles = _angles(tree, conformer, target)
    free = tree.free.to(target)
    if stiff is not None:
        turns[:, 6:] = torch.where(stiff, (angles / math.pi).round() * math.pi, angles)
        free[6:] = ~stiff
    poses = place(tree, conformer, turns)
    if not tree.held:
        poses = superposed(poses, target)
    if free.any():
        poses = _least_squares(tree, poses, target, free, rounds)
    return Fitted(poses, _rmsd(poses, target))


def superposed(positions: Tensor, target: Tensor) -> Tensor:
    """Positions moved rigidly onto a target as well as can be, `[b, atoms, 3]`. Kabsch 1976."""
    middle = target.mean(1, keepdim=True)
    body = positions - positions.mean(1, keepdim=True)
    u, _, vt = torch.linalg.svd((target - middle).mT @ body)
    sign = torch.ones_like(u[:, 0])
    sign[:, 2] = torch.linalg.det(u @ vt)
    return body @ (u * sign[:, None] @ vt).mT + middle


def _angles(tree: Tree, positions: Tensor, target: Tensor) -> Tensor:
    """By how much each rotor is to turn, `[b, rotors]`: the mean over all dihedrals about it."""
    turn = _dihedral_phases(tree, target) * _dihedral_phases(tree, positions).conj()
    zero = turn.new_zeros(len(turn), len(tree.axes))
    return zero.index_add(1, tree.rotor, turn).angle()


def _dihedral_phases(tree: Tree, positions: Tensor) -> Tensor:
    """exp(i angle) of each dihedral, `[b, dihedrals]`, times the sines of the angles beside it."""
    first, a, b, last = positions[:, tree.dihedrals].unbind(2)
    axis = torch.nn.functional.normalize(b - a, dim=-1)
    near = torch.nn.functional.normalize(first - a, dim=-1)
    far = torch.nn.functional.normalize(last - b, dim=-1)
    across = torch.linalg.cross(axis, near)
    cosine = (near * far).sum(-1) - (near * axis).sum(-1) * (far * axis).sum(-1)
    return torch.complex(cosine, (across * far).sum(-1))


def _least_squares(tree: Tree, poses: Tensor, target: Tensor, free: Tensor, rounds: int) -> Tensor:
    """Every round linearises about the poses of the last: a motion starts from rest."""
    damping = torch.full_like(poses[:, 0, 0], _START)
    loss = _rmsd(poses, target)
    for _ in range(rounds):
        by_motion = jacobian(tree, poses).flatten(1, 2) * free
        normal = by_motion.mT @ by_motion
        downhill = (by_motion.mT @ (target - poses).flatten(1)[..., None])[..., 0]
        diagonal = normal.diagonal(dim1=-2, dim2=-1)
        eased = damping[:, None] * diagonal + 1e-6 * diagonal.mean(1, keepdim=True)
        step = torch.linalg.solve(normal + torch.diag_embed(eased), downhill)
        moved = place(tree, poses, step)
        after = _rmsd(moved, target)
        better = after < loss
        poses = torch.where(better[:, None, None], moved, poses)
        loss = torch.where(better, after, loss)
        damping = damping * torch.where(better, _FEWER, _MORE)
    return poses


def _rmsd(poses: Tensor, target: Tensor) -> Tensor:
    return (poses - target).square().sum(-1).mean(-1).sqrt()
