"""What samples of a model, and perhaps of a simulation, say of the Boltzmann distribution.

Every basin, every bin of a collective variable and every umbrella is an ensemble without samples of
its own, and all are solved for together; see `molgen.md.mbar`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from molgen.core.likelihood.weights import Weights
from molgen.md.evaluation.ensemble import plane_of
from molgen.md.evaluation.metrics import Plane
from molgen.md.mbar import FreeEnergies, mbar, restricted, umbrella
from molgen.md.system import System
from molgen.md.system.collective import collective

CONFIDENCE_Z = 1.959963984540054
"""Standard errors either side of an interval of 95 %."""

_MODEL, _TARGET = 0, 1

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Umbrella:
    """Where a collective variable is held.

    Attributes:
        variable: its name.
        centre: in its unit; rad of dihedrals.
        stiffness: kT by its unit squared.
    """

    variable: str
    centre: float
    stiffness: float


@dataclass(frozen=True)
class Sampled:
    """Configurations of the whole system, all that is known of each.

    Attributes:
        x: `[n, atoms, dims]` nm; those of the model first.
        log_q: `[n]` nats, their density under the model.
        energy: `[n]` kT.
        drawn: how many are draws of the model; the others are of the system itself, independent.
    """

    x: NDArray[np.float32]
    log_q: Values
    energy: Values
    drawn: int

    @property
    def weights(self) -> Weights:
        """Of the model's draws."""
        part = slice(self.drawn)
        return Weights.of(torch.from_numpy(self.energy[part]), torch.from_numpy(self.log_q[part]))


@dataclass(frozen=True)
class Reweighted:
    """The answer.

    Attributes:
        variables: `[n]` of each collective variable, by name.
        weights: `[n]` of each configuration in the Boltzmann distribution; they sum to one.
        said: as JSON has it.
    """

    variables: Mapping[str, Values]
    weights: Values
    said: dict[str, Any]


def reweighted(
    system: System, sampled: Sampled, *, bins: int, umbrellas: Sequence[Umbrella] = ()
) -> Reweighted:
    """Populations, free energies of basins, profiles and umbrellas, each with its interval.

    Args:
        system: whose energy it is.
        sampled: configurations.
        bins: of each profile.
        umbrellas: ensembles that are wanted beside.

    Raises:
        UsageError: the system has no collective variables with limits.
        MolgenError: weights are no numbers, or MBAR has no solution.
    """
    plane = plane_of(system)
    x = torch.from_numpy(sampled.x)
    variables = {
        name: collective(x, atoms).double().numpy()
        for name, atoms in system.collective_variables.items()
    }
    basins = system.basin_index(x).numpy()
    target = sampled.energy
    rows = [-sampled.log_q, target]
    counts = [sampled.drawn, len(target) - sampled.drawn]

    def add(ensembles: Sequence[Values]) -> list[int]:
        rows.extend(ensembles)
        return list(range(len(rows) - len(ensembles), len(rows)))

    seen = [k for k in range(len(system.basins)) if (basins == k).any()]
    of_basins = dict(zip(seen, add([restricted(target, basins == k) for k in seen]), strict=True))
    places = {name: _bin(plane, k, variables[name], bins) for k, name in enumerate(plane.names)}
    filled = {name: np.unique(place[place >= 0]) for name, place in places.items()}
    of_bins = {
        name: add([restricted(target, places[name] == k) for k in filled[name]])
        for name in plane.names
    }
    period = 2 * math.pi if plane.periodic else math.inf
    held = add(
        [umbrella(target, variables[u.variable], u.centre, u.stiffness, period) for u in umbrellas]
    )
    solved = mbar(np.stack(rows), [*counts, *[0] * (len(rows) - 2)])
    drawn = slice(sampled.drawn)
    weights = sampled.weights
    return Reweighted(
        variables,
        solved.weights[_TARGET],
        {
            "ess": round(weights.ess, 2),
            "ess_share": round(weights.share, 6),
            "pareto_k": weights.tail.k if math.isfinite(weights.tail.k) else None,
            "pareto_k_limit": round(weights.tail.limit, 4),
            "reliable": weights.tail.reliable,
            "free_energy": _interval(solved, _MODEL, _TARGET),
            "basins": {
                system.basins[k].name: {
                    "plain": float((basins[drawn] == k).mean()),
                    **_population(solved, row),
                    **(
                        {"free_energy": _interval(solved, of_basins[seen[0]], row)}
                        if k != seen[0]
                        else {}
                    ),
                }
                for k, row in of_basins.items()
            },
            "profiles": {
                name: _profile(
                    solved, plane, number, bins, filled[name], of_bins[name], places[name][drawn]
                )
                for number, name in enumerate(plane.names)
            },
            "umbrellas": [
                {**vars(one), "free_energy": _interval(solved, held[0], row)}
                for one, row in zip(umbrellas, held, strict=True)
            ],
        },
    )


def free_energy_map(
    plane: Plane, variables: Mapping[str, Values], weights: Values, bins: int
) -> Values:
    """-ln p `[bins, bins]` of the first two variables, kT, least 0; inf where nothing was."""
    points = np.stack([variables[name] for name in plane.names[:2]], axis=1)
    share, _, _ = np.histogram2d(
        points[:, 0], points[:, 1], bins=bins, range=plane.limits[:2], weights=weights
    )
    with np.errstate(divide="ignore"):
        energy = -np.log(share)
    found: Values = energy - energy.min()
    return found


def _bin(plane: Plane, number: int, values: Values, bins: int) -> NDArray[np.int64]:
    """Of each value its bin; -1 outside of the limits."""
    low, high = plane.limits[number]
    place = np.floor((values - low) / (high - low) * bins).astype(np.int64)
    if plane.periodic:
        return place % bins
    return np.where((place >= 0) & (place < bins), place, -1)


def _interval(solved: FreeEnergies, first: int, second: int) -> dict[str, float]:
    """Of a difference, kT."""
    value, error = solved.between(first, second)
    half = CONFIDENCE_Z * error
    return {"value": value, "low": value - half, "high": value + half, "standard_error": error}


def _population(solved: FreeEnergies, row: int) -> dict[str, float]:
    """p = exp(-F) of a part of the target, with an interval of ln(p / (1 - p)): within 0 and 1."""
    free_energy, error = solved.between(_TARGET, row)
    p, rest = math.exp(-free_energy), -math.expm1(-free_energy)
    if rest <= 0:  # all of it
        return {"population": p, "low": p, "high": p}
    factor = math.exp(CONFIDENCE_Z * error / rest)
    return {
        "population": p,
        "low": p / (p + rest * factor),
        "high": p / (p + rest / factor),
    }


def _profile(
    solved: FreeEnergies,
    plane: Plane,
    number: int,
    bins: int,
    filled: NDArray[np.int64],
    rows: Sequence[int],
    plain: NDArray[np.int64],
) -> dict[str, list[float | None]]:
    """Free energy of each bin by the lowest one, kT, with its error; None where nothing was."""
    low, high = plane.limits[number]
    centres = low + (np.arange(bins) + 0.5) * (high - low) / bins
    lowest = min(rows, key=lambda row: solved.differences[_TARGET, row])
    counts = np.bincount(plain[plain >= 0], minlength=bins)
    value: list[float | None] = [None] * bins
    error: list[float | None] = [None] * bins
    for place, row in zip(filled.tolist(), rows, strict=True):
        value[place], error[place] = solved.between(lowest, row)
    return {
        "centres": centres.tolist(),
        "free_energy": value,
        "standard_error": error,
        "plain": [-math.log(n / counts.max()) if n else None for n in counts.tolist()],
    }
