r"""The singular values of scores round a point: large across the data, small along them.

Scores at small noise point back to the data, so those at noised copies of a point span the
directions across: their singular values have a gap, above which are D - d (Stanczuk et al. 2024,
algorithm 1). In units of the noise a direction across has s E|s_k|^2^(1/2) = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.diagnostics.subject import Subject, scores
from molgen.core.losses import corrupt
from molgen.core.processes import Processes

_AROUND = 2
"""Points."""

_COPIES, _FEWEST, _MOST = 2, 192, 512
"""Noised copies of each: for every direction, and at least and at most."""


@dataclass(frozen=True)
class Spectrum:
    """Of the scores round some points at one noise.

    Attributes:
        values: `[D]`, singular values in units of the noise, largest first, of the first point.
        dimensions: of each point, directions below the largest gap.
        gap: the largest, of the first point; 1 is all that a direction across the data has.
    """

    values: list[float]
    dimensions: list[float]
    gap: float


def spectrum(
    subject: Subject, time: float, generator: torch.Generator, points: int = _AROUND
) -> Spectrum:
    """That of the scores round the first clean graphs."""
    found = []
    for k in range(min(points, subject.clean.graphs)):
        dim = int(subject.dims(subject.clean)[k])
        copies = min(max(_COPIES * dim, _FEWEST), _MOST)
        index = torch.full((copies,), k, device=next(iter(subject.clean.state.values())).device)
        batch = subject.clean.take(index)
        t = next(iter(batch.state.values())).new_full((copies,), time)
        noised, _, _ = corrupt(subject.processes, batch, t, generator)
        score = scores(subject.model, noised, t)
        found.append(singular_values(subject.processes, noised, t, score)[:dim])
    counted = [across(values) for values in found]
    return Spectrum(
        found[0].tolist(),
        [float(len(values) - k) for values, (k, _) in zip(found, counted, strict=True)],
        counted[0][1],
    )


def singular_values(
    processes: Processes, batch: Batch, t: Tensor, score: dict[str, Tensor]
) -> Tensor:
    """Of the scores of equal graphs in units of the noise, largest first: `[graphs]`, float64.

    By the matrix of their inner products, which every manifold has.
    """
    n = batch.graphs
    gram = torch.zeros(n, n, dtype=torch.float64)
    for name, process in processes.items():
        rows = batch.rows[name]
        s2 = process.noise(t).square().double()
        for k in range(n):
            one = score[name][rows.take(torch.full((n,), k, device=t.device))[1]]
            gram[k] += (s2 * process.manifold.inner(one, score[name], rows).double()).cpu()
    values: Tensor = torch.linalg.eigvalsh(0.5 * (gram + gram.T))
    return values.flip(0).clamp_min(0).div(n).sqrt()


def across(values: Tensor) -> tuple[int, float]:
    """How many singular values `[D]`, in units of the noise, lie above the largest gap; its size.

    There may be none, below the 1 that a direction across the data has, or all. More than 1 is no
    more than across: the point then lies beside the data, and all scores point there.
    """
    ladder = torch.cat([values.new_ones(1), values.clamp(max=1), values.new_zeros(1)])
    gaps = ladder[:-1] - ladder[1:]
    return int(gaps.argmax()), gaps.max().item()
