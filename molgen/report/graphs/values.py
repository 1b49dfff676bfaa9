"""Numbers of an evaluation of graphs as text: shares in percent, distances to their uncertainty."""

from molgen.graphs.evaluation.judge import Entry
from molgen.graphs.metrics.metric import Measured
from molgen.report.numbers import decimals, number

MOST = 6
"""Decimals of a distance."""

FAR, TOO_FAR = 2.0, 3.0
"""Spreads of real sets beyond which a value is worse than them, and better than they can be."""


def value_text(entry: Entry, measured: Measured) -> str:
    """The value, such as `98.31 %` or `0.285`."""
    return _text(entry, measured.value, _places(entry, measured))


def interval_text(entry: Entry, measured: Measured) -> str:
    """Its 95 % interval."""
    places = _places(entry, measured)
    low, high = (_bare(entry, end, places) for end in (measured.low, measured.high))
    return f"{low} – {high}"


def floor_text(entry: Entry, measured: Measured) -> str:
    """What real graphs score, with the spread of one set where several were drawn."""
    if measured.floor is None:
        return ""
    places = _places(entry, measured)
    if measured.floor.sd > 0:
        if not entry.percent:
            places = min(max(places, decimals(measured.floor.sd, 1)), MOST)
        spread = _bare(entry, measured.floor.sd, places)
        unit = " %" if entry.percent else ""
        return f"{_bare(entry, measured.floor.mean, places)} ±\u00a0{spread}{unit}"
    return _text(entry, measured.floor.mean, places)


def reading(entry: Entry, measured: Measured) -> tuple[str, str]:
    """What a value says beside its floor, and whether that is `ok` or `off`.

    As real graphs: within twice the spread of real sets, or with an interval that reaches them. A
    distance well below its floor is that of a set that shares graphs with the reference.
    """
    floor = measured.floor
    if floor is None:
        return "", ""
    behind = floor.mean - measured.value if entry.more_is_better else measured.value - floor.mean
    if behind <= FAR * floor.sd or measured.low <= floor.mean <= measured.high:
        shared = not entry.more_is_better and -behind > TOO_FAR * floor.sd
        if shared and measured.high < floor.mean:
            return "below real: test graphs?", "off"
        return "as real graphs", "ok"
    if entry.percent:
        return f"{100 * behind:.1f} points behind", "off"
    if entry.more_is_better:
        return f"{behind:.2f} behind", "off"
    return (f"{measured.value / floor.mean:.1f} × real" if floor.mean > 0 else "above"), "off"


def _places(entry: Entry, measured: Measured) -> int:
    half = 0.5 * (measured.high - measured.low)
    if entry.percent:
        return 2 if measured.n >= 1000 else 1
    return min(max(decimals(half), 2), MOST)


def _text(entry: Entry, value: float, places: int) -> str:
    return f"{_bare(entry, value, places)} %" if entry.percent else _bare(entry, value, places)


def _bare(entry: Entry, value: float, places: int) -> str:
    return number(100 * value if entry.percent else value, places)
