"""What a draw of each pillar is worth, for the table of solvers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from molgen.chem.examples import EXAMPLES, example_complex
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.pocket import Pocket, centre_of_ligand, cut_pocket
from molgen.chem.receptor import read_receptor, without_ligand
from molgen.chem.rmsd import symmetric_rmsd
from molgen.core.random import Streams
from molgen.docking.data.prepare import complexes
from molgen.docking.propose import Shapes, propose
from molgen.effort import evaluations
from molgen.errors import UsageError
from molgen.graphs.drawing import draw as draw_graphs
from molgen.graphs.evaluation.effort import evaluations_each
from molgen.graphs.evaluation.evaluate import data_of
from molgen.graphs.evaluation.judge import LEAST, Judge
from molgen.graphs.evaluation.options import EvaluateTable as GraphOptions
from molgen.graphs.evaluation.verdict import judge_of
from molgen.md.evaluation.comparison import measure_plane
from molgen.md.evaluation.ensemble import Ensemble, bead_variables, plane_of
from molgen.md.evaluation.truth import Truth, load_truth
from molgen.md.sample import draw as draw_conformers
from molgen.md.system import System, load_system
from molgen.md.task import DataTable
from molgen.sampler import SampleTable
from molgen.trained import Trained

Numbers = dict[str, float]
"""Values by the heading of their column."""

_HIT_NM = 0.2

_JUDGED = 100
"""Graphs from which on distances from test graphs say anything."""


@dataclass(frozen=True)
class Quality(ABC):
    """How good the draws of a trained model are.

    Attributes:
        trained: the model.
        count: of draws.
        seed: of them.
    """

    trained: Trained
    count: int
    seed: int = 0

    @property
    @abstractmethod
    def title(self) -> str:
        """Of the table."""

    @abstractmethod
    def measure(self, table: SampleTable) -> Numbers:
        """What draws are worth that are drawn as the table says."""

    def cost(self, table: SampleTable) -> int:
        """Network evaluations of one draw."""
        like = self.trained.shapes(1)
        return evaluations(self.trained.processes, like, table.solver, table.steps)

    def generator(self) -> torch.Generator:
        """Random numbers, the same for every way of drawing."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class Conformers(Quality):
    """Of conformers: distances of their collective variables from the reference's."""

    @property
    def title(self) -> str:
        """With what it is compared."""
        return f"{self.trained.name}: {self.count:,} conformers, distances less the noise floor"

    @cached_property
    def _system(self) -> System:
        return load_system(self.trained.checkpoint.recipe.table("data", DataTable).system)

    @cached_property
    def _truth(self) -> Truth:
        statistics = self.trained.statistics  # type: ignore[attr-defined]
        data = self.trained.checkpoint.recipe.table("data", DataTable)
        truth = load_truth(data.frames, self._system, statistics.mapping)
        if truth is None:
            raise UsageError(f"{self.trained.name}: its reference frames are not here")
        return truth

    def measure(self, table: SampleTable) -> Numbers:
        """JS divergence in nats and squared error of the free energy in kT^2, debiased."""
        statistics = self.trained.statistics  # type: ignore[attr-defined]
        x = draw_conformers(
            self.trained.model, statistics, self.count, table=table, generator=self.generator()
        )
        found = measure_plane(
            Ensemble.from_positions(x, bead_variables(self._system, statistics.mapping)),
            self._truth.points,
            plane_of(self._system),
            repeats=20,
            generator=self.generator(),
        )
        return {
            "JS": found["js"].debiased,
            "PMF": found["pmf"].debiased,
            "PMF +-": found["pmf"].null_sd,
        }


