"""The md pillar for training: a recipe's data, model and losses; a checkpoint's model again."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from molgen.checkpoint import Checkpoint
from molgen.config import Part, Recipe, Table
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import LOSSES
from molgen.core.manifolds import Centred, Euclidean, so3
from molgen.core.models import EnergyModel, NormalisedEnergy
from molgen.core.models.experts import EnergySplit
from molgen.core.processes import PROCESSES, LinearProcess
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.md.data.frames import load_frames
from molgen.md.models.networks import NETWORKS
from molgen.md.models.reference_networks import REFERENCE_NETWORKS, RawEnergy
from molgen.md.models.statistics import Statistics
from molgen.md.peptides.network import BOUND, BoundCorrection
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


def build_model(recipe: Recipe, statistics: Statistics) -> EnergyModel:
    """The untrained model of a recipe for a molecule of known statistics: no data needed."""
    if set(recipe.process) != {"pos"}:
        raise UsageError(f"{recipe.source} [process]: md diffuses one field, 'pos'")
    manifold = Centred() if statistics.centred else Euclidean()
    process = build_part(
        recipe.process["pos"], PROCESSES, f"{recipe.source} [process.pos]", manifold=manifold
    )
    if not isinstance(process, LinearProcess):
        raise UsageError(f"{recipe.source} [process.pos]: positions need a process of flat space")
    where = f"{recipe.source} [model]"
    options = dict(recipe.model.options)
    networks: Mapping[str, Callable[..., nn.Module]] = {
        **NETWORKS,
        **REFERENCE_NETWORKS,
        BOUND: BoundCorrection,
    }
    given: dict[str, Any] = {"process": process, "statistics": statistics}
    if recipe.model.kind in NETWORKS:  # the loss says whether it will tell them
        given["augmented"] = any(part.options.get("augment") for part in recipe.loss)
    edges, each = options.pop("experts", []), options.pop("each", None)
    experts: list[EnergyModel] = []
    for own in _each_expert(edges, each, where):
        part = Part(kind=recipe.model.kind, options={**options, **own})
        network = build_part(part, networks, where, **given)
        whole = getattr(network, "raw", False)
        experts.append((RawEnergy if whole else NormalisedEnergy)({"pos": process}, network))
    return EnergySplit(experts, edges) if edges else experts[0]


def _each_expert(edges: Any, each: Any, where: str) -> list[dict[str, Any]]:
    """The options that each expert has for itself: empty tables unless `each` lists them."""
    if not isinstance(edges, list) or not all(isinstance(edge, int | float) for edge in edges):
        raise UsageError(f"{where}: experts = {edges!r}: expected times, such as [0.1, 0.6]")
    each = [{}] * (len(edges) + 1) if each is None else each
    right = isinstance(each, list) and len(each) == len(edges) + 1
    if not right or not all(isinstance(own, dict) for own in each):
        raise UsageError(f"{where}: each: expected {len(edges) + 1} tables, one an expert")
    return each


def restore(checkpoint: Checkpoint) -> tuple[EnergyModel, Statistics]:
    """The trained model of a checkpoint, and the molecule it was trained on."""
    checkpoint.require("md")
    statistics = Statistics.from_dict(checkpoint.meta["statistics"])
    model = build_model(checkpoint.recipe, statistics)
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval(), statistics


def as_batch(y: Tensor) -> Batch:
    """Normalised positions `[n, beads, dims]` as a batch."""
    return Batch({"pos": y}, {"pos": DenseRows(len(y), (y.shape[1],))})


def rotated(y: Tensor, generator: torch.Generator) -> Tensor:
    """Positions `[n, beads, 3]`, each turned about the origin by a uniform random rotation."""
    turns = so3.uniform(y.new_empty(len(y), 3, 3), generator)
    return y @ turns.mT
