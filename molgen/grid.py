"""Time grids as recipes and users name them: `NAME[,OPTION=VALUE...]`, such as `window,low=0.3`."""

from __future__ import annotations

from functools import partial

from molgen.config import choices
from molgen.core.grids import GRIDS, Grid
from molgen.errors import UsageError
from molgen.families import options_of, part_of

_GIVEN = ("process", "steps", "start")


def grid_of(text: str, *others: str) -> Grid:
    """The grid of a name, with its options.

    Args:
        text: a name in `molgen.core.grids.GRIDS`, and keyword arguments of that function.
        others: what else might have been meant, for the message.

    Raises:
        UsageError: no such grid or option, or a value that is no number above 0.
    """
    part = part_of(text, "time grid")
    if part.kind not in GRIDS:
        near = choices(part.kind, [*GRIDS, *others])
        raise UsageError(f"no time grid '{part.kind}'{near}")
    grid = GRIDS[part.kind]
    options = options_of(part, grid, "time grid", _GIVEN)
    for key, value in options.items():
        if not value > 0:
            raise UsageError(f"time grid {part.kind}: {key} = {value}: a number above 0 is needed")
    low, high = options.get("low", 0.0), options.get("high", float("inf"))
    if low >= high:
        raise UsageError(f"time grid {text}: from low = {low:g} to high = {high:g} is no window")
    if options.get("share", 0.5) >= 1:
        raise UsageError(f"time grid {text}: share = {options['share']:g}: less than 1 is needed")
    return partial(grid, **options) if options else grid
