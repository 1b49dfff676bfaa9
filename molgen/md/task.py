"""The md pillar for training: a recipe's data, model and losses; a checkpoint's model again."""

from __future__ import annotations

import zlib

import torch
from pydantic import PositiveInt
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table
from molgen.core.batch import Batch
from molgen.core.losses import LOSSES
from molgen.core.manifolds import so3
from molgen.core.models import EnergyModel
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.md.data.frames import load_frames
from molgen.md.models.batch import as_batch
from molgen.md.models.kinds import build_model
from molgen.md.models.statistics import Statistics
from molgen.md.system import load_system
from molgen.task import Task, WeightedLoss


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        system: name or folder of the system.
        mapping: the beads the model sees.
        frames: training frames; see `molgen.md.data.frames.load_frames`.
        limit: use at most so many.
        held_out: how many of them only validate.
        rotate: turn every frame at random each time it is drawn, for networks that are not
            invariant under rotation.
    """

    system: str
    mapping: str = "all"
    frames: str
    limit: PositiveInt | None = None
    held_out: PositiveInt = 2000
    rotate: bool = False


def build(recipe: Recipe) -> Task:
    """The task of a recipe. Reads the training frames.

    Raises:
        UsageError: data, process, model or loss of the recipe cannot be used.
    """
    table = recipe.table("data", DataTable)
    system = load_system(table.system)
    mapping = system.mapping(table.mapping)
    frames = load_frames(table.frames, "train", system, mapping, table.limit)
    if len(frames) <= 2 * table.held_out:
        raise UsageError(
            f"{recipe.source} [data]: {len(frames)} frames are too few to hold out {table.held_out}"
        )
    if table.rotate and not system.free:
        raise UsageError(f"{recipe.source} [data]: rotate is for molecules, not for {system.name}")
    statistics = Statistics.measure(system, mapping, frames)
    y = statistics.normalise(frames)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(recipe.seed))
    held_out, train = y[order[: table.held_out]], y[order[table.held_out :]]
    torch.manual_seed(recipe.seed)  # initial weights
    model = build_model(recipe, statistics)

    def draw(count: int, generator: torch.Generator) -> Batch:
        nonlocal train
        train = train.to(generator.device)
        index = torch.randint(len(train), (count,), generator=generator, device=generator.device)
        y = train[index]
        return as_batch(rotated(y, generator) if table.rotate else y)

    return Task(
        processes=model.processes,
        model=model,
        losses=[
            WeightedLoss(build_part(part, LOSSES, f"{recipe.source} [[loss]]"), part.weight)
            for part in recipe.loss
        ],
        draw=draw,
        held_out=as_batch(held_out),
        meta={
            "system": statistics.system,
            "statistics": statistics.to_dict(),
            "data": {"frames": len(frames), "crc32": zlib.crc32(frames.numpy().data)},
        },
    )


def restore(checkpoint: Checkpoint) -> tuple[EnergyModel, Statistics]:
    """The trained model of a checkpoint, and the molecule it was trained on."""
    checkpoint.require("md")
    statistics = Statistics.from_dict(checkpoint.meta["statistics"])
    model = build_model(checkpoint.recipe, statistics)
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval(), statistics


def rotated(y: Tensor, generator: torch.Generator) -> Tensor:
    """Positions `[n, beads, 3]`, each turned about the origin by a uniform random rotation."""
    turns = so3.uniform(y.new_empty(len(y), 3, 3), generator)
    return y @ turns.mT
