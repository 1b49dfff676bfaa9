"""Time grids as recipes and users name them: `NAME[,OPTION=VALUE...]`, such as `window,low=0.3`."""

from __future__ import annotations

from functools import partial

from molgen.core.grids import GRIDS, Grid
from molgen.core.processes import VP
from molgen.errors import UsageError
from molgen.families import named

_GIVEN = ("process", "steps", "start")


def grid_of(text: str) -> Grid:
    """The grid of a name, with its options.

    Args:
        text: a name in `molgen.core.grids.GRIDS`, and keyword arguments of that function.

    Raises:
        UsageError: no such grid or option, or a value that it cannot use.
    """
    grid, options = named(text, GRIDS, "time grid", _GIVEN)
    for key, value in options.items():
        if not value > 0:
            raise UsageError(f"time grid {text}: {key} = {value}: a number above 0 is needed")
    found: Grid = partial(grid, **options)
    found(VP(), 1)  # what it cannot use it says before anything is loaded
    return found
