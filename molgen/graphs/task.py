"""The graph pillar for training: a recipe's graphs, model and losses, and a checkpoint's model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table
from molgen.core.batch import Batch
from molgen.core.losses import LOSSES
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import as_batch, buckets, padded
from molgen.graphs.models.kinds import GraphModel, build_model
from molgen.graphs.models.properties import PropertyLikelihood, PropertyModel
from molgen.graphs.models.statistics import Statistics
from molgen.graphs.models.translation import translated
from molgen.resources import find
from molgen.sampler import SampleTable
from molgen.task import Task, WeightedLoss

_LOSSES = {**LOSSES, "property": PropertyLikelihood}


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        graphs: a prepared data set: its name or folder; see `molgen data prepare`.
        limit: use at most so many of its training graphs.
        held_out: how many of them only validate.
        bucket: graphs of a batch differ by less than so many nodes.
    """

    graphs: str
    limit: PositiveInt | None = None
    held_out: PositiveInt = 1000
    bucket: PositiveInt = 8


def build(recipe: Recipe) -> Task:
    """The task of a recipe. Reads the training graphs.

    Raises:
        UsageError: data, process, model or loss of the recipe cannot be used.
    """
    table = recipe.table("data", DataTable)
    SampleTable.of(recipe)
    graphs = GraphSet.load(Path(find("data", table.graphs)) / "train.npz")
    order = torch.randperm(len(graphs), generator=torch.Generator().manual_seed(recipe.seed))
    chosen = order[: table.limit].numpy()
    if len(chosen) <= 2 * table.held_out:
        raise UsageError(
            f"{recipe.source} [data]: {len(chosen)} graphs are too few to hold out {table.held_out}"
        )
    held_out, train = graphs.take(chosen[: table.held_out]), graphs.take(chosen[table.held_out :])
    statistics = Statistics.measure(graphs)
    torch.manual_seed(recipe.seed)  # initial weights
    model = build_model(recipe, statistics)
    if any((part.kind == "property") != isinstance(model, PropertyModel) for part in recipe.loss):
        raise UsageError(
            f"{recipe.source}: the loss 'property' and the model 'properties' go together alone"
        )
    parts = buckets(train, table.bucket)
    shares = torch.tensor([float(len(part)) for part in parts])

    def draw(count: int, generator: torch.Generator) -> Batch:
        nonlocal parts, shares
        device = generator.device
        if parts[0].sizes.device != device:
            parts, shares = [part.to(device) for part in parts], shares.to(device)
        part = parts[int(torch.multinomial(shares, 1, generator=generator))]
        index = torch.randint(len(part), (count,), generator=generator, device=device)
        return as_batch(part.take(index), model.encodings)

    def translate(weights: Mapping[str, Tensor], meta: Mapping[str, Any]) -> dict[str, Tensor]:
        return translated(weights, model, Statistics.from_dict(meta["statistics"]), statistics)

    return Task(
        processes=model.processes,
        model=model,
        losses=[
            WeightedLoss(build_part(part, _LOSSES, f"{recipe.source} [[loss]]"), part.weight)
            for part in recipe.loss
        ],
        draw=draw,
        held_out=as_batch(padded(held_out), model.encodings),
        meta={
            "statistics": statistics.to_dict(),
            "data": {
                "graphs": len(graphs),
                "crc32": graphs.crc32,
            },
        },
        translate=translate,
    )


def trained_on(checkpoint: Checkpoint, graphs: GraphSet) -> bool:
    """Whether these are the graphs of which a model was trained."""
    return bool(checkpoint.meta["data"].get("crc32") == graphs.crc32)


def restore(checkpoint: Checkpoint) -> tuple[GraphModel, Statistics]:
    """The trained model of a checkpoint, and the graphs it was trained on.

    Raises:
        UsageError: a model of something else.
    """
    model, statistics = _restored(checkpoint)
    if isinstance(model, PropertyModel):
        raise UsageError(f"{checkpoint.folder}: predicts properties of graphs and draws none")
    return model, statistics


def restore_predictor(checkpoint: Checkpoint) -> tuple[PropertyModel, Statistics]:
    """The trained predictor of a checkpoint, and the graphs it was trained on.

    Raises:
        UsageError: a model of something else.
    """
    model, statistics = _restored(checkpoint)
    if not isinstance(model, PropertyModel):
        raise UsageError(f"{checkpoint.folder}: draws graphs and predicts no properties of them")
    return model, statistics


def _restored(checkpoint: Checkpoint) -> tuple[GraphModel | PropertyModel, Statistics]:
    checkpoint.require("graphs")
    statistics = Statistics.from_dict(checkpoint.meta["statistics"])
    model = build_model(checkpoint.recipe, statistics)
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval(), statistics
