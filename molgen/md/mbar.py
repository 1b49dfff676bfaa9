r"""Free energies from samples of several ensembles, each with its reduced potential everywhere.

MBAR (Shirts & Chodera 2008) by the package pymbar. A model whose log q is known is an ensemble like
any other, of reduced potential -log q; so a few of its draws, reweighted, and a simulation that
never crosses a barrier say together what neither can alone. An ensemble need have no samples of its
own: that of interest, a basin of it, or one under an umbrella.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molgen.errors import MolgenError

OUTSIDE = 1e3
"""kT, of configurations outside of what an ensemble is restricted to: none, in double precision."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class FreeEnergies:
    """Of some ensembles.

    Attributes:
        differences: `[K, K]` kT, F_b - F_a.
        errors: `[K, K]` kT, their asymptotic standard errors.
        weights: `[K, N]`, of each sample in each ensemble; each row sums to one.
    """

    differences: Values
    errors: Values
    weights: Values

    def between(self, first: int, second: int) -> tuple[float, float]:
        """F of the second less that of the first, and its standard error, kT."""
        return float(self.differences[first, second]), float(self.errors[first, second])


def mbar(reduced: Values, counts: list[int]) -> FreeEnergies:
    """Free energies of K ensembles.

    Args:
        reduced: `[K, N]`, the potential of each ensemble at every sample in kT (-log of a density);
            samples of one ensemble after those of another, in the order of `counts`.
        counts: samples of each ensemble, independent ones; 0 for those that none are of.

    Raises:
        MolgenError: a potential is not finite, or the equations have no solution.
    """
    if not np.isfinite(reduced).all() or sum(counts) != reduced.shape[1]:
        raise MolgenError(
            f"MBAR: potentials of {reduced.shape[1]} samples, of which {sum(counts)} are counted, "
            "must all be finite"
        )
    pymbar = _pymbar()
    try:
        with np.errstate(all="ignore"):
            solved = pymbar.MBAR(reduced, np.array(counts))
            found = solved.compute_free_energy_differences()
    except (np.linalg.LinAlgError, pymbar.utils.ParameterError, ValueError) as error:
        raise MolgenError(f"MBAR: no solution: {' '.join(str(error).split())}") from error
    return FreeEnergies(found["Delta_f"], found["dDelta_f"], solved.weights().T)


def restricted(reduced: Values, inside: NDArray[np.bool_]) -> Values:
    """The potential `[N]` of an ensemble that is only where `inside` `[N]` says."""
    return reduced + OUTSIDE * ~inside


def umbrella(
    reduced: Values, values: Values, centre: float, stiffness: float, period: float = math.inf
) -> Values:
    """The potential `[N]` of an ensemble held near a value of a collective variable.

        u + stiffness / 2 (value - centre)^2

    Args:
        reduced: `[N]` kT, of the ensemble that is held.
        values: `[N]`, of the variable.
        centre: where it is held.
        stiffness: kT by the square of the variable's unit.
        period: of the variable: 2 pi of dihedrals.
    """
    away = values - centre
    if math.isfinite(period):
        away = away - period * np.round(away / period)
    return reduced + 0.5 * stiffness * away**2


def _pymbar() -> Any:
    """The package, without its advice on faster packages."""
    logging.getLogger("pymbar").setLevel(logging.ERROR)
    import pymbar

    return pymbar
