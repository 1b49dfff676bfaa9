"""Decreasing time grids for the solvers: from 1, or from where a draw is begun, to t_min."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from molgen.core.processes import Process
from molgen.errors import UsageError

_NOTHING = 1e4
"""Noise over signal from which on a state tells nothing of the sample."""


class Grid(Protocol):
    """A rule by which times are placed."""

    def __call__(self, process: Process, steps: int, *, start: float = 1.0) -> Tensor:
        """`steps + 1` times from `start` to the process's t_min, decreasing, float64."""
        ...


def uniform(process: Process, steps: int, *, start: float = 1.0) -> Tensor:
    """`steps + 1` equally spaced times from `start` to t_min, float64."""
    return torch.linspace(start, process.t_min, steps + 1, dtype=torch.float64)


def karras(
    process: Process, steps: int, *, rho: float = 7.0, knee: float = 8.0, start: float = 1.0
) -> Tensor:
    """`steps + 1` times from `start` to t_min, even in q^(1/rho); Karras et al. 2022, eq. 5.

    With a knee:

        q^(-2/3) = ratio^(-2/3) + (knee data_std)^(-2/3),    ratio = noise / signal

    Below the knee q is the ratio itself. Above it the flow is all but straight and its truncation
    error falls as ratio^-2, so steps widen; without the knee a VP process, whose ratio goes up to
    150, spends most of its steps there. Large `rho` puts more steps at small noise (geometric as
    rho -> inf). `knee = inf` is the original grid.
    """
    ends = torch.tensor([start, process.t_min], dtype=torch.float64)
    offset = (knee * process.data_std) ** (-2 / 3)
    q = ((process.noise(ends) / process.signal(ends)) ** (-2 / 3) + offset) ** (-3 / 2)
    high, low = q ** (1 / rho)
    ramp = torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float64)
    q = (high + ramp * (low - high)) ** rho
    times = process.time_of((q ** (-2 / 3) - offset) ** (-3 / 2))
    times[0], times[-1] = start, process.t_min
    return times


def window(
    process: Process,
    steps: int,
    *,
    low: float = 0.35,
    high: float = 1.2,
    share: float = 0.75,
    start: float = 1.0,
) -> Tensor:
    """`steps + 1` times from `start` to t_min, a share of the steps where the sample is decided.

    Steps are even in log(noise / signal) between `low` and `high`, and alike in what is left on
    both sides. What is large and sparse is decided all at once in a narrow range of noise, where
    added noise (`noise` of the solvers) mends the most. A window that reaches beyond the process
    is cut.

    Raises:
        UsageError: the window has no width, or the share is not between 0 and 1.
    """
    if not (low < high and 0 < share < 1):
        raise UsageError(
            f"time grid window: low = {low:g}, high = {high:g}, share = {share:g}: "
            "low < high and 0 < share < 1 are needed"
        )
    ends = torch.tensor([start, process.t_min], dtype=torch.float64)
    first, last = (process.noise(ends) / process.signal(ends)).clamp_max(_NOTHING).log()
    inside = torch.tensor([high, low], dtype=torch.float64).log().clamp(last, first)
    knots = torch.stack([first, *inside, last])
    above, within, below = (-knots.diff()).tolist()
    dense = share / (1 - share) * (above + below) / within if within and above + below else 1.0
    reached = np.cumsum([0.0, above, dense * within, below])
    log_ratio = np.interp(np.linspace(0.0, reached[-1], steps + 1), reached, knots.numpy())
    times = process.time_of(torch.from_numpy(log_ratio).exp())
    times[0], times[-1] = start, process.t_min
    return times


GRIDS: dict[str, Grid] = {"karras": karras, "uniform": uniform, "window": window}
"""Time grids by name."""
