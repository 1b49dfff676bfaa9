"""Models that are the mean of several: how many, as a recipe's `[model]` says."""

from __future__ import annotations

from molgen.config import Recipe
from molgen.errors import UsageError

MEMBERS = "members"
"""The entry of `[model]`, and where `molgen.core.models.mean.EnergyMean` keeps the weights."""


def members_of(recipe: Recipe) -> int:
    """Of how many models a recipe's is the mean.

    Raises:
        UsageError: of none.
    """
    members = recipe.model.options.get(MEMBERS, 1)
    if not isinstance(members, int) or members < 1:
        raise UsageError(f"{recipe.source} [model]: members = {members!r}: expected 1 or more")
    return members
