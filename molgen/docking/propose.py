"""Poses drawn from a trained model: fragments from noise, in a pocket, by a reverse-time solver."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.chem.conformers import conformers
from molgen.chem.fragments import fragment
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.chem.vina_ligand import vina_ligand
from molgen.core.batch import Batch
from molgen.core.random import Streams
from molgen.docking.assemble import Scene
from molgen.docking.models import PoseModel
from molgen.docking.system import System, as_batch, atom_positions
from molgen.sampler import SampleTable
from molgen.steering import Steerer

_PARTICLES = 320
"""Poses that are steered at a time."""


@dataclass(frozen=True)
class Shapes:
    """A ligand in a pocket, made of the fragments of some of its conformers.

    Attributes:
        conformers: [shapes, atoms, 3] nm.
        systems: one a conformer, about the pocket's centre.
    """

    conformers: NDArray[np.float64]
    systems: Sequence[System]

    @classmethod
    def of(cls, pocket: Pocket, ligand: Ligand, count: int, seed: int) -> Shapes:
        """So many conformers, each cut in a random one of the smallest ways.

        Raises:
            MolgenError: the ligand cannot be embedded.
        """
        scene = Scene.of(pocket, ligand)
        generator = np.random.default_rng(seed)
        rotors = vina_ligand(ligand.molecule).rotors
        shapes = conformers(ligand.molecule, count, seed)
        return cls(
            shapes,
            [
                scene.assemble(
                    fragment(ligand.molecule, how="random", generator=generator, among=rotors),
                    shape,
                )
                for shape in shapes
            ],
        )


@dataclass(frozen=True)
class Proposed:
    """Poses as a model leaves them: junctions nearly closed.

    Attributes:
        positions: `[poses, atoms, 3]` nm, about the pocket's centre.
        shape: int64 `[poses]`, the conformer of each.
        batch: the same as fragments.
    """

    positions: Tensor
    shape: Tensor
    batch: Batch


def propose(
    model: PoseModel,
    shapes: Shapes,
    table: SampleTable,
    count: int,
    *,
    steerer: Steerer | None = None,
    seed: int,
) -> Proposed:
    """So many poses; pose k of a seed is the same however many are drawn.

    Args:
        model: of poses.
        shapes: of the ligand.
        table: solver, steps and time grid.
        count: of poses.
        steerer: steers them; each is one of the particles it takes.
        seed: of the noise.

    Raises:
        UsageError: no such solver or grid, or a reward that cannot be used.
        MolgenError: a score is not finite, or steering cannot go on.
    """
    shape = torch.arange(count) % len(shapes.systems)
    like = next(model.parameters())
    batch = as_batch(shapes.systems).take(shape).to(like.device, like.dtype)
    streams = Streams.of(seed, 0, count, like.device)
    if steerer is None:
        batch, _ = table.integrate(model, batch, streams)
        return Proposed(atom_positions(batch), shape, batch)
    at_once = max(1, _PARTICLES // steerer.plan.particles)
    named = dataclasses.replace(batch, ids=tuple(f"pose {k}" for k in range(count)))
    ends = []
    for part in torch.arange(count, device=like.device).split(at_once):
        end, _ = steerer.integrate(table, model, named.take(part), streams.take(part))
        ends.append(end.state)
    batch = batch.replace(**{name: torch.cat([end[name] for end in ends]) for name in ends[0]})
    return Proposed(atom_positions(batch), shape, batch)
