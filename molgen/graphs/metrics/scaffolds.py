"""How alike the scaffolds of two sets of molecules are.

Scaffolds are rings and what links them, where there are two rings or more (MOSES, Polykovskiy et
al. 2020); molecules without one count nowhere.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

Scaffolds = NDArray[np.str_]
"""[molecules] SMILES of the scaffold of each, empty where it has none."""


def scaffold_similarity(x: Scaffolds, y: Scaffolds) -> float:
    """Cosine of the two sets' counts of each scaffold: 1 for the same shares, 0 for none in common.

    MOSES's `Scaf`. 0 if one of the sets has no scaffold at all.
    """
    first, second = _counts(x), _counts(y)
    norms = [sum(count**2 for count in counts.values()) ** 0.5 for counts in (first, second)]
    if not all(norms):
        return 0.0
    shared = sum(count * second[scaffold] for scaffold, count in first.items())
    return float(shared / (norms[0] * norms[1]))


def scaffold_coverage(x: Scaffolds, y: Scaffolds) -> float:
    """Share of the distinct scaffolds of the reference `y` that occur in `x`."""
    first, second = _counts(x), _counts(y)
    return len(first.keys() & second.keys()) / len(second) if second else 0.0


def _counts(scaffolds: Scaffolds) -> Counter[str]:
    return Counter(scaffold for scaffold in scaffolds.tolist() if scaffold)
