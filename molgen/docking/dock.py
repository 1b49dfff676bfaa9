"""Docking one ligand into one pocket: draw poses, close their junctions, search on, rank."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.chem.vina_ligand import vina_ligand
from molgen.chem.vina_receptor import receptor_types
from molgen.config import Recipe, Table, validate
from molgen.core.batch import Batch
from molgen.docking.confidence import Confidence
from molgen.docking.confidence import poses as poses_of
from molgen.docking.confidence_task import restore as restore_confidence
from molgen.docking.evidence import gather
from molgen.docking.field import PocketField
from molgen.docking.fit import fit
from molgen.docking.minimise import minimise
from molgen.docking.models import PoseModel
from molgen.docking.physics import Scoring
from molgen.docking.propose import Shapes, propose
from molgen.docking.rewards import REWARDS, Modelled
from molgen.docking.search import Found, distinct, search, spread
from molgen.docking.task import restore
from molgen.docking.tree import Tree, build_tree
from molgen.sampler import SampleTable
from molgen.steering import Record, SteerPlan

STAGES = ("preparation", "network", "physics", "ranking")
"""What the seconds are told of."""

ODDS_KCAL = 0.5
"""Energy, kcal/mol, that one unit of log-odds outweighs in ranking. On held-out training complexes
any value from 0.25 on ranked alike, and better than energy alone."""

SCATTER_NM = 0.5
"""Half the edge of the box for the middles of random poses."""

_HALF_BOX_NM = 1.125
"""Half the edge of the box that is searched, that in which Vina is judged: 22.5 Å."""


class DockTable(Table):
    """How a ligand is docked.

    Attributes:
        poses: drawn by the model.
        shapes: different conformers and cuts of the ligand among them.
        chains: of Monte Carlo; three in four start from drawn poses, the rest from random ones.
        steps: of each chain; 0: the drawn poses are minimised and nothing else.
        found: different poses to keep, at most.
        scoring: vina or vinardo.
        confidence: the model that ranks, with the energy: a shipped name, a checkpoint, or a run
            folder; if empty the energy ranks alone.
    """

    poses: PositiveInt = 40
    shapes: PositiveInt = 8
    chains: PositiveInt = 320
    steps: NonNegativeInt = 40
    found: PositiveInt = 30
    scoring: str = "vinardo"
    confidence: str = ""

    @classmethod
    def of(cls, recipe: Recipe, **changes: int | str | None) -> DockTable:
        """`[evaluate.docking]` of a recipe, with changes that are not None."""
        own = dict(recipe.evaluate.get("docking", {}))
        own |= {key: value for key, value in changes.items() if value is not None}
        return validate(cls, own, recipe.source, "evaluate.docking")


@dataclass(frozen=True)
class Docked:
    """Poses of one ligand, the best first.

    Attributes:
        ligand: what was docked.
        pocket: into what.
        poses: [poses, atoms, 3] nm, in the frame of the receptor's file.
        energy: [poses] kcal/mol, of the scoring function, with the ligand's own.
        affinity: [poses] kcal/mol, as Vina reports it.
        confidence: [poses], how sure the model is that the pose is within 2 Å of the true one: its
            probability among poses of which half are; None where no model ranked them.
        seconds: by stage.
        steering: what it said of the drawn poses; None where nothing steered them.
    """

    ligand: Ligand
    pocket: Pocket
    poses: NDArray[np.float64]
    energy: NDArray[np.float64]
    affinity: NDArray[np.float64]
    confidence: NDArray[np.float64] | None
    seconds: dict[str, float]
    steering: Record | None = None

    def take(self, order: NDArray[np.int64]) -> Docked:
        """Some of the poses, in this order."""
        return replace(
            self,
            poses=self.poses[order],
            energy=self.energy[order],
            affinity=self.affinity[order],
            confidence=None if self.confidence is None else self.confidence[order],
        )


@dataclass(frozen=True)
class Physics:
    """A ligand's physical energy in a pocket, and how it moves.

    Attributes:
        tree: of its rotors.
        scoring: of poses about the pocket's centre.
        field: of the pocket in a box about its centre, for the search.
    """

    tree: Tree
    scoring: Scoring
    field: Callable[[], PocketField]

    @classmethod
    def of(cls, pocket: Pocket, ligand: Ligand, function: str, like: Tensor) -> Physics:
        """That of a ligand in a pocket."""
        typed = vina_ligand(ligand.molecule)
        tree = build_tree(ligand.molecule.GetNumAtoms(), typed.bonds, typed.rotors)
        positions = pocket.receptor.coordinates - pocket.centre
        types = receptor_types(pocket.receptor)
        scoring = Scoring(
            positions,
            types,
            typed.types,
            tree.pairs,
            typed.torsions,
            function=function,
            like=like,
        )
        field = partial(
            PocketField,
            positions,
            types,
            typed.types,
            np.zeros(3),
            _HALF_BOX_NM,
            function=function,
            like=like,
        )
        return cls(tree.to(like), scoring, field)

    def searched(self, start: Tensor, shapes: Tensor, table: DockTable, seed: int) -> Found:
        """Different minima, the lowest first, that are found from some poses and from random ones.

        Args:
            start: `[b, atoms, 3]` nm about the pocket's centre.
            shapes: `[c, atoms, 3]` nm, conformers.
            table: how long is searched.
            seed: of the chains.
        """
        if table.steps == 0:
            ends = minimise(self.tree, start, self.scoring.energy_and_gradient)
            return distinct(ends.poses, ends.energy, table.found)
        generator = torch.Generator().manual_seed(seed)
        return search(
            self.tree,
            spread(self.tree, start, shapes, table.chains, SCATTER_NM, generator),
            self.field(),
            self.scoring,
            steps=table.steps,
            count=table.found,
            generator=generator,
        )


@dataclass(frozen=True)
class Refined:
    """Different poses of one ligand, the lowest in energy first.

    Attributes:
        shapes: the ligand's conformers and their fragments.
        physics: its energy.
        batch: the poses as the model drew them.
        drawn: `[drawn, atoms, 3]` nm about the pocket's centre, the same with junctions closed.
        poses: `[poses, atoms, 3]` nm, what the search made of them.
        energy: `[poses]` kcal/mol, there.
        seconds: by stage.
        steering: what it said of the drawn poses; None where nothing steered them.
    """

    shapes: Shapes
    physics: Physics
    batch: Batch
    drawn: Tensor
    poses: Tensor
    energy: Tensor
    seconds: dict[str, float]
    steering: Record | None = None


@dataclass(frozen=True)
class Docker:
    """A trained model, ready to dock.

    Attributes:
        model: of poses.
        sampling: solver and steps.
        table: everything else.
        confidence: what ranks with the energy; None: the energy alone.
        steering: by what the drawn poses are steered, and how.
    """

    model: PoseModel
    sampling: SampleTable
    table: DockTable
    confidence: Confidence | None = None
    steering: SteerPlan | None = None

    @classmethod
    def load(
        cls,
        checkpoint: str | Path,
        table: DockTable | None = None,
        *,
        sampling: SampleTable | None = None,
        device: str = "cpu",
    ) -> Docker:
        """From a shipped name, a checkpoint, or a run folder.

        Args:
            checkpoint: of the model that draws.
            table: how to dock; as the model's recipe says if None.
            sampling: solver and steps; those of the model's recipe if None.
            device: where the networks run.

        Raises:
            UsageError: it is no model of poses, or what should rank is none of confidence.
        """
        found = checkpoints.load(checkpoint)
        table = table or DockTable.of(found.recipe)
        ranks = None
        if table.confidence:
            ranks = restore_confidence(checkpoints.load(table.confidence)).to(device)
        return cls(
            restore(found).to(device), sampling or SampleTable.of_checkpoint(found), table, ranks
        )

    def refined(self, pocket: Pocket, ligand: Ligand, seed: int) -> Refined:
        """Poses drawn, their junctions closed, and what a search from them finds.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
        """
        clock = [time.perf_counter()]
        table = self.table
        like = next(self.model.parameters())
        shapes = Shapes.of(pocket, ligand, min(table.shapes, table.poses), seed)
        physics = Physics.of(pocket, ligand, table.scoring, like)
        clock.append(time.perf_counter())
        steerer = None
        if self.steering is not None:
            subject = Modelled(self.model, pocket, ligand, physics.scoring)
            steerer = self.steering.ready(REWARDS, subject)
        drawn = propose(self.model, shapes, self.sampling, table.poses, steerer=steerer, seed=seed)
        clock.append(time.perf_counter())
        conformers = torch.as_tensor(shapes.conformers).to(like)
        closed = fit(physics.tree, conformers[drawn.shape], drawn.positions).poses
        found = physics.searched(closed, conformers, table, seed)
        clock.append(time.perf_counter())
        seconds = dict(zip(STAGES, np.diff(clock).tolist(), strict=False))
        said = None if steerer is None else steerer.noted()
        return Refined(
            shapes, physics, drawn.batch, closed, found.poses, found.energy, seconds, said
        )

    def evidence(self, found: Refined, poses: Tensor) -> Tensor:
        """What speaks for poses `[b, atoms, 3]` nm of a docked ligand, see `evidence.EVIDENCE`."""
        batch = found.batch.take(torch.zeros(len(poses), dtype=torch.long, device=poses.device))
        return gather(self.model, batch, found.physics.scoring, poses, found.drawn)

    def dock(self, pocket: Pocket, ligand: Ligand, *, seed: int = 0) -> Docked:
        """Poses of a ligand in a pocket; the same for the same seed, whatever else is docked.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
        """
        return self.ranked(pocket, ligand, self.refined(pocket, ligand, seed))

    def ranked(self, pocket: Pocket, ligand: Ligand, found: Refined) -> Docked:
        """What `refined` found, by energy and confidence; by energy alone where there is none."""
        begun = time.perf_counter()
        affinity = found.physics.scoring.affinity(found.poses)
        order, sure = torch.arange(len(found.poses)), None
        if self.confidence is not None:
            batch = poses_of(
                [found.shapes.systems[0]] * len(found.poses),
                list(found.poses),
                self.evidence(found, found.poses),
            )
            odds = self.confidence(batch)
            order = (found.energy - ODDS_KCAL * odds).argsort(stable=True)
            sure = odds.sigmoid()[order].double().cpu().numpy()
        return Docked(
            ligand,
            pocket,
            found.poses[order].double().cpu().numpy() + pocket.centre,
            found.energy[order].double().cpu().numpy(),
            affinity[order].double().cpu().numpy(),
            sure,
            {**found.seconds, STAGES[-1]: time.perf_counter() - begun},
            found.steering,
        )
