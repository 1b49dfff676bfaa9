"""Shares over complexes with what chance leaves open, and what a table says of each program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from molgen.docking.evaluation.calibration import calibration
from molgen.docking.evaluation.verdict import Verdict

REPEATS = 2000
"""Of the bootstrap."""

Share = dict[str, float]
"""`value`, and `low` and `high`, between which it lies in 95 of 100 sets of complexes."""


def share(parts: ArrayLike, wholes: ArrayLike | None = None, *, seed: int = 0) -> Share | None:
    """sum(parts) / sum(wholes) with its bootstrap interval over complexes; None of nothing.

    Args:
        parts: [complexes].
        wholes: [complexes]; each 1 if None.
        seed: of the bootstrap.
    """
    top = np.asarray(parts, np.float64)
    below = np.ones_like(top) if wholes is None else np.asarray(wholes, np.float64)
    if not below.sum():
        return None
    generator = np.random.default_rng(seed)
    chosen = generator.integers(len(top), size=(REPEATS, len(top)))
    sums = below[chosen].sum(1)
    drawn = top[chosen].sum(1)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": float(top.sum() / below.sum()), "low": float(low), "high": float(high)}


def row_of(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """A row of the table, of a verdict a complex; a complex without an answer is a miss."""
    answered = [verdict for verdict in verdicts if verdict.failure is None]
    stages = dict.fromkeys(name for verdict in answered for name in verdict.seconds)
    rank = _first_near(verdicts)
    return {
        "complexes": len(verdicts),
        "failures": {v.name: v.failure for v in verdicts if v.failure is not None},
        "poses": _median(len(v.rmsd_nm) for v in answered),
        "checked": _median(len(v.valid) for v in answered),
        "top1": share([v.near[:1] == [True] for v in verdicts]),
        "top1_valid": share(_right(verdicts)),
        "best_of_5": share(rank <= 5),
        "best_of_n": share(np.isfinite(rank)),
        "valid_top1": share(
            [sum(v.valid[:1]) for v in verdicts], [len(v.valid[:1]) for v in verdicts]
        ),
        "valid": share([sum(v.valid) for v in verdicts], [len(v.valid) for v in verdicts]),
        "failed_checks": dict(Counter(c for v in answered for one in v.failed for c in one)),
        "median_rmsd_nm": _median(v.rmsd_nm[0] for v in answered),
        "best_of": best_of(verdicts),
        "poses_for_90": poses_for(verdicts, 0.9),
        "calibration": calibration(verdicts),
        "seconds": _median(v.docking_seconds for v in answered),
        "processor_seconds": _median(v.processor for v in answered),
        "stages": {name: _median(v.seconds.get(name, 0.0) for v in answered) for name in stages},
    }


def best_of(verdicts: Sequence[Verdict]) -> list[float]:
    """Share of complexes with a right pose among the first k, for k = 1, 2, ... [most poses]."""
    reached = _first_near(verdicts)
    most = max((len(verdict.rmsd_nm) for verdict in verdicts), default=0)
    return [float((reached <= k).mean()) for k in range(1, most + 1)]


def poses_for(verdicts: Sequence[Verdict], wanted: float) -> int | None:
    """How many first poses hold a right one for a share of the complexes; None if too few do."""
    return next((k for k, found in enumerate(best_of(verdicts), 1) if found >= wanted), None)


def difference(mine: Sequence[Verdict], theirs: Sequence[Verdict]) -> Share | None:
    """By how much more often the first pose of one program is right and valid than of another.

    Complex by complex, so that hard ones are hard for both.

    Args:
        mine: verdicts on some complexes.
        theirs: on the same ones, in the same order.
    """
    return share(_right(mine) - _right(theirs))


def _right(verdicts: Sequence[Verdict]) -> NDArray[np.float64]:
    """Whether the first pose [complexes] is right and valid: 1 or 0."""
    return np.array([v.near[:1] == v.valid[:1] == [True] for v in verdicts], np.float64)


def _first_near(verdicts: Sequence[Verdict]) -> NDArray[np.float64]:
    """Rank [complexes] of the first right pose, from 1; infinite where there is none."""
    ranks = [v.near.index(True) + 1 if True in v.near else np.inf for v in verdicts]
    return np.array(ranks, np.float64)


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.median(found)) if found else None
