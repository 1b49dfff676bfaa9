r"""What a noised state is expected to have been, from its score alone, on every manifold.

    D(x, t) = E[x_0 | x_t = x] = (x + s^2 grad log q(x, t)) / m

on flat manifolds (Tweedie's formula, Robbins 1956; Efron 2011), where m and s are signal and noise.
On rotations D is the geodesic of s^2 times the score: the mode of a kernel, and its mean while
noise is small beside the turn of a radian. Of categories D is the mean of their corners, from which
their probabilities follow (`Categories.probabilities`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.solvers import Score


def denoised(processes: Processes, scores: dict[str, Tensor], batch: Batch, t: Tensor) -> Batch:
    """D(x, t) of every field, in place of the noised state; `t`: `[graphs]`.

    Args:
        processes: of each field.
        scores: at the noised state, in tangent coordinates.
        batch: the noised state.
        t: its times.
    """
    clean = {}
    for name, process in processes.items():
        rows, score = batch.rows[name], scores[name]
        start = process.scaled(batch.state[name], t, t * 0, rows)
        reach = rows.spread(process.noise(t).square() / process.signal(t), score)
        clean[name] = process.manifold.exp(start, reach * score, rows)
    return batch.replace(**clean)


def known(processes: Processes, t: Tensor) -> Tensor:
    """The share of the data's variance known at a time, of the field least known: `[graphs]`.

    m^2 v / (m^2 v + s^2) with v the variance of the data: what is known of a Gaussian.
    """
    shares = []
    for process in processes.values():
        power = (process.signal(t) * process.data_std).square()
        shares.append(power / (power + process.noise(t).square()))
    return torch.stack(shares).amin(0)


class Remembered:
    """A score that is not asked twice in a row for the same state.

    Particles are weighed by the score at the end of a step, which the next step begins with.

    Attributes:
        evaluations: how many states it was asked for, all graphs counted.
    """

    def __init__(self, score: Score) -> None:
        self._score = score
        self._last: tuple[Batch, Tensor, dict[str, Tensor]] | None = None
        self.evaluations = 0

    def __call__(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of each field; `t`: `[graphs]`."""
        if self._last is None or self._last[0] is not batch or not t.equal(self._last[1]):
            self.evaluations += batch.graphs
            self._last = batch, t, self._score(batch, t)
        return dict(self._last[2])

    def take(self, batch: Batch, graphs: Tensor) -> Batch:
        """Some of the graphs, int64 `[k]`, and the score with them where it is known."""
        taken = batch.take(graphs)
        if self._last is not None and self._last[0] is batch:
            _, t, scores = self._last
            scores = {
                name: value[batch.rows[name].take(graphs)[1]] for name, value in scores.items()
            }
            self._last = taken, t[graphs], scores
        return taken
