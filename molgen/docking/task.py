"""The docking pillar for training: a recipe's complexes, model and losses."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table
from molgen.core import so3
from molgen.core.batch import Batch
from molgen.core.losses import LOSSES
from molgen.docking.models import PoseModel, build_model
from molgen.docking.system import System, Vocabulary, as_batch
from molgen.docking.system_set import SystemSet
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.resources import find
from molgen.task import Task, WeightedLoss


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        complexes: prepared files; see `molgen data prepare-complexes`.
        held_out: share of the complexes that only validate.
        copies: noised poses of each complex in a batch.
        centre_jitter: nm, how far the pocket's centre is moved at random along each axis.
        atom_jitter: nm, how far each atom of the pocket is.
    """

    complexes: list[str] = Field(min_length=1)
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.05
    copies: PositiveInt = 4
    centre_jitter: NonNegativeFloat = 0.1
    atom_jitter: NonNegativeFloat = 0.01


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
    variants = [own for complexes in sets for own in complexes.variants]
    order = torch.randperm(len(variants), generator=torch.Generator().manual_seed(recipe.seed))
    apart = max(1, round(table.held_out * len(variants)))
    if apart >= len(variants):
        raise UsageError(f"{recipe.source} [data]: {len(variants)} complexes are too few to train")
    held_out = [variants[k] for k in order[:apart].tolist()]
    train = sorted((variants[k] for k in order[apart:].tolist()), key=lambda own: len(own[0].atoms))
    torch.manual_seed(recipe.seed)  # initial weights
    vocabulary = sets[0].vocabulary
    model = build_model(recipe, vocabulary)

    def draw(count: int, generator: torch.Generator) -> Batch:
        # Of similar size, so that little is padding.
        wanted = -(-count // table.copies)
        reach = min(len(train), 8 * wanted)
        (first,) = _integers(len(train) - reach + 1, 1, generator)
        systems = [
            _moved(own[_integers(len(own), 1, generator)[0]], table, generator)
            for own in (train[first + k] for k in _integers(reach, wanted, generator))
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
        held_out=as_batch([own[0] for own in held_out], table.copies),
        meta={
            "vocabulary": dataclasses.asdict(vocabulary),
            "data": {
                "complexes": len(variants),
                "crc32": zlib.crc32(b"".join(_bytes(own) for own in variants)),
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


def _integers(high: int, count: int, generator: torch.Generator) -> list[int]:
    values: list[int] = torch.randint(
        high, (count,), generator=generator, device=generator.device
    ).tolist()
    return values


def _moved(system: System, table: DataTable, generator: torch.Generator) -> System:
    """Seen from a shifted centre, in a random orientation, with a slightly other pocket."""
    device = generator.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device).cpu()

    turn = so3.of_normal(normal(4))
    shift = table.centre_jitter * normal(3)
    pocket = system.pocket + table.atom_jitter * normal(*system.pocket.shape)
    return system.replace(
        pocket=(pocket + shift) @ turn.T,
        trans=(system.trans + shift) @ turn.T,
        rot=turn @ system.rot,
    )


def _bytes(variants: Sequence[System]) -> bytes:
    return b"".join(s.trans.numpy().tobytes() + s.pocket.numpy().tobytes() for s in variants)
