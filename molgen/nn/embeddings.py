"""How noise levels enter a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NoiseEmbedding(nn.Module):
    """Features of log(noise / signal): its standardised value, sines and cosines of it.

    Resolves every decade of noise alike, unlike features of t (Karras et al. 2022, section 5).
    Output `[n, 1 + 2 frequencies]`.

    Args:
        ratio_min: smallest noise / signal.
        ratio_max: largest noise / signal.
        frequencies: number of octaves.
    """

    def __init__(self, ratio_min: float, ratio_max: float, frequencies: int = 4) -> None:
        super().__init__()
        low, high = torch.log(torch.tensor([ratio_min, ratio_max], dtype=torch.float64)).tolist()
        self.centre, self.half_width = 0.5 * (low + high), 0.5 * (high - low)
        self.width = 1 + 2 * frequencies
        self.register_buffer(
            "omega", 0.5 * torch.pi * 2.0 ** torch.arange(frequencies), persistent=False
        )

    def forward(self, ratio: Tensor) -> Tensor:
        """`ratio`: `[n]`, noise / signal."""
        u = ((ratio.log() - self.centre) / self.half_width)[:, None]
        angle = u * self.omega
        return torch.cat([u, angle.sin(), angle.cos()], dim=1)
