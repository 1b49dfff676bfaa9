r"""Whether log q comes back to itself on a walk in a circle, as a sum of steps along the score.

    Gamma = closed integral <s, dx>,    0 for a gradient

round random geodesic triangles whose sides are as long as the noise, each side by Gauss-Legendre
quadrature (the integral test of Vuong et al. 2025). The Jacobian is local and linear; this is not.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.diagnostics.finding import (
    Finding,
    Number,
    Plot,
    Scale,
    line_of,
    percent,
    positive,
    worst,
)
from molgen.core.diagnostics.subject import Effort, Subject, Tell, noised_levels, scores
from molgen.core.models import ScoreModel
from molgen.core.processes import Processes

_SCALE = Scale("largest rms circulation, of the way", 0.02, 0.1)
_NODES = 8
"""Of each side."""


def circulation(
    subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell
) -> Finding:
    """Circulation against noise: in nats, and relative to what the sides add up to."""
    noises, nats, relative = [], [], []
    for level in noised_levels(subject, effort.levels, effort.points, generator, tell):
        sides = work(subject.model, subject.processes, level.batch, level.t, generator)
        round_trip = sides.sum(0).square()
        noises.append(level.noise)
        nats.append(level.mean(round_trip).root())
        relative.append(level.mean(round_trip).root(sides.abs().sum(0).square().mean().item()))
    k, j = worst(nats), worst(relative)
    verdict = (
        f"Round a loop as wide as the noise, log q fails to return by {nats[k].value:.2g} nats at "
        f"most, {percent(relative[j].value)} of the way."
    )
    if subject.energy is not None:
        verdict += " The score is a gradient by construction: that is the quadrature's error."
    return Finding(
        "Closed loops",
        "The integral of the score round random triangles with sides as long as the noise, which "
        "is 0 for a gradient (Vuong et al. 2025): root mean square in nats, and relative to the "
        "sum of the three sides' |work|.",
        verdict,
        _SCALE.mood(relative[j].value),
        str(_SCALE),
        numbers=(
            Number(
                "failure to return",
                nats[k].value,
                nats[k].error,
                "largest rms circulation over noise levels, in nats (kT)",
                "0 for a gradient; well below 1",
            ),
            Number(
                "relative to the way",
                relative[j].value,
                relative[j].error,
                "largest rms circulation relative to the work along the sides",
                "below 0.02",
            ),
        ),
        plots=(
            Plot(
                "Circulation round closed loops",
                "noise / signal",
                "rms",
                (
                    positive(line_of("nats", noises, nats)),
                    positive(line_of("relative to the way", noises, relative)),
                ),
                log_y=True,
                note="Of an exact gradient the quadrature leaves 1e-4 or less of the way.",
            ),
        ),
    )


def work(
    model: ScoreModel,
    processes: Processes,
    batch: Batch,
    t: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """The integral of <s, dx> along each side of a random triangle at every graph: `[3, graphs]`.

    A side is a geodesic, along which a move w of unit time keeps its coordinates in the frame, so
    that the integral is that of <s(exp(x, tau w)), w> over tau from 0 to 1.
    """
    corners = [dict(batch.state)]
    for _ in range(2):
        corner = {}
        for name, process in processes.items():
            x, rows = batch.state[name], batch.rows[name]
            eps = process.manifold.noise(x, rows, generator)
            step = rows.spread(process.noise(t), eps) * eps
            corner[name] = process.manifold.exp(x, step, rows)
        corners.append(corner)
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    taus, shares = 0.5 * (points + 1), 0.5 * weights
    sides = []
    for start, stop in zip(corners, [*corners[1:], corners[0]], strict=True):
        total = torch.zeros_like(t, dtype=torch.float64)
        way = {
            name: process.manifold.log(start[name], stop[name], batch.rows[name])
            for name, process in processes.items()
        }
        for tau, share in zip(taus.tolist(), shares.tolist(), strict=True):
            there = {
                name: process.manifold.exp(start[name], tau * way[name], batch.rows[name])
                for name, process in processes.items()
            }
            score = scores(model, batch.replace(**there), t)
            for name, process in processes.items():
                inner = process.manifold.inner(score[name], way[name], batch.rows[name])
                total = total + share * inner.double()
        sides.append(total)
    return torch.stack(sides)
