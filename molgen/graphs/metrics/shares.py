"""Shares of a set, such as its valid graphs, with Wilson's interval."""

from math import sqrt

from molgen.graphs.metrics.metric import Measured

_Z = 1.959964
"""A normal variable is within +- z with probability 95 %."""


def share(count: int, n: int) -> Measured:
    """count of n, with the 95 % interval of Wilson 1927; 0 of 0 is 0, with nothing known.

        (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4 n^2)) / (1 + z^2 / n)

    A bootstrap would give 1000 valid of 1000 no width at all; this gives 99.6 % to 100 %. For the
    share of distinct graphs it is the interval of Poisson-distributed repeats.
    """
    if n == 0:
        return Measured(0.0, 0.0, 1.0, 0)
    p = count / n
    centre = p + _Z**2 / (2 * n)
    spread = _Z * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    low, high = max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
    # the ends of [0, 1] are in the interval; rounding must not say otherwise
    return Measured(p, min(low, p), max(high, p), n)
