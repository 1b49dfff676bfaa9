"""Decreasing time grids from 1 to t_min for the solvers, and the times that losses train on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from molgen.core.processes import Process


def uniform(process: Process, steps: int) -> Tensor:
    """`steps + 1` equally spaced times from 1 to t_min, float64."""
    return torch.linspace(1.0, process.t_min, steps + 1, dtype=torch.float64)


def karras(process: Process, steps: int, *, rho: float = 7.0) -> Tensor:
    """`steps + 1` times, equally spaced in ratio^(1/rho), ratio = noise / signal. Karras et al. 2022, eq. 5.

    Large `rho` puts more steps at small noise; `rho -> inf` is geometric.
    """
    ends = torch.tensor([1.0, process.t_min], dtype=torch.float64)
    high, low = (process.noise(ends) / process.signal(ends)) ** (1 / rho)
    ramp = torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float64)
    times = process.time_of((high + ramp * (low - high)) ** rho)
    times[0], times[-1] = 1.0, process.t_min
    return times


def log_noise_times(
    process: Process,
    count: int,
    generator: torch.Generator | None = None,
    *,
    low: float | None = None,
    high: float = 1.0,
    like: Tensor | None = None,
) -> Tensor:
    """`[count]` times in [low, high] whose noise / signal is log-uniform, stratified over the batch.

    Stratified: one time in each of `count` equal slices, in random order, which lowers the variance of the loss.
    """
    like = torch.empty(0) if like is None else like
    low = process.t_min if low is None else low
    ends = torch.tensor([low, high], dtype=torch.float64)
    log_low, log_high = torch.log(process.noise(ends) / process.signal(ends)).tolist()
    u = torch.rand(count, generator=generator, device=like.device, dtype=torch.float64)
    order = torch.randperm(count, generator=generator, device=like.device)
    u = (order + u) / count
    t = process.time_of(torch.exp(log_low + u * (log_high - log_low)))
    return t.clamp(low, high).to(like.dtype)


GRIDS: dict[str, Callable[[Process, int], Tensor]] = {"karras": karras, "uniform": uniform}
"""Time grids by name."""
