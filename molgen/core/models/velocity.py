r"""Velocities: what carries a point along the probability flow, and how they and scores agree.

    v(x, t) = f(x, t) - g^2/2 grad log q(x, t) = E[dx_t / dt | x_t = x]

(Song et al. 2021, eq. 13). On flat manifolds, with f = a x and g^2/2 = s s' - a s^2, the velocity
of the conditional score -eps / s is m' x_0 + s' eps, that of one pair of data and noise and the
target of flow matching (Lipman et al. 2023, eq. 14; Albergo & Vanden-Eijnden 2023): one network
answers for both.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes


def velocities(
    processes: Processes, batch: Batch, t: Tensor, scores: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """f - g^2/2 score of each field, tangent vectors per unit of t; `t`: `[graphs]`."""
    found = {}
    for name, score in scores.items():
        process, x, rows = processes[name], batch.state[name], batch.rows[name]
        half_g2 = 0.5 * process.diffusion(t).square()
        found[name] = process.drift(x, t, rows) - rows.spread(half_g2, score) * score
    return found


def scores(
    processes: Processes, batch: Batch, t: Tensor, velocities: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """2 (f - v) / g^2 of each field, tangent vectors; `t`: `[graphs]`."""
    found = {}
    for name, v in velocities.items():
        process, x, rows = processes[name], batch.state[name], batch.rows[name]
        half_g2 = 0.5 * process.diffusion(t).square()
        found[name] = (process.drift(x, t, rows) - v) / rows.spread(half_g2, v)
    return found
