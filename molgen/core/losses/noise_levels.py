"""The noise levels that losses train on: how they are spread, and how that changes in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.losses.loss import Loss
from molgen.core.processes import Process, Processes
from molgen.errors import UsageError

_FIRST = 0.2
"""Share of the noise levels, those with the most noise, that a curriculum begins with."""


@dataclass(frozen=True)
class NoiseRange:
    """The noise / signal that a loss trains on: evenly spread, with a share in a middle part.

    Attributes:
        low: smallest; that of the process's t_min if None.
        high: largest; that of t = 1 if None.
        focus: (low, high) of the part in which structure forms.
        share: of the times that fall into `focus`.
        even: in what they are spread evenly: log(noise / signal), or time.

    Raises:
        UsageError: ends that are not positive or out of order, or a share not between 0 and 1.
    """

    low: float | None = None
    high: float | None = None
    focus: tuple[float, float] | None = None
    share: float = 0.7
    even: Literal["noise", "time"] = "noise"

    def __post_init__(self) -> None:
        for name, ends in (("low, high", (self.low, self.high)), ("focus", self.focus)):
            known = [end for end in ends or () if end is not None]
            if any(end <= 0 for end in known) or known != sorted(set(known)):
                raise UsageError(f"loss: noise {name} = {ends} must be positive and increasing")
        if not 0 < self.share < 1:
            raise UsageError(f"loss: the share {self.share} must be between 0 and 1")

    def quantile(self, process: Process, u: Tensor) -> Tensor:
        """The time below which a share `u` of the times lie: same shape as `u`.

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
        low, high = (min(max(f, edges[0]), edges[1]) for f in self.focus or edges)
        ratios = torch.tensor([edges[0], low, high, edges[1]], dtype=u.dtype, device=u.device)
        at = ratios.log() if self.even == "noise" else process.time_of(ratios)
        outside = [(at[1] - at[0]).item(), (at[3] - at[2]).item()]
        shares = [0.0, 1.0]
        if sum(outside) > 0:
            left = (1 - self.share) * outside[0] / sum(outside)
            shares = [0.0, left, left + self.share, 1.0]
        else:
            at = at[[0, 3]]
        share = torch.tensor(shares, dtype=u.dtype, device=u.device)
        k = torch.bucketize(u, share[1:-1])
        part = (u - share[k]) / (share[k + 1] - share[k])
        value = at[k] + part * (at[k + 1] - at[k])
        t = process.time_of(value.exp()) if self.even == "noise" else value
        return t.clamp(process.t_min, 1.0)


def noise_times(
    process: Process,
    count: int,
    generator: torch.Generator | None = None,
    *,
    noise: NoiseRange,
    reach: float = 1.0,
    like: Tensor | None = None,
) -> Tensor:
    """`[count]` random times, stratified: one in each of `count` equal shares, in random order.

    Stratifying lowers the variance of the loss.

    Args:
        process: whose noise and signal.
        count: how many.
        generator: source of randomness, on the device of `like`.
        noise: how they are spread.
        reach: share of them that may occur: those with the most noise.
        like: gives dtype and device.
    """
    like = torch.empty(0) if like is None else like
    u = torch.rand(count, generator=generator, device=like.device, dtype=torch.float64)
    order = torch.randperm(count, generator=generator, device=like.device)
    u = 1 - reach + reach * (order + u) / count
    return noise.quantile(process, u).to(like.dtype)


@dataclass(frozen=True)
class OverNoise(Loss):
    """What losses share that see every noise level; times follow the first field's noise / signal.

    Attributes:
        low: smallest noise / signal; see `NoiseRange`, also for the others.
        high: largest.
        focus: part of the range that gets a larger share.
        share: that share.
        even: in what times are spread evenly.
        curriculum: part of the training before every noise level is seen: it begins with the fifth
            of them that has the most noise, which is the easiest to learn, and goes down to the
            hardest at an even pace (Kim et al. 2024). At 0, all are seen from the start.

    Raises:
        UsageError: a number out of its range.
    """

    low: float | None = None
    high: float | None = None
    focus: tuple[float, float] | None = None
    share: float = 0.7
    even: Literal["noise", "time"] = "noise"
    curriculum: float = 0.0

    def __post_init__(self) -> None:
        self._noise()
        if not 0 <= self.curriculum <= 1:
            raise UsageError(f"loss: curriculum {self.curriculum:g} must be between 0 and 1")

    def _noise(self) -> NoiseRange:
        return NoiseRange(self.low, self.high, self.focus, self.share, self.even)

    def reach(self, progress: float) -> float:
        """Share of the noise levels that is seen after a part `progress` of the training."""
        if progress >= self.curriculum:
            return 1.0
        return _FIRST + (1 - _FIRST) * progress / self.curriculum

    def times(
        self,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float = 1.0,
    ) -> Tensor:
        """Random times, one a graph."""
        return noise_times(
            next(iter(processes.values())),
            batch.graphs,
            generator,
            noise=self._noise(),
            reach=self.reach(progress),
            like=next(iter(batch.state.values())),
        )
