"""The models of molecules that a recipe may name: network, experts, and energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from molgen.config import Part, Recipe
from molgen.core.manifolds import Centred, Euclidean
from molgen.core.models import EnergyModel, NormalisedEnergy
from molgen.core.models.experts import EnergySplit
from molgen.core.processes import PROCESSES, LinearProcess
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.md.models.networks import NETWORKS
from molgen.md.models.reference_networks import REFERENCE_NETWORKS, RawEnergy
from molgen.md.models.statistics import Statistics
from molgen.md.peptides.network import BOUND, BoundCorrection


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
