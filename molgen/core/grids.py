"""Decreasing time grids from 1 to t_min for the solvers, and the times that losses train on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.processes import Process
from molgen.errors import UsageError


def uniform(process: Process, steps: int) -> Tensor:
    """`steps + 1` equally spaced times from 1 to t_min, float64."""
    return torch.linspace(1.0, process.t_min, steps + 1, dtype=torch.float64)


def karras(process: Process, steps: int, *, rho: float = 7.0, knee: float = 8.0) -> Tensor:
    """`steps + 1` times from 1 to t_min, even in q^(1/rho); Karras et al. 2022, eq. 5, with a knee.

        q^(-2/3) = ratio^(-2/3) + (knee data_std)^(-2/3),    ratio = noise / signal

    Below the knee q is the ratio itself. Above it the flow is all but straight and its truncation
    error falls as ratio^-2, so steps widen; without the knee a VP process, whose ratio goes up to
    150, spends most of its steps there. Large `rho` puts more steps at small noise (geometric as
    rho -> inf). `knee = inf` is the original grid.
    """
    ends = torch.tensor([1.0, process.t_min], dtype=torch.float64)
    offset = (knee * process.data_std) ** (-2 / 3)
    q = ((process.noise(ends) / process.signal(ends)) ** (-2 / 3) + offset) ** (-3 / 2)
    high, low = q ** (1 / rho)
    ramp = torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float64)
    q = (high + ramp * (low - high)) ** rho
    times = process.time_of((q ** (-2 / 3) - offset) ** (-3 / 2))
    times[0], times[-1] = 1.0, process.t_min
    return times


def log_noise_times(
    process: Process,
    count: int,
    generator: torch.Generator | None = None,
    *,
    noise: NoiseRange,
    like: Tensor | None = None,
) -> Tensor:
    """`[count]` random times, stratified: one in each of `count` equal shares, in random order.

    Stratifying lowers the variance of the loss.

    Args:
        process: whose noise and signal.
        count: how many.
        generator: source of randomness, on the device of `like`.
        noise: how noise / signal is distributed.
        like: gives dtype and device.
    """
    like = torch.empty(0) if like is None else like
    u = torch.rand(count, generator=generator, device=like.device, dtype=torch.float64)
    order = torch.randperm(count, generator=generator, device=like.device)
    ratio = noise.quantile(process, (order + u) / count)
    return process.time_of(ratio).clamp(process.t_min, 1.0).to(like.dtype)


@dataclass(frozen=True)
class NoiseRange:
    """The noise / signal that a loss trains on: log-uniform, with a share of it in a middle part.

    Attributes:
        low: smallest; that of the process's t_min if None.
        high: largest; that of t = 1 if None.
        focus: (low, high) of the part in which structure forms.
        share: of the times that fall into `focus`.

    Raises:
        UsageError: ends that are not positive or out of order, or a share not between 0 and 1.
    """

    low: float | None = None
    high: float | None = None
    focus: tuple[float, float] | None = None
    share: float = 0.7

    def __post_init__(self) -> None:
        for name, ends in (("low, high", (self.low, self.high)), ("focus", self.focus)):
            known = [end for end in ends or () if end is not None]
            if any(end <= 0 for end in known) or known != sorted(set(known)):
                raise UsageError(f"loss: noise {name} = {ends} must be positive and increasing")
        if not 0 < self.share < 1:
            raise UsageError(f"loss: the share {self.share} must be between 0 and 1")

    def quantile(self, process: Process, u: Tensor) -> Tensor:
        """noise / signal below which a share `u` of the times lie: same shape as `u`.

        Raises:
            UsageError: the process has no such noise.
        """
        ends = torch.tensor([process.t_min, 1.0], dtype=torch.float64)
        smallest, largest = (process.noise(ends) / process.signal(ends)).tolist()
        edges = [self.low or smallest, self.high or largest]
        if edges[0] >= min(edges[1], largest) or edges[1] <= smallest:
            raise UsageError(
                f"loss: noise from {edges[0]:g} to {edges[1]:g}, where the process has "
                f"{smallest:g} to {largest:g}"
            )
        shares = [0.0, 1.0]
        low, high = (min(max(f, edges[0]), edges[1]) for f in self.focus or edges)
        outside = math.log(low / edges[0]), math.log(edges[1] / high)
        if sum(outside) > 0:
            left = (1 - self.share) * outside[0] / sum(outside)
            edges = [edges[0], low, high, edges[1]]
            shares = [0.0, left, left + self.share, 1.0]
        log_edges = torch.tensor(edges, dtype=u.dtype, device=u.device).log()
        at = torch.tensor(shares, dtype=u.dtype, device=u.device)
        k = torch.bucketize(u, at[1:-1])
        part = (u - at[k]) / (at[k + 1] - at[k])
        return torch.exp(log_edges[k] + part * (log_edges[k + 1] - log_edges[k]))


GRIDS: dict[str, Callable[[Process, int], Tensor]] = {"karras": karras, "uniform": uniform}
"""Time grids by name."""
