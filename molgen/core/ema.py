"""The exponential moving average of a model's weights: the weights that are shipped."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EMA:
    """shadow <- decay_k shadow + (1 - decay_k) weights, decay_k = min(decay, (1 + k) / (10 + k)) at update k.

    The ramp lets short runs forget their initial weights. Buffers are copied.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
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
        torch._foreach_lerp_([s for s, _ in floating], [v for _, v in floating], 1 - decay)

    def state(self) -> dict[str, Tensor | int | dict[str, Tensor]]:
        """Everything needed to go on."""
        return {"updates": self.updates, "shadow": self.shadow}

    def restore(self, state: dict) -> None:
        """Go on from `state()`."""
        self.updates = int(state["updates"])
        for name, value in state["shadow"].items():
            self.shadow[name].copy_(value)
