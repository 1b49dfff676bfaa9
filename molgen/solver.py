"""Solvers as recipes and users name them: `NAME[,OPTION=VALUE...]`, such as `dpm++sde,noise=2`."""

from __future__ import annotations

import math
from functools import partial

from molgen.core.solvers import SOLVERS, Solver
from molgen.errors import UsageError
from molgen.families import named

_GIVEN = ("processes", "score", "batch", "times", "generator", "ends")


def solver_of(text: str) -> Solver:
    """The solver of a name, with its options.

    Args:
        text: a name in `molgen.core.solvers.SOLVERS`, and keyword arguments of that function.

    Raises:
        UsageError: no such solver or option, or a value that is no number from 0.
    """
    solver, options = named(text, SOLVERS, "solver", _GIVEN)
    for key, value in options.items():
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"solver {name_of(text)}: {key} = {value}: a number from 0 is needed")
    return partial(solver, **options) if options else solver


def name_of(text: str) -> str:
    """The name alone."""
    return text.partition(",")[0].strip()
