"""The docking pillar for training: a recipe's complexes, model and losses."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt

from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table
from molgen.core.batch import Batch
from molgen.core.losses import LOSSES
from molgen.core.models import EnergyModel
from molgen.docking.data.moves import Jitter, moved
from molgen.docking.data.split import held_apart, integers
from molgen.docking.data.system import System, Vocabulary, as_batch
from molgen.docking.data.system_set import SystemSet
from molgen.docking.models.kinds import PoseModel, build_model
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.resources import find
from molgen.task import Task, WeightedLoss

_HELD_OUT = "held_out"  # of meta's `data`: names of the complexes that only validated


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        complexes: prepared files; see `molgen data prepare-complexes`.
        held_out: share of the complexes that only validate.
        copies: noised poses of each complex in a batch.
        jitter: see `Jitter`.
    """

    complexes: list[str] = Field(min_length=1)
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.05
    copies: PositiveInt = 4
    jitter: Jitter = Jitter()


def build(recipe: Recipe) -> Task:
    """The task of a recipe. Reads the training complexes.

    Raises:
        UsageError: data, process, model or loss of the recipe cannot be used.
    """
    table = recipe.table("data", DataTable)
    if recipe.train.batch_size % table.copies:
        raise UsageError(
            f"{recipe.source} [train]: batch_size {recipe.train.batch_size} is no multiple of the "
            f"{table.copies} copies in [data]"
        )
    sets = [SystemSet.load(Path(find("data", name))) for name in table.complexes]
    every = [
        (name, own)
        for complexes in sets
        for name, own in zip(complexes.names, complexes.variants, strict=True)
    ]
    held_out, others = held_apart(every, table.held_out, recipe.source)
    train = sorted((own for _, own in others), key=lambda own: len(own[0].atoms))
    torch.manual_seed(recipe.seed)  # initial weights
    vocabulary = sets[0].vocabulary
    model = build_model(recipe, vocabulary)

    def draw(count: int, generator: torch.Generator) -> Batch:
        # Of similar size, so that little is padding.
        wanted = -(-count // table.copies)
        reach = min(len(train), 8 * wanted)
        (first,) = integers(len(train) - reach + 1, 1, generator)
        systems = [
            moved(own[integers(len(own), 1, generator)[0]], table.jitter, generator)[0]
            for own in (train[first + k] for k in integers(reach, wanted, generator))
        ]
        batch = as_batch(systems, table.copies)
        return batch if batch.graphs == count else batch.take(torch.arange(count))

    return Task(
        processes=model.processes,
        model=model,
        losses=[
            WeightedLoss(build_part(part, LOSSES, f"{recipe.source} [[loss]]"), part.weight)
            for part in recipe.loss
        ],
        draw=draw,
        held_out=as_batch([own[0] for _, own in held_out], table.copies),
        meta={
            "vocabulary": dataclasses.asdict(vocabulary),
            "data": {
                "complexes": len(every),
                "crc32": zlib.crc32(b"".join(_bytes(own) for _, own in every)),
                # a name may stand in two sets, one for its crystal and one for a model of it
                _HELD_OUT: sorted({name for name, _ in held_out} - {name for name, _ in others}),
            },
        },
    )


def restore(checkpoint: Checkpoint) -> PoseModel:
    """The trained model of a checkpoint.

    Raises:
        UsageError: a model of something else.
    """
    checkpoint.require("docking")
    model = build_model(checkpoint.recipe, Vocabulary(**checkpoint.meta["vocabulary"]))
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval()


def held_out_of(checkpoint: Checkpoint) -> list[str]:
    """Names of the complexes that only validated while a model trained.

    Raises:
        UsageError: it does not know.
    """
    names: list[str] | None = checkpoint.meta["data"].get(_HELD_OUT)
    if names is None:
        raise UsageError(f"{checkpoint.recipe.name} does not say which complexes were held out")
    return names


def averaged(found: Sequence[Checkpoint]) -> dict[str, Any]:
    """What the checkpoint of the mean of these says; see `molgen.average`.

    Held out is what none of them was trained on.

    Raises:
        UsageError: one is no energy, or their atoms are typed in different ways.
    """
    metas = [one.meta for one in found]
    for one in found:
        if not isinstance(restore(one), EnergyModel):
            raise UsageError(f"{one.folder}: a score, which has no energy to take the mean of")
        if one.meta["vocabulary"] != metas[0]["vocabulary"]:
            raise UsageError(f"{one.folder}: its atoms are typed in another way than the first's")
    known = {"vocabulary": metas[0]["vocabulary"], "data": {}}
    if all(_HELD_OUT in meta["data"] for meta in metas):
        held_out = [set(meta["data"][_HELD_OUT]) for meta in metas]
        known["data"][_HELD_OUT] = sorted(set.intersection(*held_out))
    return known


def _bytes(variants: Sequence[System]) -> bytes:
    return b"".join(s.trans.numpy().tobytes() + s.pocket.numpy().tobytes() for s in variants)
