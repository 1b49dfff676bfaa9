"""Positions as the batches that models take."""

from __future__ import annotations

from torch import Tensor

from molgen.core.batch import Batch, DenseRows


def as_batch(y: Tensor) -> Batch:
    """Normalised positions `[n, beads, dims]` as a batch."""
    return Batch({"pos": y}, {"pos": DenseRows(len(y), (y.shape[1],))})
