"""Docking one ligand into one pocket: draw poses, close their junctions, minimise, rank."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.chem.vina_ligand import vina_ligand
from molgen.chem.vina_receptor import receptor_types
from molgen.config import Table
from molgen.core.batch import Batch
from molgen.docking.fit import fit
from molgen.docking.minimise import minimise
from molgen.docking.models import PoseModel
from molgen.docking.physics import Scoring
from molgen.docking.propose import Shapes, propose
from molgen.docking.task import restore
from molgen.docking.tree import Tree, build_tree
from molgen.sampler import SampleTable

STAGES = ("preparation", "network", "physics")
"""What the seconds are told of."""


class DockTable(Table):
    """How a ligand is docked.

    Attributes:
        poses: drawn and refined.
        shapes: different conformers and cuts of the ligand among them.
        evaluations: of the physical energy, at most, in minimising each pose.
        scoring: vina or vinardo.
    """

    poses: PositiveInt = 40
    shapes: PositiveInt = 8
    evaluations: PositiveInt = 60
    scoring: str = "vinardo"


@dataclass(frozen=True)
class Docked:
    """Poses of one ligand, the best first.

    Attributes:
        ligand: what was docked.
        pocket: into what.
        poses: [poses, atoms, 3] nm, in the frame of the receptor's file.
        energy: [poses] kcal/mol, of the scoring function, with the ligand's own.
        affinity: [poses] kcal/mol, as Vina reports it.
        seed: int64 [poses], which of the draws each was.
        seconds: by stage.
    """

    ligand: Ligand
    pocket: Pocket
    poses: NDArray[np.float64]
    energy: NDArray[np.float64]
    affinity: NDArray[np.float64]
    seed: NDArray[np.int64]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Physics:
    """A ligand's physical energy in a pocket, and how it moves.

    Attributes:
        tree: of its rotors.
        scoring: of poses about the pocket's centre.
    """

    tree: Tree
    scoring: Scoring

    @classmethod
    def of(cls, pocket: Pocket, ligand: Ligand, function: str, like: Tensor) -> Physics:
        """That of a ligand in a pocket."""
        typed = vina_ligand(ligand.molecule)
        tree = build_tree(ligand.molecule.GetNumAtoms(), typed.bonds, typed.rotors)
        scoring = Scoring(
            pocket.receptor.coordinates - pocket.centre,
            receptor_types(pocket.receptor),
            typed.types,
            tree.pairs,
            typed.torsions,
            function=function,
            like=like,
        )
        return cls(tree.to(like), scoring)


@dataclass(frozen=True)
class Refined:
    """Poses of one ligand, in the order in which they were drawn.

    Attributes:
        shapes: the ligand's conformers and their fragments.
        physics: its energy.
        conformers: `[poses, atoms, 3]` nm, that of each pose.
        batch: the poses as they were drawn.
        poses: `[poses, atoms, 3]` nm about the pocket's centre, minimised.
        energy: `[poses]` kcal/mol, there.
        seconds: by stage.
    """

    shapes: Shapes
    physics: Physics
    conformers: Tensor
    batch: Batch
    poses: Tensor
    energy: Tensor
    seconds: dict[str, float]


@dataclass(frozen=True)
class Docker:
    """A trained model, ready to dock.

    Attributes:
        model: of poses.
        sampling: solver and steps.
        table: everything else.
    """

    model: PoseModel
    sampling: SampleTable
    table: DockTable

    @classmethod
    def load(
        cls, checkpoint: str | Path, table: DockTable | None = None, *, device: str = "cpu"
    ) -> Docker:
        """From a shipped name, a checkpoint, or a run folder.

        Raises:
            UsageError: it is no model of poses.
        """
        found = checkpoints.load(checkpoint)
        model = restore(found).to(device)
        return cls(model, SampleTable.of(found.recipe), table or DockTable())

    def refined(self, pocket: Pocket, ligand: Ligand, seed: int) -> Refined:
        """Poses drawn, their junctions closed, minimised; in the order in which they were drawn.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
        """
        clock = [time.perf_counter()]
        table = self.table
        like = next(self.model.parameters())
        shapes = Shapes.of(pocket, ligand, min(table.shapes, table.poses), seed)
        physics = Physics.of(pocket, ligand, table.scoring, like)
        clock.append(time.perf_counter())
        drawn = propose(self.model, shapes, self.sampling, table.poses, seed=seed)
        clock.append(time.perf_counter())
        conformers = torch.as_tensor(shapes.conformers).to(like)[drawn.shape]
        closed = fit(physics.tree, conformers, drawn.positions).poses
        found = minimise(
            physics.tree,
            closed,
            physics.scoring.energy_and_gradient,
            evaluations=table.evaluations,
        )
        clock.append(time.perf_counter())
        seconds = dict(zip(STAGES, np.diff(clock).tolist(), strict=True))
        return Refined(shapes, physics, conformers, drawn.batch, found.poses, found.energy, seconds)

    def dock(self, pocket: Pocket, ligand: Ligand, *, seed: int = 0) -> Docked:
        """Poses of a ligand in a pocket; the same for the same seed, whatever else is docked.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
        """
        found = self.refined(pocket, ligand, seed)
        affinity = found.physics.scoring.affinity(found.poses)
        order = found.energy.argsort(stable=True)
        return Docked(
            ligand,
            pocket,
            found.poses[order].double().cpu().numpy() + pocket.centre,
            found.energy[order].double().cpu().numpy(),
            affinity[order].double().cpu().numpy(),
            order.cpu().numpy(),
            found.seconds,
        )
