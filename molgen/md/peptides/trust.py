"""How far to trust a model for a peptide: what it saw of it, and whether it agrees with itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import torch

from molgen.checkpoint import Checkpoint
from molgen.core.likelihood.weights import Weights
from molgen.core.models import EnergyModel
from molgen.core.processes import LinearProcess
from molgen.md.dynamics.engines import potential_of
from molgen.md.likelihood import FLOW, draw_scored
from molgen.md.models.batch import as_batch
from molgen.md.models.statistics import Statistics
from molgen.md.peptides.sequence import Peptide
from molgen.md.potentials.model import ModelPotential
from molgen.md.task import restore

RELIABLE, APART = 0.1, 3.0
"""Share of effective draws below which, and nats between samples and forces beyond which, a model
is outside of what it knows. The shipped model has 0.51 to 0.70 and 0.5 to 0.8 on fifteen unseen
peptides, and its simulations stay within 0.05 (kT)^2 of PMF of its samples.
"""


def familiarity(seen: Sequence[str], peptide: Peptide) -> dict[str, Any]:
    """Whether a model was trained on a peptide, and on how many with each residue at its place.

    Args:
        seen: names of the peptides that it was trained on.
        peptide: which.
    """
    known = [Peptide.parse(text) for text in seen]
    places = {
        f"{letter} in place {place + 1}": sum(
            one.residues[place : place + 1] == letter for one in known
        )
        for place, letter in enumerate(peptide.residues)
    }
    return {"trained on it": peptide.text in seen, "training peptides with": places}


def agreement(
    model: EnergyModel,
    statistics: Statistics,
    noise: float | None = None,
    *,
    count: int,
    seed: int,
    device: str = "cpu",
) -> dict[str, Any]:
    """Whether the densities of a model's two uses are one: that of its samples, and of its forces.

    Draws of the probability flow, down to the noise at which forces are taken, have a log q;
    weights exp(-E) / q by the model's own energy there are all the same if the forces are those of
    the ensemble that is drawn. Their effective share (Kish 1965) is 1 then. What samples do below
    that noise is not looked at: it moves nothing by more than that.

    Args:
        model: of one peptide, on the device.
        statistics: of its molecule.
        noise: noise / signal of the forces; the smallest if None.
        count: draws.
        seed: of all random numbers.
        device: where the model runs.

    Raises:
        MolgenError: a score is not finite.
    """
    potential = ModelPotential(model, statistics, noise)
    # the same model, whose flow ends where forces are taken: only the time that it ends at is new
    there, process = copy(model), model.processes["pos"]
    assert isinstance(process, LinearProcess)
    there.processes = {"pos": replace(process, t_min=potential.time)}
    drawn = draw_scored(there, statistics, 0, count, table=FLOW, seed=seed, device=device)
    y = drawn.batch.state["pos"]
    with torch.no_grad():
        weights = Weights.of(
            model.energy(as_batch(y), y.new_full((len(y),), potential.time)), drawn.log_q
        )
    apart = float((weights.log.median() - weights.log).abs().mean())
    return {
        "draws": count,
        "noise / signal": potential.noise,
        "effective share": round(weights.share, 4),
        "nats between samples and forces": round(apart, 4),
        "reliable": weights.share >= RELIABLE and apart <= APART,
    }


def trust(
    found: Checkpoint, peptide: Peptide, *, count: int, seed: int, device: str = "cpu"
) -> dict[str, Any]:
    """What `familiarity` and `agreement` say of a model for a peptide.

    Args:
        found: the model, bound to the peptide.
        peptide: which.
        count: draws on which samples and forces are compared.
        seed: of all random numbers.
        device: where the model runs.

    Raises:
        MolgenError: a score is not finite.
    """
    model, statistics = restore(found)
    noise = potential_of(found).noise  # where forces are taken
    agreed = agreement(model.to(device), statistics, noise, count=count, seed=seed, device=device)
    return {**familiarity(found.meta["peptides"], peptide), "samples and forces": agreed}


def verdict(said: Mapping[str, Any]) -> str:
    """One sentence of what `trust` says of a peptide."""
    places = ", ".join(
        f"{where}: {count}" for where, count in said["training peptides with"].items()
    )
    seen = "It was trained on" if said["trained on it"] else f"Never seen; trained on with {places}"
    own = said["samples and forces"]
    share, nats = 100 * own["effective share"], own["nats between samples and forces"]
    if not own["reliable"]:
        return (
            f"Outside of what the model knows: samples and forces differ by {nats:.1f} nats, "
            f"{share:.0f} % of its draws are effective under its own energy. {seen}."
        )
    return (
        f"{seen}; samples and forces agree to {nats:.2f} nats ({share:.0f} % of draws effective)."
    )
