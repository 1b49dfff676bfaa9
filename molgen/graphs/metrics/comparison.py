"""Many metrics of one set at once, each with its interval and its floor."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from molgen.graphs.metrics.metric import Floor, Items, Measured, Metric, bootstrap, floor

Progress = Callable[[str, int, int], None]
"""Called now and then: (stage, done, target)."""


def compare(
    metrics: Mapping[str, Metric[Items, Any]],
    items: Items,
    reference: Items,
    pool: Items | None = None,
    *,
    repeats: int = 100,
    draws: int = 10,
    progress: Progress | None = None,
    rng: np.random.Generator,
) -> dict[str, Measured]:
    """The distance of items from a reference by every metric.

    Args:
        metrics: by name.
        items: the set that is judged.
        reference: the test set.
        pool: real items that are not in the reference, from which the floor is drawn: the training
            set. The floor is at the size of `items`, or of the whole pool if that is smaller.
        repeats: of each bootstrap.
        draws: of each floor.
        progress: told how far it is.
        rng: source of randomness.
    """
    found: dict[str, Measured] = {}
    for done, (name, metric) in enumerate(metrics.items()):
        if progress:
            progress(name, done, len(metrics))
        rows, others = metric.describe(items), metric.describe(reference)
        measured = bootstrap(metric.distance, rows, others, repeats=repeats, rng=rng)
        if pool is not None:
            real = metric.describe(pool)
            n = min(rows.shape[0], real.shape[0])
            measured = measured.beside(
                floor(metric.distance, real, others, n, draws=draws, rng=rng)
            )
        found[name] = measured
    return found


def floors(
    metrics: Mapping[str, Metric[Items, Any]],
    pool: Items,
    reference: Items,
    sizes: Sequence[int],
    *,
    draws: int = 10,
    rng: np.random.Generator,
) -> dict[str, list[Floor]]:
    """What real items score by every metric, for sets of several sizes.

    Args:
        metrics: by name.
        pool: the training set, or part of it.
        reference: the test set.
        sizes: items in the sets that are drawn from the pool.
        draws: of each size.
        rng: source of randomness.

    Raises:
        UsageError: a size is larger than the pool.
    """
    found: dict[str, list[Floor]] = {}
    for name, metric in metrics.items():
        real, others = metric.describe(pool), metric.describe(reference)
        found[name] = [floor(metric.distance, real, others, n, draws=draws, rng=rng) for n in sizes]
    return found
