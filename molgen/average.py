"""`molgen average`: energies that were trained apart become one, their mean.

What each model makes wrong in its own way is less in the mean; what they share stays. Which pillars
have such models, and what becomes of what their checkpoints say, is for the task: its `averaged`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.config import Recipe
from molgen.errors import UsageError
from molgen.members import MEMBERS, members_of
from molgen.run import provenance


def average(models: Sequence[str | Path], output: str | Path) -> Path:
    """A checkpoint of the mean of several models, which costs as much as all of them.

    Args:
        models: shipped names, checkpoints, or run folders, of alike models.
        output: folder of the checkpoint; nothing may be there.

    Raises:
        UsageError: fewer than two, models that differ, or such as have no mean.
        MolgenError: the folder may not be written.
    """
    found = [checkpoints.load(model) for model in models]
    if len(found) < 2:
        raise UsageError("a mean is of two models or more")
    first = found[0]
    averaged = getattr(first.recipe.task_module(), "averaged", None)
    if averaged is None:
        raise UsageError(f"{first.folder}: models of {first.recipe.task} have no mean")
    for other in found[1:]:
        other.require(first.recipe.task)
        for table in ("process", "model"):
            if _alike(other.recipe, table) != _alike(first.recipe, table):
                raise UsageError(f"{other.folder}: another [{table}] than {first.folder}")
    if Path(output).exists():
        raise UsageError(f"{output}: is there already; name another folder or remove it")
    each = [own for one in found for own in _members(one)]
    weights = {
        f"{MEMBERS}.{number}.{name}": tensor
        for number, own in enumerate(each)
        for name, tensor in own.items()
    }
    tables = first.recipe.tables()
    tables["model"] = {**tables["model"], MEMBERS: len(each)}
    recipe = Recipe.parse(tables, first.recipe.source)
    meta = averaged(found)
    whose = [{"weights": one.fingerprint, "seed": one.recipe.seed} for one in found]
    told = {**meta, "mean_of": whose, "provenance": provenance()}
    checkpoints.save(output, recipe, weights, told)
    return Path(output)


def _members(found: Checkpoint) -> list[dict[str, Tensor]]:
    """The weights of each model that a checkpoint's is the mean of, or its own."""
    count = members_of(found.recipe)
    if count == 1:
        return [found.weights]
    starts = [f"{MEMBERS}.{number}." for number in range(count)]
    return [
        {name.removeprefix(start): x for name, x in found.weights.items() if name.startswith(start)}
        for start in starts
    ]


def _alike(recipe: Recipe, table: str) -> dict[str, object]:
    """What must be the same of two models."""
    own: dict[str, object] = dict(recipe.tables()[table])
    own.pop(MEMBERS, None)
    return own
