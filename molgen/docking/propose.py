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
from molgen.chem.held_conformers import held_conformers
from molgen.chem.holding import Held
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.chem.vina_ligand import vina_ligand
from molgen.core.batch import Batch
from molgen.core.random import Streams
from molgen.docking.data.assemble import Scene
from molgen.docking.data.system import System, as_batch, atom_positions
from molgen.docking.held import Holding, free_rotors, known_fragments
from molgen.docking.models.kinds import PoseModel
from molgen.sampler import SampleTable
from molgen.steering import Steerer

_PARTICLES = 320
"""Poses that are steered at a time."""


@dataclass(frozen=True)
class Shapes:
    """A ligand in a pocket, made of the fragments of some of its conformers.

    Attributes:
        conformers: [shapes, atoms, 3] nm; where atoms are held, in place about the pocket's centre.
        systems: one a conformer, about the pocket's centre.
        known: the fragments `[K]` of each that held atoms fix; empty if none are held.
    """

    conformers: NDArray[np.float64]
    systems: Sequence[System]
    known: Sequence[Tensor] = ()

    @classmethod
    def of(
        cls, pocket: Pocket, ligand: Ligand, count: int, seed: int, held: Held | None = None
    ) -> Shapes:
        """So many conformers, each cut in a random one of the smallest ways.

        Of atoms that are held there is at least one conformer a way, and no cut among them.

        Raises:
            MolgenError: the ligand cannot be embedded.
        """
        scene = Scene.of(pocket, ligand)
        generator = np.random.default_rng(seed)
        typed = vina_ligand(ligand.molecule)
        rotors = typed.rotors
        if held is None:
            shapes = conformers(ligand.molecule, count, seed)
        else:
            rotors, _ = free_rotors(typed, held.atoms)
            shapes = held_conformers(ligand.molecule, held, count, seed)
        systems = [
            scene.assemble(
                fragment(ligand.molecule, how="random", generator=generator, among=rotors),
                shape,
                None if held is None else shape,
            )
            for shape in shapes
        ]
        if held is None:
            return cls(shapes, systems)
        known = [known_fragments(system, held.atoms) for system in systems]
        return cls(shapes - pocket.centre, systems, known)


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
    each = as_batch(shapes.systems).to(like.device, like.dtype)
    batch = each.take(shape)
    streams = Streams.of(seed, 0, count, like.device)
    holding = Holding.of(model, each, shapes.known) if shapes.known else None
    scored, told = (model, batch) if holding is None else (holding, holding.told(batch))
    if steerer is None:
        end, _ = table.integrate(scored, told, streams)
        state = end.state
    else:
        at_once = max(1, _PARTICLES // steerer.plan.particles)
        named = dataclasses.replace(told, ids=tuple(f"pose {k}" for k in range(count)))
        ends = []
        for part in torch.arange(count, device=like.device).split(at_once):
            end, _ = steerer.integrate(table, scored, named.take(part), streams.take(part))
            ends.append(end.state)
        state = {name: torch.cat([one[name] for one in ends]) for name in ends[0]}
    batch = batch.replace(**state)
    if holding is not None:
        batch = holding.settled(batch)
    return Proposed(atom_positions(batch), shape, batch)
