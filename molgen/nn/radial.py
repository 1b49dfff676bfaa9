"""Smooth features of distances."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class RadialBasis(nn.Module):
    """Gaussians evenly spread over distances up to a cutoff, and a smooth end at it.

    Args:
        cutoff: where everything ends.
        count: number of Gaussians.
    """

    centres: Tensor

    def __init__(self, cutoff: float, count: int) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.register_buffer("centres", torch.linspace(0, cutoff, count), persistent=False)
        self.width = cutoff / (count - 1)

    def forward(self, distance: Tensor) -> Tensor:
        """`[*]` -> `[*, count]`."""
        return torch.exp(-0.5 * ((distance[..., None] - self.centres) / self.width).square())

    def envelope(self, distance: Tensor) -> Tensor:
        """Falls from 1 to 0 at the cutoff with two continuous derivatives: same shape."""
        x = (distance / self.cutoff).clamp(max=1.0)
        return 1 - x.pow(3) * (10 - 15 * x + 6 * x.square())


def unit(vectors: Tensor, softening: float) -> tuple[Tensor, Tensor]:
    """Lengths `[*]` and directions `[*, 3]` of vectors, smooth also where they vanish."""
    length = torch.sqrt(vectors.square().sum(-1) + softening**2)
    return length, vectors / length[..., None]


def start_small(layer: nn.Linear, gain: float = 0.1) -> nn.Linear:
    """A linear layer whose answers begin near zero."""
    nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.in_features))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
