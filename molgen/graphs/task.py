"""The graph pillar for training: a recipe's graphs, model and losses, and a checkpoint's model."""

from __future__ import annotations

import zlib
from pathlib import Path

import torch
from pydantic import PositiveInt
from torch import nn

from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table
from molgen.core.batch import Batch
from molgen.core.categorical import CategoricalModel, Categories
from molgen.core.losses import LOSSES
from molgen.core.manifolds import Euclidean, Symmetric
from molgen.core.processes import PROCESSES
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.graphs.dense import as_batch, buckets, padded
from molgen.graphs.graph_set import GraphSet
from molgen.graphs.networks import NETWORKS
from molgen.graphs.statistics import Statistics
from molgen.resources import find
from molgen.task import Task, WeightedLoss


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
    of_nodes, of_edges = (
        Categories(torch.tensor(statistics.nodes)),
        Categories(torch.tensor(statistics.edges)),
    )
    parts = buckets(train, table.bucket)
    shares = torch.tensor([float(len(part)) for part in parts])

    def draw(count: int, generator: torch.Generator) -> Batch:
        nonlocal parts, shares
        device = generator.device
        if parts[0].sizes.device != device:
            parts, shares = [part.to(device) for part in parts], shares.to(device)
            of_nodes.to(device), of_edges.to(device)
        part = parts[int(torch.multinomial(shares, 1, generator=generator))]
        index = torch.randint(len(part), (count,), generator=generator, device=device)
        return as_batch(part.take(index), of_nodes, of_edges)

    return Task(
        processes=model.processes,
        model=model,
        losses=[
            WeightedLoss(build_part(part, LOSSES, f"{recipe.source} [[loss]]"), part.weight)
            for part in recipe.loss
        ],
        draw=draw,
        held_out=as_batch(padded(held_out), of_nodes, of_edges),
        meta={
            "statistics": statistics.to_dict(),
            "data": {
                "graphs": len(graphs),
                "crc32": zlib.crc32(graphs.nodes.tobytes() + graphs.edges.tobytes()),
            },
        },
    )


def build_model(recipe: Recipe, statistics: Statistics) -> CategoricalModel:
    """The untrained model of a recipe for graphs of known statistics: no data needed."""
    where = f"{recipe.source} [process]"
    if set(recipe.process) != {"x", "adj"}:
        raise UsageError(f"{where}: graphs diffuse two fields, 'x' and 'adj'")
    categories = {
        "x": Categories(torch.tensor(statistics.nodes)),
        "adj": Categories(torch.tensor(statistics.edges)),
    }
    processes = {
        name: build_part(
            recipe.process[name],
            PROCESSES,
            f"{recipe.source} [process.{name}]",
            manifold=manifold,
            data_std=categories[name].std,
        )
        for name, manifold in (("x", Euclidean()), ("adj", Symmetric()))
    }
    network: nn.Module = build_part(
        recipe.model,
        NETWORKS,
        f"{recipe.source} [model]",
        processes=processes,
        statistics=statistics,
    )
    return CategoricalModel(processes, categories, network)


def restore(checkpoint: Checkpoint) -> tuple[CategoricalModel, Statistics]:
    """The trained model of a checkpoint, and the graphs it was trained on."""
    statistics = Statistics.from_dict(checkpoint.meta["statistics"])
    model = build_model(checkpoint.recipe, statistics)
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval(), statistics
