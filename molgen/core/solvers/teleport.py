r"""Analytical teleportation: where noise drowns the data, the flow is that of a Gaussian.

Wang & Vastola 2024, "The unreasonable effectiveness of Gaussian score approximation for diffusion
models". At large noise the score is that of a Gaussian with the data's mean and covariance, of
which the probability-flow ODE is solved in closed form: with mu and sum_k lambda_k u_k u_k^T,

    x_s = m_s mu + sum_k sqrt(v_k(s) / v_k(t)) u_k u_k^T (x_t - m_t mu),  v_k = m^2 lambda_k + s^2

(their eq. 5). So the first part of a draw costs no evaluation. Without the moments of the data they
are those of a process's `base_flow`: isotropic with `data_std`; rotations are uniform, and stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from molgen.core.batch import Batch, Rows
from molgen.core.processes import Processes
from molgen.core.processes.process import Process
from molgen.core.random import Random
from molgen.core.solvers.steps import Score, Solver
from molgen.errors import UsageError


def teleport_time(process: Process, ratio: float) -> float:
    """The time at which noise / signal is `ratio` times the standard deviation of the data.

    Raises:
        UsageError: the process has no such time between its ends.
    """
    ends = torch.tensor([process.t_min, 1.0], dtype=torch.float64)
    low, high = (process.noise(ends) / process.signal(ends) / process.data_std).tolist()
    if not low < ratio < high:
        raise UsageError(
            f"teleport to noise / signal = {ratio:g}: noise here goes from {low:.3g} to {high:.3g} "
            "times the standard deviation of the data; choose between"
        )
    wanted = torch.tensor(ratio * process.data_std, dtype=torch.float64)
    return float(process.time_of(wanted))


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of the clean data of a flat field.

    Attributes:
        mean: `[features]`.
        covariance: `[features, features]`.
        whole: features are all entries of a graph; else those of a row, and rows are all alike.
    """

    mean: Tensor
    covariance: Tensor
    whole: bool

    @cached_property
    def _spectrum(self) -> tuple[Tensor, Tensor]:
        """lambda_k, and u_k in columns."""
        variances, axes = torch.linalg.eigh(self.covariance)
        return variances.clamp_min(0), axes

    @classmethod
    def of(cls, process: Process, x: Tensor, rows: Rows, *, whole: bool = False) -> Self:
        """Those of a sample.

        Args:
            process: of a flat field.
            x: clean data, as the model was trained on them: where it knows no direction, turned at
                random.
            rows: of `x`.
            whole: take all rows of a graph together, which knows how they hang together; else each
                row for itself, as for graphs whose rows have no order.

        Raises:
            UsageError: whole graphs of different sizes.
        """
        if whole:
            counts = rows.count(x)
            if not (counts == counts[0]).all() or x.numel() != counts.sum() * rows.width(x):
                raise UsageError(
                    "moments of whole graphs need graphs of one size; take those of single rows"
                )
            flat = x.reshape(rows.graphs, -1).double()
            mean = flat.mean(0)
            # Where entries mirror each other, white noise is of a variance other than one in them.
            share = process.manifold.inner(x, x, rows).sum().double() / x.double().square().sum()
            covariance = share * (flat - mean).T @ (flat - mean) / len(flat)
        else:
            inner, flat = process.manifold.inner, _features(x, rows).double()
            parts = [flat[..., k : k + 1] for k in range(flat.shape[-1])]
            count = process.manifold.dim(x, rows).sum().double() / rows.width(x)
            mean = torch.stack([inner(a, torch.ones_like(a), rows).sum() for a in parts]) / count
            square = torch.stack(
                [torch.stack([inner(a, b, rows).sum() for b in parts]) for a in parts]
            )
            covariance = square / count - mean[:, None] * mean
        return cls(mean, covariance, whole)

    def carry(self, process: Process, x: Tensor, t: Tensor, s: Tensor, rows: Rows) -> Tensor:
        """`x` at times t `[graphs]` carried to s by the probability flow of this Gaussian."""
        mean, variances, axes = (part.to(x) for part in (self.mean, *self._spectrum))
        flat = x.reshape(rows.graphs, -1) if self.whole else _features(x, rows)

        def spread(per_graph: Tensor) -> Tensor:
            return per_graph if self.whole else rows.back(per_graph, flat)

        centre = [spread(process.signal(time)[:, None] * mean) for time in (t, s)]
        v = [
            process.signal(time)[:, None].square() * variances
            + process.noise(time)[:, None].square()
            for time in (t, s)
        ]
        along = (flat - centre[0]) @ axes * spread((v[1] / v[0]).sqrt())
        moved = (centre[1] + along @ axes.T).reshape(x.shape)
        return process.manifold.project(moved, rows)


def _features(x: Tensor, rows: Rows) -> Tensor:
    """`x` with the features of a row in one last axis."""
    axes = next(k for k in range(x.ndim) if x.shape[x.ndim - k :].numel() == rows.width(x))
    return x.reshape(*x.shape[: x.ndim - axes], rows.width(x))


def teleport(
    processes: Processes,
    batch: Batch,
    start: float,
    stop: float,
    moments: Mapping[str, Moments] | None = None,
) -> Batch:
    """The batch carried from one time to another by the flow of Gaussian data.

    Args:
        processes: of each field.
        batch: at time `start`.
        start: time.
        stop: time.
        moments: of the data, by field; see the module for fields that are not there.
    """
    like = next(iter(batch.state.values()))
    t, s = (like.new_full((batch.graphs,), time) for time in (start, stop))
    new = {}
    for name, process in processes.items():
        x, rows = batch.state[name], batch.rows[name]
        known = (moments or {}).get(name)
        if known is None:
            new[name] = process.base_flow(x, t, s, rows)
        else:
            new[name] = known.carry(process, x, t, s, rows)
    return batch.replace(**new)


def teleporting(solver: Solver, moments: Mapping[str, Moments] | None = None) -> Solver:
    """A solver whose first step is taken in closed form, without an evaluation."""

    def solve(
        processes: Processes, score: Score, batch: Batch, times: Tensor, generator: Random
    ) -> Batch:
        start, stop = times[:2].tolist()
        batch = teleport(processes, batch, start, stop, moments)
        return solver(processes, score, batch, times[1:], generator)

    return solve
