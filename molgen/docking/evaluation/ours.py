"""Our own docking as the judge sees it: the network alone, and what physics makes of its poses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from molgen import checkpoint as checkpoints
from molgen.chem.pocket import RADIUS_NM, cut_pocket
from molgen.core.threads import cpu_threads
from molgen.docking.dock import Docker
from molgen.docking.evaluation.answers import Answer, Spent, Watch
from molgen.docking.evaluation.cases import Case
from molgen.docking.evaluation.options import EvaluateTable
from molgen.docking.evidence import unrest
from molgen.docking.system import atom_positions
from molgen.docking.task import restore
from molgen.evaluation import options_of

_NETWORK, _PHYSICS = "network", "physics"


class DockerProgram:
    """A trained model: a row of poses as it draws them, and one of the same poses minimised.

    The first are ranked by how far the model would still move them, the second by their energy.

    Args:
        docker: the model.
        weights: fingerprint of them.
        label: first part of the names of its rows.
        threads: of the processor.
    """

    def __init__(self, docker: Docker, weights: str, label: str, threads: int) -> None:
        self.docker, self.weights, self.threads = docker, weights, threads
        self.rows = (f"{label}-{_NETWORK}", f"{label}-{_PHYSICS}")

    @classmethod
    def load(
        cls,
        model: str | Path,
        changes: Sequence[str] = (),
        *,
        label: str | None = None,
        threads: int = 1,
        device: str = "cpu",
    ) -> DockerProgram:
        """From a shipped name, a checkpoint, or a run folder.

        Args:
            model: its name.
            changes: of `EvaluateTable`, such as `poses=20`.
            label: the last part of the model's name if None.
            threads: of the processor.
            device: where the network runs.

        Raises:
            UsageError: it is no model of poses; an option is none.
        """
        found = checkpoints.load(model)
        table = options_of(found, EvaluateTable, changes)
        docker = Docker(restore(found).to(device), table.sampling, table.docking)
        return cls(docker, found.fingerprint, label or Path(model).name, threads)

    @property
    def identity(self) -> dict[str, Any]:
        """Weights and settings."""
        return {
            "weights": self.weights,
            "sampling": self.docker.sampling.model_dump(mode="json"),
            "docking": self.docker.table.model_dump(mode="json"),
            "radius_nm": RADIUS_NM,
            "threads": self.threads,
        }

    def dock(self, case: Case) -> dict[str, Answer]:
        """As many poses as the table says, twice.

        Raises:
            MolgenError: the ligand cannot be embedded, or a score is not finite.
            UsageError: there is no protein about the centre.
        """
        with cpu_threads(self.threads):
            watch = Watch()
            pocket = cut_pocket(case.receptor, case.centre)
            found = self.docker.refined(pocket, case.ligand, case.seed)
            processor = watch.spent.processor
            watch = Watch()
            moves = torch.stack(unrest(self.docker.model, found.batch)).mean(0)
            watch.end("ranking")
            drawn = {name: found.seconds[name] for name in ("preparation", _NETWORK)}
            alone = processor * sum(drawn.values()) / sum(found.seconds.values())
            network = Spent(drawn, alone).and_(watch.spent)
            physics = Spent(found.seconds, processor)
            affinity = found.physics.scoring.affinity(found.poses)
            scores = {"energy": found.energy, "affinity": affinity}
            return dict(
                zip(
                    self.rows,
                    (
                        _ranked(
                            atom_positions(found.batch), pocket.centre, {"unrest": moves}, network
                        ),
                        _ranked(found.poses, pocket.centre, scores, physics),
                    ),
                    strict=True,
                )
            )


def _ranked(
    poses: torch.Tensor, centre: Any, scores: dict[str, torch.Tensor], spent: Spent
) -> Answer:
    """Poses about the pocket's centre by the first of their scores, the lowest first."""
    order = next(iter(scores.values())).argsort(stable=True)
    return Answer(
        poses[order].double().cpu().numpy() + centre,
        {name: values[order].double().cpu().numpy() for name, values in scores.items()},
        spent,
    )
