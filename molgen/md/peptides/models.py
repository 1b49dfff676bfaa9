"""The untrained model of a recipe for many peptides."""

from __future__ import annotations

from collections.abc import Sequence

from molgen.config import Recipe
from molgen.core.manifolds import Centred
from molgen.core.models import NormalisedEnergy
from molgen.core.processes import PROCESSES, LinearProcess
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.md.peptides.network import PeptideCorrection
from molgen.md.peptides.statistics import Case, PeptideStatistics

NETWORK = "peptides"
"""The `kind` of network that a recipe names."""


def build_model(
    recipe: Recipe, statistics: PeptideStatistics, cases: Sequence[Case]
) -> NormalisedEnergy:
    """The untrained model of a recipe for batches of these cases: no data needed."""
    if set(recipe.process) != {"pos"}:
        raise UsageError(f"{recipe.source} [process]: md diffuses one field, 'pos'")
    process = build_part(
        recipe.process["pos"], PROCESSES, f"{recipe.source} [process.pos]", manifold=Centred()
    )
    if not isinstance(process, LinearProcess):
        raise UsageError(f"{recipe.source} [process.pos]: positions need a process of flat space")
    network = build_part(
        recipe.model,
        {NETWORK: PeptideCorrection},
        f"{recipe.source} [model]",
        process=process,
        statistics=statistics,
        cases=cases,
    )
    return NormalisedEnergy({"pos": process}, network)
