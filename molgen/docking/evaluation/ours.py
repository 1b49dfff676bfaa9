"""Our own docking as the judge sees it, stage by stage: what each of them brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.chem.pocket import RADIUS_NM, cut_pocket
from molgen.chem.pose_checks import posebusters_checks
from molgen.chem.pose_surroundings import read_surroundings
from molgen.core.threads import cpu_threads
from molgen.docking.confidence.evidence import disfavour
from molgen.docking.data.system import atom_positions
from molgen.docking.dock import STAGES as TIMED
from molgen.docking.dock import Docker, Refined
from molgen.docking.docked import Docked
from molgen.docking.evaluation.answers import Answer, Spent, Watch
from molgen.docking.evaluation.calibration import CONFIDENCE
from molgen.docking.evaluation.cases import Case
from molgen.docking.evaluation.options import EvaluateTable
from molgen.docking.poses import valid_first
from molgen.docking.rewards import REWARDS
from molgen.docking.search import scattered
from molgen.docking.search.exploring import SCATTER_NM
from molgen.errors import UsageError
from molgen.evaluation import options_of
from molgen.steering import SteerPlan

NETWORK, PHYSICS, LEARNED = "network", "physics", "learned"
VALID, RANDOM = "valid", "random"
STAGES = {
    NETWORK: "poses as the model draws them, by its energy or how far it would move them",
    PHYSICS: "what a search from them finds, by energy",
    LEARNED: "the same, by the model as it ranks its own",
    CONFIDENCE: "the same, by energy and confidence",
    VALID: "the same, those that fail a check last: what `molgen dock` hands out",
    RANDOM: "what the same search finds from random poses, by energy",
}
"""Rows that a model may have."""

USUAL = (NETWORK, PHYSICS, CONFIDENCE, VALID)
"""If nobody says; without the last where no model ranks."""


class DockerProgram:
    """A trained model and what follows it; a row of the table for each of some stages.

    Args:
        docker: the model.
        weights: fingerprint of it.
        label: first part of the names of its rows.
        stages: of `STAGES`; the usual ones if None.
        threads: of the processor.

    Raises:
        UsageError: there is no such stage, or nothing that ranks by confidence.
    """

    def __init__(
        self,
        docker: Docker,
        weights: str,
        label: str,
        stages: Sequence[str] | None = None,
        threads: int = 1,
    ) -> None:
        self.docker, self.weights, self.threads = docker, weights, threads
        ranks = docker.confidence is not None
        self.stages = stages or tuple(name for name in USUAL if name != CONFIDENCE or ranks)
        for stage in self.stages:
            if stage not in STAGES:
                raise UsageError(f"no stage '{stage}'; there are {', '.join(STAGES)}")
            if stage == CONFIDENCE and not ranks:
                raise UsageError("nothing gives a confidence: --set docking.confidence=CHECKPOINT")
        self._row = {stage: f"{label}-{stage}" for stage in self.stages}
        self.rows = tuple(self._row.values())

    @classmethod
    def load(
        cls,
        model: str | Path,
        changes: Sequence[str] = (),
        *,
        label: str | None = None,
        stages: Sequence[str] | None = None,
        steering: SteerPlan | None = None,
        threads: int = 1,
        device: str = "cpu",
    ) -> DockerProgram:
        """From a shipped name, a checkpoint, or a run folder.

        Args:
            model: its name.
            changes: of `EvaluateTable`, such as `docking.poses=20`.
            label: the last part of the model's name if None.
            stages: see the class.
            steering: by what the drawn poses are steered, and how.
            threads: of the processor.
            device: where the network runs.

        Raises:
            UsageError: it is no model of poses; an option, a stage or a reward is none; steering
                cannot use the solver.
        """
        found = checkpoints.load(model)
        table = options_of(found, EvaluateTable, changes)
        sampling = table.sampling.ready(found)
        if steering is not None:
            steering.check(REWARDS, sampling.solver)
        docker = Docker.load(model, table.docking, sampling=sampling, device=device)
        docker = replace(docker, steering=steering)
        return cls(docker, found.fingerprint, label or Path(model).name, stages, threads)

    @property
    def identity(self) -> dict[str, Any]:
        """Weights and settings."""
        table, steering = self.docker.table, self.docker.steering
        ranks = table.confidence and checkpoints.load(table.confidence).fingerprint
        return {
            "weights": self.weights,
            "sampling": self.docker.sampling.model_dump(mode="json"),
            "docking": {**table.model_dump(mode="json"), CONFIDENCE: ranks},
            **({} if steering is None else {"steering": steering.said()}),
            "radius_nm": RADIUS_NM,
            "threads": self.threads,
        }

    def dock(self, case: Case) -> dict[str, Answer]:
        """The answer of each stage.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
            UsageError: there is no protein about the centre.
        """
        with cpu_threads(self.threads), torch.no_grad():
            pocket = cut_pocket(case.receptor, case.centre)
            watch = Watch()
            found = self.docker.refined(pocket, case.ligand, case.seed)
            before = watch.spent.processor
            docked = self.docker.ranked(pocket, case.ligand, found)
            spent = Spent(docked.seconds, watch.spent.processor)
            answers = {
                NETWORK: lambda: self._drawn(found, case, before),
                PHYSICS: lambda: _by_energy(docked, spent),
                LEARNED: lambda: self._by_model(found, case, before),
                CONFIDENCE: lambda: Answer(docked.poses, _scores(docked), spent),
                VALID: lambda: _checked(docked, spent, case),
                RANDOM: lambda: self._searched(found, case),
            }
            return {row: answers[stage]() for stage, row in self._row.items()}

    def _drawn(self, found: Refined, case: Case, processor: float) -> Answer:
        watch = Watch()
        bad = disfavour(self.docker.model, found.batch)
        order = bad.argsort(stable=True)
        watch.end(TIMED[-1])
        own = {name: found.seconds[name] for name in TIMED[:2]}
        # its part of the processor's time is taken to be that of the clock's
        alone = processor * sum(own.values()) / sum(found.seconds.values())
        return _answer(
            atom_positions(found.batch)[order],
            case,
            {"disfavour": bad[order]},
            Spent(own, alone).and_(watch.spent),
        )

    def _by_model(self, found: Refined, case: Case, processor: float) -> Answer:
        watch = Watch()
        bad = disfavour(self.docker.model, found.as_drawn(found.poses))
        order = bad.argsort(stable=True)
        watch.end(TIMED[-1])
        spent = Spent(found.seconds, processor).and_(watch.spent)
        scores = {"energy": found.energy[order], "disfavour": bad[order]}
        return _answer(found.poses[order], case, scores, spent)

    def _searched(self, found: Refined, case: Case) -> Answer:
        """From conformers anywhere about the pocket's centre."""
        watch, table, tree = Watch(), self.docker.table, found.physics.tree
        shapes = torch.as_tensor(found.shapes.conformers).to(found.drawn)
        generator = torch.Generator().manual_seed(case.seed)
        centre = shapes.new_zeros(3)
        start = scattered(tree, shapes, table.chains, centre, SCATTER_NM, generator)
        ends = found.physics.searched(start, shapes, table, case.seed)
        watch.end(PHYSICS)
        spent = Spent({TIMED[0]: found.seconds[TIMED[0]]}, 0.0).and_(watch.spent)
        return _answer(ends.poses, case, {"energy": ends.energy}, spent)


