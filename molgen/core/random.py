"""Normal numbers for a batch: from one generator, or from a stream of each graph's own.

With streams, what a graph draws depends on its seed and on how often was drawn before, not on its
batch mates, their number, or the padding: the same graph comes out of any batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.rows import DenseRows, Rows

_GOLDEN = -7046029254386353131  # 2^64 / golden ratio, as a signed integer: steps of splitmix64
_FIRST, _SECOND = -4658895280553007687, -7723592293110705685


@dataclass
class Streams:
    """A counter-based generator: hashes of (seed of the graph, draw, place in the graph).

    Attributes:
        seeds: int64 `[graphs]`.
        drawn: how many tensors have been drawn.
    """

    seeds: Tensor
    drawn: int = 0

    @classmethod
    def of(cls, seed: int, first: int, count: int, device: torch.device | str = "cpu") -> Streams:
        """Streams of the graphs `first`, ..., `first + count - 1` of a run with this seed."""
        graphs = torch.arange(first, first + count, device=device)
        return cls(_mixed(_mixed(graphs + 1) + _wrapped(seed * _GOLDEN)))

    @property
    def device(self) -> torch.device:
        """Where the numbers are made."""
        return self.seeds.device

    def normal(self, like: Tensor, rows: Rows) -> Tensor:
        """Standard normal numbers shaped as `like`. Box & Muller 1958 of SplitMix64's hashes."""
        self.drawn += 1
        key = rows.spread(_mixed(self.seeds + _wrapped(self.drawn * _GOLDEN)), like)
        bits = _mixed(key + _mixed(rows.places(like)))
        high, low = (bits >> 32) & 0xFFFFFFFF, bits & 0xFFFFFFFF
        radius = torch.sqrt(-2 * torch.log((high.double() + 0.5) / 2**32))
        return (radius * torch.cos(2 * math.pi / 2**32 * low.double())).to(like.dtype)

    def take(self, graphs: Tensor) -> Streams:
        """Those of some graphs, int64 `[k]`, as far as they are."""
        return Streams(self.seeds[graphs], self.drawn)

    def copies(self, count: int) -> Streams:
        """Streams of `count` copies of each graph, one graph's after the other's: `[k * count]`."""
        number = torch.arange(1, count + 1, device=self.device)
        return Streams(_mixed(_mixed(self.seeds)[:, None] + _mixed(number)).flatten())

    def branch(self, *numbers: int | Tensor) -> Streams:
        """Fresh streams for what these numbers stand for, each of all graphs or int64 `[k]`."""
        seeds = self.seeds
        for number in numbers:
            number = torch.as_tensor(number, device=self.device)
            seeds = _mixed(_mixed(seeds) + _mixed(number + 1))
        return Streams(seeds)


Random = torch.Generator | Streams | None
"""Where random numbers come from; None: torch's own state."""


def normal(like: Tensor, rows: Rows, generator: Random) -> Tensor:
    """Standard normal numbers shaped as `like`."""
    if isinstance(generator, Streams):
        return generator.normal(like, rows)
    return torch.empty_like(like).normal_(generator=generator)


def uniform(graphs: int, generator: Random) -> Tensor:
    """A number between 0 and 1 for each graph, float64 `[graphs]`, on the CPU."""
    if isinstance(generator, Streams):
        rows = DenseRows(graphs, ())
        like = torch.zeros(graphs, dtype=torch.float64, device=generator.device)
        share: Tensor = torch.special.ndtr(generator.normal(like, rows))
        return share.cpu()
    device = "cpu" if generator is None else generator.device
    return torch.rand(graphs, generator=generator, device=device, dtype=torch.float64).cpu()


def copies(generator: Random, count: int) -> Random:
    """What `count` copies of each graph draw from, one graph's after the other's."""
    return generator.copies(count) if isinstance(generator, Streams) else generator


def branch(generator: Random, graphs: Tensor, *numbers: int | Tensor) -> Random:
    """What some of the graphs draw from, int64 `[k]`, for what the numbers stand for."""
    if isinstance(generator, Streams):
        return generator.take(graphs.to(generator.device)).branch(*numbers)
    return generator


def _mixed(z: Tensor) -> Tensor:
    """SplitMix64's finaliser (Steele et al. 2014) of int64 values; products wrap around."""
    z = (z ^ _shifted(z, 30)) * _FIRST
    z = (z ^ _shifted(z, 27)) * _SECOND
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, bits: int) -> Tensor:
    """`z` as an unsigned integer, shifted right."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _wrapped(value: int) -> int:
    """A whole number as a signed one of 64 bits."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
