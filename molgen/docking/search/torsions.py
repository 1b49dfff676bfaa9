"""Moves that change no bond length or angle: a shift, a rotation, turns about the rotors.

All moves start from given positions. A motion `[b, 6 + rotors]` is a shift (nm), a rotation vector
(rad) about the mean of the atoms, and the angle (rad) by which what lies beyond each rotor turns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.manifolds import so3
from molgen.docking.search.tree import Tree


def place(tree: Tree, positions: Tensor, motion: Tensor) -> Tensor:
    """The atoms after a motion: `[b, atoms, 3]` nm. Differentiable.

    Turns about rotors are about their axes in `positions`, from the leaves to the root, which is
    the same as about their moving axes from the root to the leaves.

    Args:
        tree: of the ligand.
        positions: `[b, atoms, 3]` nm, or `[atoms, 3]` for all.
        motion: `[b, 6 + rotors]`.
    """
    positions = positions.expand(len(motion), *positions.shape[-2:])
    middle = positions.mean(1)
    frames = [_about(middle, so3.exp(motion[:, 3:6]), motion[:, :3])[:, None]]
    if len(tree.axes):
        near, axis = _axes(tree, positions)
        turns = _about(near, _turn(axis, motion[:, 6:]))
        for rotors, above in tree.levels:
            frames.append(torch.cat(frames, 1)[:, above] @ turns[:, rotors])
    # Rotors are numbered by depth, and so are the frames, one after the root's.
    own = torch.cat(frames, 1)[:, tree.piece]
    return (own[..., :3, :3] @ positions[..., None])[..., 0] + own[..., :3, 3]


def pull_back(
    tree: Tree, positions: Tensor, moved: Tensor, motion: Tensor, gradient: Tensor
) -> Tensor:
    """dE/dmotion `[b, 6 + rotors]` from dE/dx: the force, the torque, the torques about the axes.

    Args:
        tree: of the ligand.
        positions: `[b, atoms, 3]` nm, before the motion.
        moved: `[b, atoms, 3]` nm, after it.
        motion: `[b, 6 + rotors]`.
        gradient: `[b, atoms, 3]`, dE/dx at `moved`.
    """
    moment = torch.linalg.cross(moved, gradient)
    force = gradient.sum(1)
    middle = positions.mean(1) + motion[:, :3]
    torque = moment.sum(1) - torch.linalg.cross(middle, force)
    near, axis = _axes(tree, moved)
    about = tree.moved @ moment - torch.linalg.cross(near, tree.moved @ gradient)
    rotation = _transported(motion[:, 3:6], torque)
    return torch.cat([force, rotation, (axis * about).sum(-1)], 1)


def jacobian(tree: Tree, positions: Tensor) -> Tensor:
    """dx/dmotion at rest: `[b, atoms, 3, 6 + rotors]`.

    Args:
        tree: of the ligand.
        positions: `[b, atoms, 3]` nm.
    """
    shift = torch.eye(3).to(positions).expand(*positions.shape, 3)
    turn = -so3.hat(positions - positions.mean(1, keepdim=True))
    near, axis = _axes(tree, positions)
    lever = positions[:, None] - near[:, :, None]
    about = torch.linalg.cross(axis[:, :, None].expand_as(lever), lever) * tree.moved[..., None]
    return torch.cat([shift, turn, about.permute(0, 2, 3, 1)], -1)


def _axes(tree: Tree, positions: Tensor) -> tuple[Tensor, Tensor]:
    """A point on each rotor's axis and its direction, `[b, rotors, 3]` both."""
    near, far = positions[:, tree.axes[:, 0]], positions[:, tree.axes[:, 1]]
    return near, torch.nn.functional.normalize(far - near, dim=-1)


def _about(point: Tensor, rotation: Tensor, shift: Tensor | None = None) -> Tensor:
    """The 4 x 4 matrix of a rotation about a point, then a shift: `[*, 4, 4]`."""
    moved = point - (rotation @ point[..., None])[..., 0]
    column = moved if shift is None else moved + shift
    last = torch.tensor([0.0, 0.0, 0.0, 1.0]).to(point).expand(*point.shape[:-1], 1, 4)
    return torch.cat([torch.cat([rotation, column[..., None]], -1), last], -2)


def _turn(axis: Tensor, angle: Tensor) -> Tensor:
    """Rodrigues: cos(a) 1 + sin(a) hat(u) + (1 - cos(a)) u u^T, for unit vectors u `[*, 3]`."""
    sine, cosine = angle.sin()[..., None, None], angle.cos()[..., None, None]
    outer = axis[..., :, None] * axis[..., None, :]
    return cosine * torch.eye(3).to(axis) + sine * so3.hat(axis) + (1 - cosine) * outer


def _transported(w: Tensor, torque: Tensor) -> Tensor:
    """J(w)^T torque, where exp(w + dw) = exp(J dw) exp(w).

    J = 1 + (1 - cos(a)) / a^2 hat(w) + (a - sin(a)) / a^3 hat(w)^2,  a = |w|.
    """
    square = w.square().sum(-1, keepdim=True)
    small = square < 0.25
    a = torch.where(small, 1.0, square).sqrt()
    series = 1 / 2 - square / 24 + square**2 / 720 - square**3 / 40320
    first = torch.where(small, series, (1 - a.cos()) / a**2)
    series = 1 / 6 - square / 120 + square**2 / 5040 - square**3 / 362880
    second = torch.where(small, series, (a - a.sin()) / a**3)
    once = torch.linalg.cross(w, torque)
    return torque - first * once + second * torch.linalg.cross(w, once)
