"""Training one model of many peptides: a recipe's data, network and losses."""

from __future__ import annotations

import torch
from pydantic import Field, PositiveFloat, PositiveInt

from molgen.config import Recipe, Table
from molgen.core.losses import LOSSES
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.md.peptides.binding import bind
from molgen.md.peptides.data import CaseFrames, Drawing, load_cases, read_peptides
from molgen.md.peptides.models import build_model
from molgen.md.peptides.statistics import PeptideStatistics
from molgen.task import Task, WeightedLoss

__all__ = ["bind", "build"]

TARGET_SCORE = "target_score"
"""The `kind` of loss that needs forces."""


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        frames: folder with a folder of frames for each peptide, by its name.
        peptides: to train on: names, or a file of them.
        validation: others, on which the loss is watched; frames held out of training if none.
        discard: share of the time of the chains that is left out, from its beginning on, as they
            may not have been in equilibrium.
        limit: frames of each peptide at each temperature, at most.
        temperature_K: of the ensemble that is wanted most.
        share: of the frames that are at it.
        without_K: temperatures that are there and not to be trained on, to the degree.
        held_out: frames that only validate.
        reference: folder or shipped data with what a peptide of the model is compared with.
    """

    frames: str
    peptides: str | tuple[str, ...]
    validation: str | tuple[str, ...] = ()
    discard: float = Field(0.0, ge=0, lt=1)
    limit: PositiveInt | None = None
    temperature_K: PositiveFloat = 310.0
    share: float = Field(0.5, gt=0, lt=1)
    without_K: tuple[PositiveFloat, ...] = ()
    held_out: PositiveInt = 4000
    reference: str = ""


def build(recipe: Recipe) -> Task:
    """The task of a recipe. Reads the training frames.

    Raises:
        UsageError: data, process, model or loss of the recipe cannot be used.
    """
    table = recipe.table("data", DataTable)
    train, validation = read_peptides(table.peptides), read_peptides(table.validation)
    both = sorted({peptide.text for peptide in train} & {peptide.text for peptide in validation})
    if both:
        raise UsageError(f"{recipe.source} [data]: {both[0]} is to train and to validate")
    scores = any(part.kind == TARGET_SCORE and part.weight for part in recipe.loss)
    frames: list[CaseFrames] = []
    for peptide in (*train, *validation):
        frames += load_cases(
            table.frames,
            peptide,
            discard=table.discard,
            limit=table.limit,
            without_K=table.without_K,
            scores=scores,
        )
    seen = [one for one in frames if one.case.peptide in train]
    statistics = PeptideStatistics.measure([(f.case, f.x) for f in seen], table.temperature_K)
    torch.manual_seed(recipe.seed)  # initial weights
    model = build_model(recipe, statistics, [one.case for one in frames])
    unseen = [one for one in frames if one.case.peptide in validation]
    drawing = Drawing(frames[: len(seen)], table.temperature_K, table.share, statistics.scale)
    watched = drawing
    if unseen:
        watched = Drawing(
            unseen, table.temperature_K, table.share, statistics.scale, first_case=len(seen)
        )
    return Task(
        processes=model.processes,
        model=model,
        losses=[
            WeightedLoss(build_part(part, LOSSES, f"{recipe.source} [[loss]]"), part.weight)
            for part in recipe.loss
        ],
        draw=drawing,
        held_out=watched(table.held_out, torch.Generator().manual_seed(recipe.seed)),
        meta={
            "statistics": statistics.to_dict(),
            "binds": "a peptide, such as KS",
            "data": {
                "frames": int(drawing.counts.sum()),
                "cis, left out": sum(one.cis for one in seen),
                "crc32": drawing.checksum,
            },
        },
    )
