"""The models of graphs that a recipe may name: encoding, network, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from molgen.config import Recipe
from molgen.core.manifolds import Euclidean, Symmetric
from molgen.core.models.categorical import CategoricalModel, Categories, Encoding, Orders
from molgen.core.models.categorical_energy import CategoricalEnergy
from molgen.core.processes import PROCESSES
from molgen.errors import UsageError
from molgen.families import build, choose
from molgen.graphs.models.networks import GraphEnergy, GraphShape, GraphTransformer
from molgen.graphs.models.properties import PropertyModel, PropertyNetwork
from molgen.graphs.models.reference_networks import NoiseScore, ReferenceNetworks, ReferenceShape
from molgen.graphs.models.statistics import Statistics
from molgen.nn.node_pair_transformer import Shape

GraphModel = CategoricalModel | CategoricalEnergy | NoiseScore


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        edges: how edge types are encoded; node types are always one-hot.
        shape: made of the recipe's options.
        network: made of the graphs' statistics and the shape.
        model: made of processes, encodings and network.
    """

    edges: Callable[[torch.Tensor], Encoding]
    shape: type[Shape] | type[ReferenceShape]
    network: Callable[[Statistics, Any], nn.Module]
    model: Callable[..., GraphModel | PropertyModel]


KINDS: Mapping[str, Kind] = {
    "transformer": Kind(Categories, GraphShape, GraphTransformer, CategoricalModel),
    "energy": Kind(Categories, Shape, GraphEnergy, CategoricalEnergy),
    "gdss": Kind(Orders, ReferenceShape, ReferenceNetworks, NoiseScore),
    "properties": Kind(Categories, Shape, PropertyNetwork, PropertyModel),
}
"""By the `kind` of a recipe's `[model]`."""


def build_model(recipe: Recipe, statistics: Statistics) -> GraphModel | PropertyModel:
    """The untrained model of a recipe for graphs of known statistics: no data needed.

    Raises:
        UsageError: the recipe's processes or model cannot be used.
    """
    if set(recipe.process) != {"x", "adj"}:
        raise UsageError(f"{recipe.source} [process]: graphs diffuse two fields, 'x' and 'adj'")
    where = f"{recipe.source} [model]"
    kind = choose(KINDS, recipe.model.kind, f"kind in {where}")
    encodings: dict[str, Any] = {
        "x": Categories(torch.tensor(statistics.nodes)),
        "adj": kind.edges(torch.tensor(statistics.edges)),
    }
    processes = {
        name: build(
            recipe.process[name],
            PROCESSES,
            f"{recipe.source} [process.{name}]",
            manifold=manifold,
            data_std=encodings[name].std,
        )
        for name, manifold in (("x", Euclidean()), ("adj", Symmetric()))
    }
    shape: Any = build(recipe.model, {recipe.model.kind: kind.shape}, where)
    return kind.model(processes, encodings, kind.network(statistics, shape))
