"""Every number of drawn graphs, with its interval and beside its floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from molgen.graphs.evaluation.judge import Checked, Entry, Judge
from molgen.graphs.metrics.metric import Floor, Measured, bootstrap

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Line:
    """One number of an evaluation: what it is, and what was found."""

    name: str
    entry: Entry
    measured: Measured


def assess(
    judge: Judge,
    checked: Checked,
    real: Mapping[str, Floor],
    *,
    repeats: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Line, ...]:
    """Shares and distances of drawn graphs, in the order of the judge's entries.

    Args:
        judge: of such graphs.
        checked: the drawn ones.
        real: floors by name.
        repeats: of each bootstrap.
        seed: of the bootstraps.
        progress: told how far it is.
    """
    found = dict(checked.shares)
    for done, (name, metric) in enumerate(judge.metrics.items()):
        if progress:
            progress("metrics", done, len(judge.metrics))
        found[name] = bootstrap(
            metric.distance,
            metric.describe(checked.items),
            metric.describe(judge.test),
            most=metric.most,
            repeats=repeats,
            rng=np.random.default_rng([seed, done]),
        )
    if progress:
        progress("metrics", len(judge.metrics), len(judge.metrics))
    return tuple(
        Line(name, entry, found[name].beside(real[name])) for name, entry in judge.entries.items()
    )
