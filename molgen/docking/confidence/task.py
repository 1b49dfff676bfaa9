"""Training of the confidence in poses."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table
from molgen.core.batch import Batch
from molgen.docking.confidence import RIGHT_NM, Confidence, Ranking, poses
from molgen.docking.confidence.evidence import EVIDENCE
from molgen.docking.data.pose_set import Judged, PoseSet
from molgen.docking.data.split import held_apart, integers
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.resources import find
from molgen.task import Task, WeightedLoss


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        poses: folders of judged poses; see `molgen data judge-poses`.
        held_out: share of the complexes that only validate.
    """

    poses: list[str] = Field(min_length=1)
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1


def build(recipe: Recipe) -> Task:
    """The task of a recipe, whose batches are so many ligands with all their poses.

    Raises:
        UsageError: data, model or loss of the recipe cannot be used; or the poses were judged by
            another version, on other evidence.
    """
    table = recipe.table("data", DataTable)
    sets = [(name, PoseSet.load(Path(find("data", name)))) for name in table.poses]
    for name, part in sets:
        columns = {judged.evidence.shape[1] for judged in part.judged}
        if columns != {len(EVIDENCE)}:
            raise UsageError(f"{name}: poses were judged on other evidence; judge them again")
    every = [judged for _, part in sets for judged in part.judged]
    held_out, train = held_apart(every, table.held_out, recipe.source)
    model = build_confidence(recipe)
    model.standardise(torch.cat([judged.evidence for judged in train]))

    def draw(count: int, generator: torch.Generator) -> Batch:
        return _judged([train[k] for k in integers(len(train), count, generator)])

    return Task(
        processes={},
        model=model,
        losses=[
            WeightedLoss(build_part(part, {"ranking": Ranking}, recipe.source), part.weight)
            for part in recipe.loss
        ],
        draw=draw,
        held_out=_judged(held_out),
        meta={
            "evidence": list(EVIDENCE),
            "data": {
                "complexes": len(every),
                "crc32": zlib.crc32(b"".join(j.rmsd.numpy().tobytes() for j in every)),
            },
        },
    )


def build_confidence(recipe: Recipe) -> Confidence:
    """The untrained model of a recipe.

    Raises:
        UsageError: the recipe's model is another, or has options.
    """
    made: Confidence = build_part(
        recipe.model, {"evidence": Confidence}, f"{recipe.source} [model]", columns=len(EVIDENCE)
    )
    return made


def restore(checkpoint: Checkpoint) -> Confidence:
    """The trained model of a checkpoint.

    Raises:
        UsageError: a model of something else, or one that wants other evidence.
    """
    checkpoint.require("confidence")
    if checkpoint.meta["evidence"] != list(EVIDENCE):
        raise UsageError(
            f"{checkpoint.folder}: was trained on other evidence than this version gathers; train "
            "it again"
        )
    model = build_confidence(checkpoint.recipe)
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval()


def _judged(ligands: Sequence[Judged]) -> Batch:
    """All poses of some ligands; the same ligand may come twice."""
    counts = torch.tensor([len(judged.rmsd) for judged in ligands])
    return poses(
        torch.cat([judged.evidence for judged in ligands]),
        (torch.cat([judged.rmsd for judged in ligands]) < RIGHT_NM).float(),
        torch.repeat_interleave(torch.arange(len(ligands)), counts),
    )
