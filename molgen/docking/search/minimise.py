"""Poses moved downhill to their nearest minimum, all of a batch at once, each on its own.

BFGS over the motions of `torsions` with a backtracking line search. At each round every pose that
is not done tries one step of its own: it is taken or shortened, and no pose waits for another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.docking.search.torsions import jacobian, place, pull_back
from molgen.docking.search.tree import Tree

Energy = Callable[[Tensor], tuple[Tensor, Tensor]]
"""`[b]` and its gradient `[b, atoms, 3]` of poses `[b, atoms, 3]`."""

_LONGEST_NM = 0.1  # root mean square displacement of the atoms by one step
_FIRST_NM = 0.01  # by the first one
_ENOUGH = 1e-4  # of the decrease that the slope promises (Armijo)
_SHORTENINGS = 6


@dataclass(frozen=True)
class Minimised:
    """Where poses ended.

    Attributes:
        poses: `[b, atoms, 3]` nm.
        energy: `[b]`, as of the function that was minimised.
        evaluations: int64 `[b]`, of that function.
    """

    poses: Tensor
    energy: Tensor
    evaluations: Tensor


@dataclass(frozen=True)
class _Walk:
    """Poses on their way; rows of all tensors belong together.

    Attributes:
        index: `[a]`, which pose of the batch.
        start: `[a, atoms, 3]` nm.
        metric: `[a, d, d]` nm^2, root mean square displacement of a motion m: m^T metric m.
        motion: `[a, d]`, so far.
        energy: `[a]`, there.
        gradient: `[a, d]`, there.
        inverse: `[a, d, d]`, of the Hessian.
        step: `[a, d]`, to be tried next.
        shortened: `[a]`, how often it was.
        first: `[a]`, no step has been taken yet.
    """

    index: Tensor
    start: Tensor
    metric: Tensor
    motion: Tensor
    energy: Tensor
    gradient: Tensor
    inverse: Tensor
    step: Tensor
    shortened: Tensor
    first: Tensor

    def take(self, rows: Tensor) -> _Walk:
        """Some of them."""
        fields = (getattr(self, field.name) for field in dataclasses.fields(self))
        return _Walk(*(tensor[rows] for tensor in fields))


def minimise(
    tree: Tree,
    poses: Tensor,
    energy: Energy,
    *,
    evaluations: int = 60,
    tolerance: float = 1e-3,
) -> Minimised:
    """The minima below some poses of one ligand; bond lengths and angles stay.

    Args:
        tree: of the ligand, with the dtype and device of the poses.
        poses: `[b, atoms, 3]` nm.
        energy: what to minimise.
        evaluations: of the energy, at most.
        tolerance: a pose is done when the next step promises less than this.
    """
    walk = _start(tree, poses, energy)
    ends = place(tree, poses, torch.zeros_like(walk.motion)), walk.energy.clone()
    counts = torch.ones(len(poses), dtype=torch.int64, device=poses.device)
    for _ in range(evaluations - 1):
        promised = -(walk.gradient * walk.step).sum(1)
        going = (promised > tolerance) & (walk.shortened < _SHORTENINGS)
        if not bool(going.all()):
            walk = walk.take(going.nonzero()[:, 0])
        if not len(walk.index):
            break
        counts[walk.index] += 1
        walk, moved, better = _round(tree, walk, energy)
        ends[0][walk.index[better]] = moved[better]
        ends[1][walk.index[better]] = walk.energy[better]
    return Minimised(*ends, counts)


def _start(tree: Tree, poses: Tensor, energy: Energy) -> _Walk:
    by_motion = jacobian(tree, poses).flatten(1, 2)
    metric = by_motion.mT @ by_motion / poses.shape[1]
    scale = metric.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    eye = torch.eye(tree.freedom).to(poses)
    inverse = torch.linalg.inv(metric + 1e-3 * scale * eye)
    # What is held takes no step, and by what BFGS does to a row and column of zeros never will.
    inverse = inverse * tree.free * tree.free[:, None]
    motion = poses.new_zeros(len(poses), tree.freedom)
    value, slope = energy(poses)
    gradient = pull_back(tree, poses, poses, motion, slope)
    step = -(inverse @ gradient[..., None])[..., 0]
    return _Walk(
        index=torch.arange(len(poses), device=poses.device),
        start=poses,
        metric=metric,
        motion=motion,
        energy=value,
        gradient=gradient,
        inverse=inverse,
        step=_no_longer(step, metric, _FIRST_NM),
        shortened=torch.zeros_like(value),
        first=torch.ones_like(value, dtype=torch.bool),
    )


def _round(tree: Tree, walk: _Walk, energy: Energy) -> tuple[_Walk, Tensor, Tensor]:
    """Try each pose's step: the walk after it, the poses there, and which steps were taken."""
    motion = walk.motion + walk.step
    moved = place(tree, walk.start, motion)
    value, slope = energy(moved)
    gradient = pull_back(tree, walk.start, moved, motion, slope)
    promised = (walk.gradient * walk.step).sum(1)
    change = value - walk.energy
    better = change <= _ENOUGH * promised

    inverse = _updated(walk, gradient - walk.gradient)
    step = -(inverse @ gradient[..., None])[..., 0]
    # A parabola through the energies and the slope tells how much shorter a bad step should be.
    shorter = promised / (2 * (promised - change))
    shorter = torch.nan_to_num(shorter, 0.1, 0.1, 0.1).clamp(0.1, 0.5)
    taken = better[:, None]
    return (
        dataclasses.replace(
            walk,
            motion=torch.where(taken, motion, walk.motion),
            energy=torch.where(better, value, walk.energy),
            gradient=torch.where(taken, gradient, walk.gradient),
            inverse=torch.where(taken[..., None], inverse, walk.inverse),
            step=torch.where(
                taken, _no_longer(step, walk.metric, _LONGEST_NM), walk.step * shorter[:, None]
            ),
            shortened=torch.where(better, 0.0, walk.shortened + 1),
            first=walk.first & ~better,
        ),
        moved,
        better,
    )


def _updated(walk: _Walk, change: Tensor) -> Tensor:
    """The inverse Hessian after the step, `[a, d, d]`; unchanged where the curvature is not > 0.

    H + (1 + y^T H y / s^T y) s s^T / s^T y - (H y s^T + s y^T H) / s^T y, with s the step and y the
    change of the gradient. Before the first, H is scaled by s^T y / y^T H y (Shanno & Phua 1978).
    """
    s, y = walk.step, change
    curvature = (s * y).sum(1)
    bent = curvature > 1e-8 * s.norm(dim=1) * y.norm(dim=1)
    curvature = torch.where(bent, curvature, 1.0)[:, None, None]
    hy = (walk.inverse @ y[..., None])[..., 0]
    yhy = (y * hy).sum(1)[:, None, None]
    scale = torch.where(walk.first[:, None, None], curvature / yhy.clamp(min=1e-30), 1.0)
    hy, yhy = scale[..., 0] * hy, scale * yhy
    mixed = hy[:, :, None] * s[:, None]
    update = (1 + yhy / curvature) * s[:, :, None] * s[:, None] - mixed - mixed.mT
    return torch.where(bent[:, None, None], scale * walk.inverse + update / curvature, walk.inverse)


def _no_longer(step: Tensor, metric: Tensor, longest: float) -> Tensor:
    """The steps, shortened to displacements of `longest` nm at most."""
    length = (step * (metric @ step[..., None])[..., 0]).sum(1).clamp(min=1e-30).sqrt()
    return step * (longest / length).clamp(max=1)[:, None]
