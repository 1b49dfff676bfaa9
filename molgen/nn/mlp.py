"""Multi-layer perceptrons."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def mlp(inputs: int, hidden: int, layers: int, outputs: int) -> nn.Sequential:
    """`layers` SiLU layers of width `hidden`, then a linear one that starts near zero."""
    widths = [inputs, *[hidden] * layers]
    blocks: list[nn.Module] = []
    for a, b in pairwise(widths):
        blocks += [nn.Linear(a, b), nn.SiLU()]
    last = nn.Linear(widths[-1], outputs)
    nn.init.normal_(last.weight, std=1e-2 / widths[-1] ** 0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*blocks, last)