def _checked(docked: Docked, spent: Spent, case: Case) -> Answer:
    """Those that fail a check of PoseBusters after the others."""
    watch = Watch()
    surroundings = read_surroundings(case.file)
    order = valid_first(posebusters_checks(case.ligand.molecule, docked.poses, surroundings))
    watch.end(TIMED[-1])
    docked = docked.take(order)
    return Answer(docked.poses, _scores(docked), spent.and_(watch.spent))


def _scores(docked: Docked) -> dict[str, Any]:
    scores = {"energy": docked.energy, "affinity": docked.affinity, CONFIDENCE: docked.confidence}
    return {name: values for name, values in scores.items() if values is not None}


def _by_energy(docked: Docked, spent: Spent) -> Answer:
    """Without what the confidence says, or takes."""
    order = docked.energy.argsort(kind="stable")
    seconds = {name: docked.seconds[name] for name in TIMED[:3]}
    share = sum(seconds.values()) / sum(docked.seconds.values())
    scores = {name: values[order] for name, values in _scores(docked).items() if name != CONFIDENCE}
    return Answer(docked.poses[order], scores, Spent(seconds, spent.processor * share))


def _answer(poses: Tensor, case: Case, scores: Mapping[str, Tensor], spent: Spent) -> Answer:
    """Of poses `[poses, atoms, 3]` nm about the pocket's centre."""
    return Answer(
        poses.double().cpu().numpy() + case.centre,
        {name: values.double().cpu().numpy() for name, values in scores.items()},
        spent,
    )
