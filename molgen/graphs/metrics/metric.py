r"""A distance between two sets, its bootstrap interval, and its floor.

Two finite sets of the *same* distribution are not at distance zero. The floor is the mean distance,
from the same reference, of sets of real items as large as the set that is judged: a value at its
floor cannot be told from real data. For a distance quadratic in the difference of means, such as an
MMD, it is about (1 / n + 1 / m) times the variance of an item.

The interval is a bootstrap over the items of both sets. Resampling adds its own noise to such a
distance, about one floor, so the resampled values are shifted to be centred on the value itself:
[value + q_2.5, value + q_97.5] of (resampled - mean resampled), cut off at 0 and at the most
there can be. Near the floor it is wider than need be: with e the noise of the means, of variance
s^2, the distance (delta + e)^2 has the variance 4 delta^2 s^2 + 2 s^4 and a bootstrap
4 delta^2 s^2 + 6 s^4 on average.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from molgen.errors import UsageError

COVERAGE = 0.95


class Described(Protocol):
    """One row an item, such as an array [items, k] or a sparse matrix."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Items first."""
        ...

    def __getitem__(self, indices: Any, /) -> Self:
        """The rows of these items, in this order."""
        ...


Items = TypeVar("Items")
Rows = TypeVar("Rows", bound=Described)


@dataclass(frozen=True)
class Metric(Generic[Items, Rows]):
    """A distance of two sets of items that sees of each item only one row of numbers.

    Attributes:
        describe: items -> one row each; worked out once, whatever is resampled later.
        distance: rows, rows -> distance, at least 0.
        most: the largest it can be.
    """

    describe: Callable[[Items], Rows]
    distance: Callable[[Rows, Rows], float]
    most: float = math.inf

    def __call__(self, items: Items, reference: Items) -> float:
        """The distance of two sets."""
        return self.distance(self.describe(items), self.describe(reference))


@dataclass(frozen=True)
class Floor:
    """What sets of real items score.

    Attributes:
        mean: over the draws.
        sd: spread of one draw; 0 if there is only one way to draw.
        draws: how many sets were drawn.
        n: items in each.
    """

    mean: float
    sd: float
    draws: int
    n: int


@dataclass(frozen=True)
class Measured:
    """A metric's value with what it is to be read by.

    Attributes:
        value: as published.
        low: lower end of the 95 % interval.
        high: upper end.
        n: items that were judged.
        floor: what real items score, if known.
    """

    value: float
    low: float
    high: float
    n: int
    floor: Floor | None = None

    def beside(self, floor: Floor) -> "Measured":
        """The same with its floor."""
        return replace(self, floor=floor)


def wasserstein(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Wasserstein-1 distance of two sets of numbers, in their unit."""
    return float(wasserstein_distance(x, y))


def bootstrap(
    distance: Callable[[Rows, Rows], float],
    rows: Rows,
    reference: Rows,
    *,
    most: float = math.inf,
    repeats: int = 200,
    rng: np.random.Generator,
) -> Measured:
    """The distance of two sets of rows with its bootstrap interval, within 0 and `most`."""
    _require_items(rows, "the set")
    _require_items(reference, "the reference")
    value = distance(rows, reference)
    resampled = np.array(
        [
            distance(rows[_again(rows, rng)], reference[_again(reference, rng)])
            for _ in range(repeats)
        ]
    )
    low, high = np.quantile(resampled - resampled.mean(), [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    ends = max(value + float(low), 0.0), min(value + float(high), most)
    return Measured(value, *ends, rows.shape[0])


def floor(
    distance: Callable[[Rows, Rows], float],
    pool: Rows,
    reference: Rows,
    n: int,
    *,
    draws: int = 10,
    rng: np.random.Generator,
) -> Floor:
    """The distance from the reference of n of the real items in `pool`, over repeated draws.

    Args:
        distance: of two sets of rows.
        pool: rows of real items that are not in the reference, such as the training set.
        reference: rows of the test set.
        n: items to draw, without replacement.
        draws: how often; draws overlap where the pool has fewer than n * draws items.
        rng: source of randomness.

    Raises:
        UsageError: the pool has fewer than n items.
    """
    _require_items(reference, "the reference")
    if not 1 <= n <= pool.shape[0]:
        raise UsageError(
            f"a floor at n = {n} needs as many real graphs outside the reference; there are "
            f"{pool.shape[0]}"
        )
    if n == pool.shape[0]:
        draws = 1
    values = [
        distance(pool[rng.choice(pool.shape[0], n, replace=False)], reference) for _ in range(draws)
    ]
    spread = float(np.std(values, ddof=1)) if draws > 1 else 0.0
    return Floor(float(np.mean(values)), spread, draws, n)


def _again(rows: Described, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.integers(rows.shape[0], size=rows.shape[0])


def _require_items(rows: Described, what: str) -> None:
    if rows.shape[0] == 0:
        raise UsageError(f"{what} is empty: there is nothing to compare")
