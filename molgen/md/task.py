"""The md pillar for training: frames, processes, model and losses of a recipe; and a model back from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.config import Part, Recipe, Table, build as build_part
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import LOSSES
from molgen.core.manifolds import Centred, Euclidean
from molgen.core.models import EnergyModel, NormalisedEnergy
from molgen.core.processes import PROCESSES, LinearProcess
from molgen.errors import UsageError
from molgen.md.frames import load_frames
from molgen.md.networks import NETWORKS
from molgen.md.statistics import Statistics
from molgen.md.system import load_system
from molgen.task import Task, WeightedLoss


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        system: name or folder of the system.
        mapping: the beads the model sees.
        frames: training frames; see `molgen.md.frames.load_frames`.
        limit: use at most so many.
        held_out: how many of them only validate.
    """

    system: str
    mapping: str = "all"
    frames: str
    limit: int | None = None
    held_out: int = 2000


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
        return as_batch(train[index])

    return Task(
        processes=model.processes,
        model=model,
        losses=[
            WeightedLoss(
                build_part(part, LOSSES, f"{recipe.source} [[loss]]"), part.weight
            )
            for part in recipe.loss
        ],
        draw=draw,
        held_out=as_batch(held_out),
        meta={"system": statistics.system, "statistics": statistics.to_dict()},
    )


def build_model(recipe: Recipe, statistics: Statistics) -> EnergyModel:
    """The untrained model of a recipe for a molecule of known statistics: no data needed."""
    if set(recipe.process) != {"pos"}:
        raise UsageError(f"{recipe.source} [process]: md diffuses one field, 'pos'")
    manifold = Centred() if statistics.centred else Euclidean()
    process = build_part(
        recipe.process["pos"], PROCESSES, f"{recipe.source} [process.pos]", manifold=manifold
    )
    if not isinstance(process, LinearProcess):
        raise UsageError(f"{recipe.source} [process.pos]: positions need VP, VE or SubVP")
    options = dict(recipe.model.options)
    edges: Sequence[float] = options.pop("experts", [])
    part = Part(kind=recipe.model.kind, options=options)
    experts = [
        NormalisedEnergy(
            {"pos": process},
            build_part(
                part,
                NETWORKS,
                f"{recipe.source} [model]",
                process=process,
                statistics=statistics,
            ),
        )
        for _ in range(len(edges) + 1)
    ]
    if not edges:
        return experts[0]
    from molgen.core.experts import EnergySplit

    return EnergySplit(experts, edges)


def restore(checkpoint: Checkpoint) -> tuple[EnergyModel, Statistics]:
    """The trained model of a checkpoint, and the molecule it was trained on."""
    statistics = Statistics.from_dict(checkpoint.meta["statistics"])
    model = build_model(checkpoint.recipe, statistics)
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval(), statistics


def as_batch(y: Tensor) -> Batch:
    """Normalised positions `[n, beads, dims]` as a batch."""
    return Batch({"pos": y}, {"pos": DenseRows(len(y), (y.shape[1],))})
