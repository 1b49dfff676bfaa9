"""The models of poses that a recipe may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from molgen.config import Recipe
from molgen.core.manifolds import SO3, Euclidean
from molgen.core.models import EnergyModel, NormalisedEnergy
from molgen.core.models.mean import EnergyMean
from molgen.core.processes import PROCESSES, Process, Processes
from molgen.docking.data.system import FIELDS, Vocabulary
from molgen.docking.models.energy import PoseCorrection
from molgen.docking.models.network import PoseNetwork, Shape
from molgen.docking.models.score import PoseScore
from molgen.errors import UsageError
from molgen.families import build, choose
from molgen.members import MEMBERS, members_of

PoseModel = EnergyModel | PoseScore


def build_model(recipe: Recipe, vocabulary: Vocabulary) -> PoseModel:
    """The untrained model of a recipe; the mean of so many where `[model]` has `members`.

    Raises:
        UsageError: the recipe's processes or model cannot be used.
    """
    where = f"{recipe.source} [model]"
    kind = choose(KINDS, recipe.model.kind, f"kind in {where}")
    members = members_of(recipe)
    models = [kind(*_network(recipe, vocabulary)) for _ in range(members)]
    if members == 1:
        return models[0]
    energies = [model for model in models if isinstance(model, EnergyModel)]
    if len(energies) < members:
        raise UsageError(f"{where}: members are energies, and '{recipe.model.kind}' has none")
    return EnergyMean(energies)


def _network(recipe: Recipe, vocabulary: Vocabulary) -> tuple[dict[str, Process], PoseNetwork]:
    """The processes of a recipe, and an untrained network that sees their poses."""
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
    options = {key: value for key, value in recipe.model.options.items() if key != MEMBERS}
    part = recipe.model.model_copy(update={"options": options})
    shape = build(part, {part.kind: Shape}, f"{recipe.source} [model]")
    return processes, PoseNetwork(processes, vocabulary, shape)


def _energy(processes: Processes, network: PoseNetwork) -> PoseModel:
    return NormalisedEnergy(processes, PoseCorrection(network))


KINDS: Mapping[str, Callable[[Processes, PoseNetwork], PoseModel]] = {
    "energy": _energy,
    "score": PoseScore,
}
"""By the `kind` of a recipe's `[model]`."""
