"""Docking one ligand into one pocket: draw poses, close their junctions, search on, rank."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.chem.holding import Held
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.core.batch import Batch
from molgen.docking.confidence import Confidence
from molgen.docking.confidence.evidence import gather
from molgen.docking.confidence.task import restore as restore_confidence
from molgen.docking.docked import Docked
from molgen.docking.fit import fit
from molgen.docking.models.kinds import PoseModel
from molgen.docking.options import DockTable
from molgen.docking.propose import Shapes, propose
from molgen.docking.rewards import REWARDS, Modelled
from molgen.docking.rigid import laid_upon
from molgen.docking.search import TEMPERATURE, Searched
from molgen.docking.search.exploring import Physics
from molgen.docking.task import restore
from molgen.sampler import SampleTable
from molgen.steering import Record, SteerPlan

STAGES = ("preparation", "network", "physics", "ranking")
"""What the seconds are told of."""

_MORE_SHAPES = 3
"""As many conformers where atoms are held: from there the far end of a ligand is only where the
conformer's angles and rings put it, while a free one shifts a little to make up for them."""

_LEAST = 1e-12


@dataclass(frozen=True)
class Refined:
    """Different poses of one ligand, the lowest in energy first.

    Attributes:
        shapes: the ligand's conformers and their fragments.
        physics: its energy.
        batch: the poses as the model drew them.
        drawn: `[drawn, atoms, 3]` nm about the pocket's centre, the same with junctions closed.
        found: what the search made of them.
        seconds: by stage.
        steering: what it said of the drawn poses; None where nothing steered them.
        bonded: so many of the atoms, the last, are the receptor's.
    """

    shapes: Shapes
    physics: Physics
    batch: Batch
    drawn: Tensor
    found: Searched
    seconds: dict[str, float]
    steering: Record | None = None
    bonded: int = 0

    @property
    def poses(self) -> Tensor:
        """`[poses, atoms, 3]` nm, that were found."""
        return self.found.poses

    @property
    def energy(self) -> Tensor:
        """`[poses]` kcal/mol, of them."""
        return self.found.energy

    def as_drawn(self, poses: Tensor) -> Batch:
        """Poses `[b, atoms, 3]` nm of this ligand, in the fragments of the first that was drawn."""
        first = torch.zeros(len(poses), dtype=torch.long, device=poses.device)
        return laid_upon(self.batch.take(first), poses)


@dataclass(frozen=True)
class Docker:
    """A trained model, ready to dock.

    Attributes:
        model: of poses.
        sampling: solver and steps.
        table: everything else.
        confidence: what ranks with the energy; None: the energy alone.
        steering: by what the drawn poses are steered, and how.
        clock: whose seconds are told.
    """

    model: PoseModel
    sampling: SampleTable
    table: DockTable
    confidence: Confidence | None = None
    steering: SteerPlan | None = None
    clock: Callable[[], float] = time.perf_counter

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

    def refined(
        self, pocket: Pocket, ligand: Ligand, seed: int, held: Held | None = None
    ) -> Refined:
        """Poses drawn, their junctions closed, and what a search from them finds.

        Args:
            pocket: without the atoms of the receptor that the ligand is bonded to.
            ligand: with them.
            seed: of everything.
            held: atoms that do not move.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
        """
        times = [self.clock()]
        table = self.table
        like = next(self.model.parameters())
        count = min(table.shapes * (1 if held is None else _MORE_SHAPES), table.poses)
        shapes = Shapes.of(pocket, ligand, count, seed, held)
        physics = Physics.of(pocket, ligand, table.scoring, like, held)
        times.append(self.clock())
        steerer = None
        if self.steering is not None:
            subject = Modelled(self.model, pocket, ligand, physics.scoring)
            steerer = self.steering.ready(REWARDS, subject)
        drawn = propose(self.model, shapes, self.sampling, table.poses, steerer=steerer, seed=seed)
        times.append(self.clock())
        conformers = torch.as_tensor(shapes.conformers).to(like)
        closed = fit(physics.tree, conformers[drawn.shape], drawn.positions).poses
        found = physics.searched(closed, conformers, table, seed)
        times.append(self.clock())
        seconds = dict(zip(STAGES, np.diff(times).tolist(), strict=False))
        said = None if steerer is None else steerer.noted()
        bonded = 0 if held is None else held.bonded
        return Refined(shapes, physics, drawn.batch, closed, found, seconds, said, bonded)

    def shared(self, count: int) -> Docker:
        """The same with a part of its poses and chains, for one of `count` dockings of a ligand."""
        share = {name: -(-getattr(self.table, name) // count) for name in ("poses", "chains")}
        return replace(self, table=self.table.model_copy(update=share))

    def evidence(self, found: Refined, poses: Tensor) -> Tensor:
        """What speaks for poses `[b, atoms, 3]` nm of a docked ligand, see `evidence.EVIDENCE`."""
        drawn = found.as_drawn(poses)
        return gather(self.model, drawn, found.physics, poses, found.found)

    def dock(
        self, pocket: Pocket, ligand: Ligand, *, seed: int = 0, held: Held | None = None
    ) -> Docked:
        """Poses of a ligand in a pocket; the same for the same seed, whatever else is docked.

        Args:
            pocket: see `refined`, as all others.
            ligand: of the poses, that are without the receptor's atoms.
            seed: of everything.
            held: atoms that do not move.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
        """
        return self.ranked(pocket, ligand, self.refined(pocket, ligand, seed, held))

    def ranked(self, pocket: Pocket, ligand: Ligand, found: Refined) -> Docked:
        """What `refined` found, the surest first; by energy where nothing says how sure."""
        begun = self.clock()
        affinity = found.physics.scoring.affinity(found.poses)
        order, sure = torch.arange(len(found.poses)), None
        if self.confidence is not None:
            odds = self.confidence.odds(self.evidence(found, found.poses))
            order = odds.argsort(descending=True, stable=True)
            sure = odds.sigmoid()[order].double().cpu().numpy()
        return Docked(
            ligand,
            pocket,
            found.poses[order, : found.poses.shape[1] - found.bonded].double().cpu().numpy()
            + pocket.centre,
            found.energy[order].double().cpu().numpy(),
            affinity[order].double().cpu().numpy(),
            sure,
            {**found.seconds, STAGES[-1]: self.clock() - begun},
            found.steering,
        )


def joined(found: Sequence[Docked]) -> Docked:
    """All poses of several dockings of a ligand in a pocket, in one order."""
    poses, energy, affinity = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("poses", "energy", "affinity")
    )
    sure, score = None, energy
    own = [(one.confidence, one.energy.min()) for one in found if one.confidence is not None]
    if own:
        # each knows its poses by the lowest of its own: others may lie lower
        odds = [logit(p.clip(_LEAST, 1 - _LEAST)) - low / TEMPERATURE for p, low in own]
        joint = np.concatenate(odds) + energy.min() / TEMPERATURE
        sure, score = expit(joint), -joint
    seconds, steering = Counter[str](), dict[str, list[float]]()
    for one in found:
        seconds.update(one.seconds)
        for name, values in (one.steering or {}).items():
            steering.setdefault(name, []).extend(values)
    whole = replace(
        found[0],
        poses=poses,
        energy=energy,
        affinity=affinity,
        confidence=sure,
        seconds=dict(seconds),
        steering=steering or None,
    )
    return whole.take(score.argsort(kind="stable"))
