"""A perceptron whose layers are shifted and scaled by what a graph is given."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from molgen.nn.mlp import mlp


class ConditionedMLP(nn.Module):
    """h <- silu(W h + b + S c) * (1 + G c) in each hidden layer, linear in conditions c.

    For conditions that do not change it is a plain perceptron, which `folded` gives: the shifts are
    biases then, and the gains are part of the next layer's weights.

    Args:
        inputs: number of features.
        conditions: number of conditions.
        hidden: width of the hidden layers.
        layers: how many of those.
        outputs: number of outputs.
    """

    def __init__(
        self, inputs: int, conditions: int, hidden: int, layers: int, outputs: int
    ) -> None:
        super().__init__()
        self.inputs, self.hidden, self.layers = inputs, hidden, layers
        self.plain = mlp(inputs, hidden, layers, outputs)
        self.shifts = nn.ModuleList(nn.Linear(conditions, hidden, False) for _ in range(layers))
        self.gains = nn.ModuleList(nn.Linear(conditions, hidden, False) for _ in range(layers))
        for gain in self.gains:
            nn.init.zeros_(gain.weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """`[n, outputs]` of features `x` `[n, inputs]` and conditions `c` `[n, conditions]`."""
        *hidden, last = (layer for layer in self.plain if isinstance(layer, nn.Linear))
        for layer, shift, gain in zip(hidden, self.shifts, self.gains, strict=True):
            x = silu(layer(x) + shift(c)) * (1 + gain(c))
        out: Tensor = last(x)
        return out

    def folded(self, c: Tensor, inputs: Tensor, outputs: Tensor) -> nn.Sequential:
        """The perceptron for conditions `c` `[conditions]`.

        Args:
            c: what is given.
            inputs: int64 `[k]`, the features that are not zero.
            outputs: `[outputs]`, weights of the one output, their weighted sum.
        """
        layers = [layer for layer in self.plain if isinstance(layer, nn.Linear)]
        *hidden, last = layers
        plain = mlp(len(inputs), hidden[0].out_features, len(hidden), 1)
        own = [layer for layer in plain if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            gain = c.new_ones(())
            for k, (layer, to) in enumerate(zip(hidden, own, strict=False)):
                weight = layer.weight[:, inputs] if k == 0 else layer.weight * gain
                to.weight.copy_(weight)
                to.bias.copy_(layer.bias + self.shifts[k](c))
                gain = 1 + self.gains[k](c)
            own[-1].weight.copy_(outputs @ (last.weight * gain))
            own[-1].bias.copy_(outputs @ last.bias)
        return plain
