"""Whether a confidence says how often poses are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from molgen.docking.evaluation.verdict import Verdict

CONFIDENCE = "confidence"
"""The score of a program that is the probability that a pose is right."""

BINS = 10


def calibration(verdicts: Sequence[Verdict]) -> dict[str, Any] | None:
    """Of all poses of some complexes; None if their program has no confidence.

    `diagram`: by bins of equal width, poses in it, mean confidence, share that is right.
    `error`: expected calibration error, the mean over poses of |share - confidence| of their bin.
    `brier`: mean square of confidence minus being right (Brier 1950).
    `auroc`: how often a right pose has more confidence than a wrong one; None if all are alike.
    `top1`: mean confidence of the first poses, and the share of them that is right.
    """
    own = [verdict for verdict in verdicts if verdict.scores.get(CONFIDENCE)]
    if not own:
        return None
    given = np.concatenate([verdict.scores[CONFIDENCE] for verdict in own])
    right = np.concatenate([verdict.near for verdict in own]).astype(np.float64)
    places = np.minimum((given * BINS).astype(int), BINS - 1)
    diagram = [
        {
            "poses": int(inside.sum()),
            "confidence": float(given[inside].mean()),
            "right": float(right[inside].mean()),
        }
        for inside in (places == k for k in range(BINS))
        if inside.any()
    ]
    error = sum(one["poses"] * abs(one["right"] - one["confidence"]) for one in diagram)
    return {
        "diagram": diagram,
        "error": error / len(given),
        "brier": float(np.mean((given - right) ** 2)),
        "auroc": auroc(given, right > 0),
        "top1": {
            "confidence": float(np.mean([verdict.scores[CONFIDENCE][0] for verdict in own])),
            "right": float(np.mean([verdict.near[0] for verdict in own])),
        },
    }


def auroc(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Area under the curve of true against false positives, ties counted half; None of one kind."""
    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes or not no:
        return None
    ranks = rankdata(values)
    return float((ranks[positive].sum() - yes * (yes + 1) / 2) / (yes * no))
