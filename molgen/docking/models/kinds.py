"""The models of poses that a recipe may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from molgen.config import Recipe
from molgen.core.manifolds import SO3, Euclidean
from molgen.core.models import NormalisedEnergy
from molgen.core.processes import PROCESSES, Process, Processes
from molgen.docking.data.system import FIELDS, Vocabulary
from molgen.docking.models.energy import PoseCorrection
from molgen.docking.models.network import PoseNetwork, Shape
from molgen.docking.models.score import PoseScore
from molgen.errors import UsageError
from molgen.families import build, choose

PoseModel = NormalisedEnergy | PoseScore


def build_model(recipe: Recipe, vocabulary: Vocabulary) -> PoseModel:
    """The untrained model of a recipe.

    Raises:
        UsageError: the recipe's processes or model cannot be used.
    """
    kind = choose(KINDS, recipe.model.kind, f"kind in {recipe.source} [model]")
    return kind(*build_network(recipe, vocabulary))


def build_network(recipe: Recipe, vocabulary: Vocabulary) -> tuple[dict[str, Process], PoseNetwork]:
    """The processes of a recipe, and the untrained network that sees their poses.

    Raises:
        UsageError: they cannot be used.
    """
    if set(recipe.process) != set(FIELDS):
        raise UsageError(f"{recipe.source} [process]: poses diffuse two fields, 'trans' and 'rot'")
    manifolds: dict[str, Any] = {"trans": Euclidean(), "rot": SO3()}
    processes = {
        name: build(
            recipe.process[name],
            PROCESSES,
            f"{recipe.source} [process.{name}]",
            manifold=manifold,
        )
        for name, manifold in manifolds.items()
    }
    shape = build(recipe.model, {recipe.model.kind: Shape}, f"{recipe.source} [model]")
    return processes, PoseNetwork(processes, vocabulary, shape)


def _energy(processes: Processes, network: PoseNetwork) -> PoseModel:
    return NormalisedEnergy(processes, PoseCorrection(network))


KINDS: Mapping[str, Callable[[Processes, PoseNetwork], PoseModel]] = {
    "energy": _energy,
    "score": PoseScore,
}
"""By the `kind` of a recipe's `[model]`."""
