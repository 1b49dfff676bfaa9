"""Everything that decides how ligands are docked, and where they are."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from molgen import checkpoint as checkpoints
from molgen.chem.known_pose import known_pose
from molgen.chem.library import read_library
from molgen.chem.ligand import Ligand, Unreadable
from molgen.docking.anchor import Anchor
from molgen.docking.dock import Docker, joined
from molgen.docking.docked import Docked
from molgen.docking.likelihood import in_fragments, scores_of
from molgen.docking.options import DockTable
from molgen.docking.physics.terms import TERMS
from molgen.docking.poses import LIKELIHOOD, Poses, handed_out
from molgen.docking.rewards import REWARDS
from molgen.docking.target import Site, Target
from molgen.errors import MolgenError, UsageError
from molgen.families import choose
from molgen.likelihood import LikelihoodTable
from molgen.memory import available_memory
from molgen.sampler import SampleTable
from molgen.steering import SteerPlan
from molgen.units import ANGSTROM

_BYTES_A_PAIR = 12  # of a pocket's atoms, whose neighbours the network looks for; measured


@dataclass(frozen=True)
class DockPlan:
    """What is docked into, and how.

    Attributes:
        receptors: files.
        sites: where the pocket of each is.
        model: a shipped name, a checkpoint, or a run folder.
        table: how a ligand is docked.
        steps: of the solver; None: the recipe's.
        solver: its name; None: the recipe's.
        grid: of its times, see `SampleTable`; None: the recipe's.
        teleport: see `SampleTable`; None: the recipe's.
        keep: poses of a ligand that are handed out, at most.
        apart_nm: poses within this RMSD of a better one are the same.
        checks: poses are judged by PoseBusters' rules.
        reference: file of known poses, by the names of the ligands; or of a single one.
        waters: are part of the receptor.
        seed: of all random numbers.
        device: where the model runs.
        likelihood: how log q of the poses is found; None: it is not.
        steering: by what the drawn poses are steered, and how.
        anchor: what is held in place; None: nothing is.
    """

    receptors: tuple[Path, ...]
    sites: tuple[Site, ...]
    model: str = "docking"
    table: DockTable = field(default_factory=DockTable)
    steps: int | None = None
    solver: str | None = None
    grid: str | None = None
    teleport: float | None = None
    keep: int = 10
    apart_nm: float = 0.1
    checks: bool = True
    reference: Path | None = None
    waters: bool = False
    seed: int = 0
    device: str = "cpu"
    likelihood: LikelihoodTable | None = None
    steering: SteerPlan | None = None
    anchor: Anchor | None = None

    def check(self) -> None:
        """Nothing, where model, device and methods are there.

        Raises:
            UsageError: one is not.
        """
        checkpoints.load(self.model).require("docking")
        if self.table.confidence:
            checkpoints.load(self.table.confidence).require("confidence")
        if self.steering is not None:
            self.steering.check(REWARDS, self.sampling().solver)
        choose(TERMS, self.table.scoring, "scoring function")
        if self.anchor is not None:
            self.anchor.check()
        self.sampling()
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            line = " ".join(str(error).split())
            raise UsageError(f"device {self.device}: cannot be used: {line}") from error

    def sampling(self) -> SampleTable:
        """How poses are drawn.

        Raises:
            UsageError: no such model, solver or grid.
        """
        found, solver = checkpoints.load(self.model), self.solver
        if self.steering is not None:
            solver = self.steering.solver(found.recipe, solver)
        return SampleTable.of_checkpoint(
            found, steps=self.steps, solver=solver, grid=self.grid, teleport=self.teleport
        )

    def targets(self) -> list[Target]:
        """The receptors, read; of different names.

        Raises:
            UsageError: one cannot be used.
        """
        found: dict[str, Target] = {}
        for path, site in zip(self.receptors, self.sites, strict=True):
            target = Target.of(path, site, waters=self.waters)
            name, count = target.name, 1
            while name in found:
                count += 1
                name = f"{target.name}_{count}"
            found[name] = replace(target, name=name)
        return list(found.values())

    def identity(self) -> dict[str, Any]:
        """What makes two plans the same, as JSON has it: contents of files, not their places.

        Raises:
            UsageError: a file is not there.
        """
        more = {"grid": self.grid, "teleport": self.teleport, "times": [*self.sampling().times]}
        return {
            "weights": checkpoints.load(self.model).fingerprint,
            "solver_steps": self.steps,
            "solver": self.solver,
            **{key: value for key, value in more.items() if value},
            **({} if self.steering is None else {"steering": self.steering.said()}),
            **({} if self.anchor is None else {"anchor": self.anchor.identity(sha256)}),
            **self.table.model_dump(),
            "confidence": self.table.confidence
            and checkpoints.load(self.table.confidence).fingerprint,
            "keep": self.keep,
            "apart_A": round(self.apart_nm / ANGSTROM, 6),
            "checks": self.checks,
            "waters": self.waters,
            "seed": self.seed,
            "device": self.device,
            **({} if self.likelihood is None else {"likelihood": self.likelihood.model_dump()}),
            "reference": self.reference and sha256(self.reference),
            "receptors": [
                {
                    "file": path.name,
                    "sha256": sha256(path),
                    "pocket": site.reference and sha256(site.reference),
                    "center_nm": site.centre_nm,
                    "residues": site.residues,
                    "radius_nm": site.radius_nm,
                    "removed": site.removed,
                }
                for path, site in zip(self.receptors, self.sites, strict=True)
            ],
        }

    def open(self) -> Desk:
        """Ready to dock, once all is checked.

        Raises:
            UsageError: a file or the model cannot be used.
        """
        docker = Docker.load(self.model, self.table, sampling=self.sampling(), device=self.device)
        docker = replace(docker, steering=self.steering)
        references = [] if self.reference is None else list(read_library(self.reference))
        for one in references:
            if isinstance(one, Unreadable):
                raise UsageError(f"reference {one.reason}")
        known = {one.name: one for one in references if isinstance(one, Ligand)}
        targets = self.targets()
        for target in targets:
            _require_memory(target)
        if self.anchor is not None:
            targets = self.anchor.prepared(targets)
        return Desk(self, docker, targets, known)


@dataclass(frozen=True)
class Desk:
    """Where ligands are docked, one after the other.

    Attributes:
        plan: what is asked.
        docker: the model.
        targets: the receptors.
        references: known poses by name.
    """

    plan: DockPlan
    docker: Docker
    targets: Sequence[Target]
    references: Mapping[str, Ligand]

    def dock(self, ligand: Ligand, target: int = 0) -> Poses:
        """The poses of a ligand in one of the receptors.

        Raises:
            MolgenError: the ligand cannot be embedded, or there is not enough memory.
        """
        plan, place = self.plan, self.targets[target]
        ligand, reference = self.with_known_pose(ligand)
        try:
            docked = self._docked(ligand, place)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            raise MolgenError(
                f"{ligand.name}: there is not enough memory for {plan.table.poses} poses at a time "
                f"in a pocket of {len(place.pocket.receptor)} atoms; ask for fewer poses, or a "
                "smaller radius"
            ) from error
        poses = handed_out(
            docked,
            place,
            keep=plan.keep,
            apart_nm=plan.apart_nm,
            checks=plan.checks,
            reference=reference,
        )
        if plan.likelihood is None:
            return poses
        begun = time.perf_counter()
        batch = in_fragments(place.pocket, ligand, poses.positions, plan.seed)
        scores = scores_of(self.docker.model, batch, plan.likelihood, seed=plan.seed)
        poses = poses.with_columns({name: scores[name] for name in LIKELIHOOD})
        seconds = {**poses.seconds, "likelihood": time.perf_counter() - begun}
        return replace(poses, seconds=seconds)

    def _docked(self, ligand: Ligand, target: Target) -> Docked:
        """All poses, of all sets of atoms that may be what is held; these share the effort."""
        plan = self.plan
        if plan.anchor is None:
            return self.docker.dock(target.pocket, ligand, seed=plan.seed)
        anchored = plan.anchor.on(ligand, target)
        docker = self.docker.shared(len(anchored))
        found = [
            docker.dock(one.pocket, one.ligand, seed=plan.seed, held=one.held) for one in anchored
        ]
        return replace(joined(found), ligand=replace(ligand, notes=anchored[0].ligand.notes))

    def with_known_pose(self, ligand: Ligand) -> tuple[Ligand, NDArray[np.float64] | None]:
        """The ligand, and the pose of the reference of its name, or of the only one there is.

        Where references were given and none is of the ligand, a note on it says so.
        """
        if not self.references:
            return ligand, None
        known = self.references.get(ligand.name)
        if known is None and len(self.references) == 1:
            (known,) = self.references.values()
        try:
            if known is None:
                raise UsageError(f"there is no reference {ligand.name}")
            return ligand, known_pose(ligand, known)
        except UsageError as error:
            return replace(ligand, notes=(*ligand.notes, f"no RMSD: {error}")), None


def _require_memory(target: Target) -> None:
    atoms, free = len(target.pocket.receptor), available_memory()
    if free is not None and _BYTES_A_PAIR * atoms**2 > free:
        raise UsageError(
            f"{target.name}: a pocket of {atoms:,} atoms needs about "
            f"{_BYTES_A_PAIR * atoms**2 / 1e9:.0f} GB of memory, of which {free / 1e9:.0f} are "
            "free; choose a smaller radius"
        )


def sha256(path: Path) -> str:
    """The checksum of a file's content.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
