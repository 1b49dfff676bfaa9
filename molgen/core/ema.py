"""The exponential moving average of a model's weights: the weights that are shipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from molgen.errors import UsageError


class EMA:
    """Averaged weights: shadow <- d_k shadow + (1 - d_k) weights at update k = 0, 1, ...

    d_k = min(decay, (1 + k) / (10 + k)): the ramp lets short runs forget their initial weights.
    Whole-number buffers are copied.

    Args:
        model: whose parameters and buffers are averaged.
        decay: weight of the old average, in [0, 1).

    Raises:
        UsageError: `decay` is outside.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise UsageError(f"ema: decay {decay} must be at least 0 and below 1")
        self.decay = decay
        self.updates = 0
        self.shadow = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the current weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        floating = []
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                floating.append((self.shadow[name], value.detach()))
            else:
                self.shadow[name].copy_(value)
        if floating:
            torch._foreach_lerp_([s for s, _ in floating], [v for _, v in floating], 1 - decay)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {"updates": self.updates, "shadow": self.shadow}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.updates = int(state["updates"])
        for name, value in state["shadow"].items():
            self.shadow[name].copy_(value)
