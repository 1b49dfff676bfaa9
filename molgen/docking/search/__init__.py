"""Poses found by chance: many Monte Carlo chains at once, every step of which ends in a minimum.

Basin hopping as in AutoDock Vina (Trott & Olson 2010): one shift, turn or torsion is changed at
random, the pose is minimised, and the step is accepted by Metropolis on the minima's energies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.manifolds import so3
from molgen.docking.physics import Scoring
from molgen.docking.physics.field import PocketField
from molgen.docking.search.minimise import minimise
from molgen.docking.search.torsions import place
from molgen.docking.search.tree import Tree

TEMPERATURE = 1.2
"""kcal/mol, of the chains."""

_KICK_NM = 0.2  # longest shift; a turn displaces the atoms by as much
_APART_NM = 0.1  # root mean square: nearer poses are the same
_ABOUT_NM = 0.2  # root mean square: nearer minima are of the same funnel
_LOOKED_AT = 3000  # of the lowest minima, for different ones


@dataclass(frozen=True)
class Found:
    """Different poses of one ligand, the lowest first.

    Attributes:
        poses: `[k, atoms, 3]` nm.
        energy: `[k]` kcal/mol, of `Scoring`, inter- plus intramolecular.
    """

    poses: Tensor
    energy: Tensor


@dataclass(frozen=True)
class Searched(Found):
    """What a search found.

    Attributes:
        met: the minima that its chains were in, the lowest ones; the same may be there often.
    """

    met: Found

    def share(self, poses: Tensor) -> Tensor:
        """How much of what the chains met lies about each of some poses: log share `[b]`.

        Minima within 0.2 nm of a pose, each by its Boltzmann factor, of all. A narrow hole in the
        energy is met less often than a broad funnel as deep.
        """
        apart = torch.cdist(poses.flatten(1), self.met.poses.flatten(1)) / poses.shape[1] ** 0.5
        weight = -self.met.energy / TEMPERATURE
        near = torch.where(apart < _ABOUT_NM, weight, -torch.inf).logsumexp(1)
        return near - weight.logsumexp(0)


def search(
    tree: Tree,
    start: Tensor,
    field: PocketField,
    scoring: Scoring,
    *,
    steps: int,
    count: int,
    evaluations: int = 10,
    generator: torch.Generator,
) -> Searched:
    """The lowest minima that chains from some poses meet, minimised in `scoring` at last.

    Args:
        tree: of the ligand, with the dtype and device of the poses.
        start: `[b, atoms, 3]` nm, one a chain; conformers may differ.
        field: what the chains feel of the pocket.
        scoring: of the same ligand and pocket.
        steps: of each chain.
        count: of poses to return, at most.
        evaluations: of the energy in each step.
        generator: of the moves.
    """

    def energy(poses: Tensor) -> tuple[Tensor, Tensor]:
        between, pull = field.energy_and_gradient(poses)
        within, internal = scoring.internal.energy_and_gradient(poses)
        return between + within, pull + internal

    now = minimise(tree, start, energy, evaluations=evaluations, tolerance=0.01)
    poses, height = now.poses, now.energy
    met, heights = [poses], [height]
    for _ in range(steps if tree.free.any() else 0):
        kicked = place(tree, poses, _kicks(tree, poses, generator))
        new = minimise(tree, kicked, energy, evaluations=evaluations, tolerance=0.01)
        chance = torch.rand(len(poses), generator=generator).to(height)
        accepted = chance < torch.exp((height - new.energy) / TEMPERATURE)
        poses = torch.where(accepted[:, None, None], new.poses, poses)
        height = torch.where(accepted, new.energy, height)
        met.append(new.poses[accepted])
        heights.append(new.energy[accepted])
    every = torch.cat(heights)
    low = every.argsort()[:_LOOKED_AT]
    visited = Found(torch.cat(met)[low], every[low])
    lowest = distinct(visited.poses, visited.energy, 2 * count)
    end = minimise(tree, lowest.poses, scoring.energy_and_gradient)
    found = distinct(end.poses, end.energy, count)
    return Searched(found.poses, found.energy, visited)


def spread(
    tree: Tree,
    drawn: Tensor,
    shapes: Tensor,
    chains: int,
    half_nm: float,
    generator: torch.Generator,
) -> Tensor:
    """Poses for so many chains to start from: `[chains, atoms, 3]` nm.

    Three in four are drawn ones, each as often as the others, and the rest random ones, so that
    what the model misses may still be found.

    Args:
        tree: of the ligand.
        drawn: `[b, atoms, 3]` nm about the pocket's centre.
        shapes: `[c, atoms, 3]` nm, conformers; where the tree's root is held, in place.
        chains: number of poses.
        half_nm: half the edge of the box about the centre for the middles of random poses.
        generator: of them.
    """
    own = -(-3 * chains // 4)
    centre = drawn.new_zeros(3)
    others = scattered(tree, shapes, chains - own, centre, half_nm, generator)
    return torch.cat([drawn.repeat(-(-own // len(drawn)), 1, 1)[:own], others])


def scattered(
    tree: Tree,
    shapes: Tensor,
    chains: int,
    centre: Tensor,
    half_nm: float,
    generator: torch.Generator,
) -> Tensor:
    """Random poses to start from: `[chains, atoms, 3]` nm.

    Args:
        tree: of the ligand.
        shapes: `[c, atoms, 3]` nm, conformers, taken in turn; their torsions are drawn anew. Where
            the tree's root is held they are in place, and nothing else is.
        chains: number of poses.
        centre: `[3]` nm, of the box in which the middles of the poses lie.
        half_nm: half of its edge.
        generator: of everything.
    """
    shape = shapes[torch.arange(chains, device=shapes.device) % len(shapes)]
    motion = torch.rand(chains, tree.freedom, generator=generator).to(shapes) * 2 - 1
    turned = place(tree, shape, torch.nn.functional.pad(torch.pi * motion[:, 6:], (6, 0)))
    if tree.held:
        return turned
    body = turned - turned.mean(1, keepdim=True)
    orientation = so3.of_normal(torch.randn(chains, 4, generator=generator).to(shapes))
    return body @ orientation.mT + centre + half_nm * motion[:, None, :3]


def distinct(poses: Tensor, energy: Tensor, count: int) -> Found:
    """The lowest of some poses that are 0.1 nm apart from all lower ones, at most so many."""
    order = energy.argsort()
    poses, energy = poses[order], energy[order]
    kept: list[Tensor] = []
    while len(poses) and len(kept) < count:
        kept.append(torch.cat([poses[0].flatten(), energy[:1]]))
        apart = (poses - poses[0]).square().sum(-1).mean(-1).sqrt() > _APART_NM
        poses, energy = poses[apart], energy[apart]
    rows = torch.stack(kept)
    return Found(rows[:, :-1].unflatten(1, (-1, 3)), rows[:, -1])


def _kicks(tree: Tree, poses: Tensor, generator: torch.Generator) -> Tensor:
    """A random motion each: a shift, a turn (not of what is held), or one torsion to any angle."""
    low = 2 if tree.held else 0
    which = torch.randint(low, 2 + len(tree.axes), (len(poses),), generator=generator)
    direction = torch.randn(len(poses), 3, generator=generator)
    far = torch.rand(len(poses), 1, generator=generator) ** (1 / 3)
    ball = (_KICK_NM * far * torch.nn.functional.normalize(direction, dim=1)).to(poses)
    middle = poses.mean(1, keepdim=True)
    gyration = (poses - middle).square().sum(-1).mean(-1, keepdim=True).sqrt().clamp(min=0.05)
    angle = (2 * torch.rand(len(poses), generator=generator) - 1).to(poses) * torch.pi
    which = which.to(poses.device)
    motion = poses.new_zeros(len(poses), tree.freedom)
    motion[:, :3] = torch.where(which[:, None] == 0, ball, 0.0)
    motion[:, 3:6] = torch.where(which[:, None] == 1, ball / gyration, 0.0)
    turning = (which >= 2).nonzero()[:, 0]
    motion[turning, 4 + which[turning]] = angle[turning]
    return motion