@dataclass(frozen=True)
class Graphs(Quality):
    """Of graphs: checks that they pass, and distances from test graphs if data are there."""

    @property
    def title(self) -> str:
        """With what it is compared."""
        return f"{self.trained.name}: {self.count:,} graphs"

    @cached_property
    def judge(self) -> Judge | None:
        """By the data of the recipe; None where they are not prepared, or graphs are too few."""
        if self.count < _JUDGED:
            return None
        try:
            return judge_of(data_of(self.trained.checkpoint, None), GraphOptions())
        except UsageError:
            return None

    def cost(self, table: SampleTable) -> int:
        """With the evaluation that types are read off."""
        return evaluations_each(self.trained.model, table)

    def measure(self, table: SampleTable) -> Numbers:
        """Headline numbers of an evaluation; the valid share alone without data."""
        statistics = self.trained.statistics  # type: ignore[attr-defined]
        judge = self.judge
        if judge is None:
            shapes = self.trained.shapes(self.count, seed=self.seed)
            streams = Streams.of(self.seed, 0, self.count)
            found = self.trained.decoded(*table.integrate(self.trained.model, shapes, streams))
            return {"valid": float(np.mean([one is not None for one in found]))}
        drawn = draw_graphs(self.trained.model, statistics, self.count, table=table, seed=self.seed)
        checked = judge.check(drawn)
        numbers = {}
        for name in judge.headline:
            if name in checked.shares:
                numbers[name] = checked.shares[name].value
            elif checked.count >= LEAST:
                numbers[name] = float(judge.metrics[name](checked.items, judge.test))
        return numbers


@dataclass(frozen=True)
class Poses(Quality):
    """Of poses as the network draws them, before any physics: how near the crystal's they are.

    Attributes:
        folder: of complexes, see `molgen.docking.data.prepare.complexes`; the examples if None.
        most: of them.
    """

    folder: Path | None = None
    most: int = 4

    @property
    def title(self) -> str:
        """Of how many."""
        return f"{self.trained.name}: {self.count} drawn poses of each of {len(self._files())}"

    def _files(self) -> Sequence[tuple[Path, Path]]:
        if self.folder is None:
            return [example_complex(name) for name in EXAMPLES[: self.most]]
        return [(protein, ligand) for _, protein, ligand in complexes(self.folder)][: self.most]

    def measure(self, table: SampleTable) -> Numbers:
        """Share of poses within 2 Å, of complexes with one, and medians in Å."""
        rmsds = np.array([self._rmsds(*one, table) for one in self._prepared])
        return {
            "poses < 2 Å": float((rmsds < _HIT_NM).mean()),
            "complexes with one": float((rmsds < _HIT_NM).any(1).mean()),
            "median, Å": 10 * float(np.median(rmsds)),
            "median of best, Å": 10 * float(np.median(rmsds.min(1))),
        }

    @cached_property
    def _prepared(self) -> list[tuple[Ligand, Pocket, Shapes]]:
        found = []
        for protein, file in self._files():
            ligand = read_ligand(file)
            centre = centre_of_ligand(ligand)
            assert ligand.pose is not None  # it has a centre
            pocket = cut_pocket(without_ligand(read_receptor(protein), ligand.pose), centre)
            shapes = Shapes.of(pocket, ligand, min(8, self.count), self.seed)
            found.append((ligand, pocket, shapes))
        return found

    def _rmsds(
        self, ligand: Ligand, pocket: Pocket, shapes: Shapes, table: SampleTable
    ) -> np.ndarray:
        with torch.no_grad():
            drawn = propose(self.trained.model, shapes, table, self.count, seed=self.seed)
        assert ligand.pose is not None
        poses = drawn.positions.double().numpy(force=True) + pocket.centre
        return symmetric_rmsd(ligand.molecule, poses, ligand.pose)


def quality_of(
    trained: Trained,
    *,
    quick: bool = False,
    count: int | None = None,
    folder: Path | None = None,
    most: int | None = None,
) -> Quality:
    """How the draws of a model are judged.

    Args:
        trained: the model.
        quick: by few draws.
        count: of them; as many as such models ask for if None.
        folder: of complexes to dock into.
        most: of them.

    Raises:
        UsageError: there is no such measure.
    """
    task = trained.checkpoint.recipe.task
    if task == "md":
        return Conformers(trained, count or (500 if quick else 20_000))
    if task == "graphs":
        return Graphs(trained, count or (20 if quick else 1000))
    if task == "docking":
        count = count or (2 if quick else 40)
        return Poses(trained, count, folder=folder, most=most or (1 if quick else 16))
    raise UsageError(f"{trained.name}: a model for {task}, whose draws nobody judges")
