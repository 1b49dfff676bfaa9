"""What a noised graph will be like: a network that predicts properties, and how it is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.compiled import compiled
from molgen.core.losses import OverNoise, corrupt
from molgen.core.models.categorical import Categories, by_themselves
from molgen.core.processes import Processes
from molgen.core.rows import Rows
from molgen.errors import UsageError
from molgen.graphs.models.networks import inputs_of, widths_of
from molgen.graphs.models.statistics import Label, Statistics
from molgen.nn.node_pair_transformer import NodePairTransformer, Shape
from molgen.nn.pairs import Pairs


class PropertyNetwork(nn.Module):
    """Two numbers of the whole graph for each property, from what `GraphTransformer` is told.

    Invariant under permutations.

    Args:
        statistics: of the training graphs, with labels.
        shape: of the transformer.

    Raises:
        UsageError: the graphs have no labels.
    """

    def __init__(self, statistics: Statistics, shape: Shape) -> None:
        super().__init__()
        if not statistics.labels:
            raise UsageError(
                "the training graphs have no labels to learn: prepare them with --properties"
            )
        self.labels: Mapping[str, Label] = statistics.labels
        self.pairs = Pairs(statistics.most)
        self.transformer = NodePairTransformer(
            widths_of(statistics),
            (0, 0, 2 * len(self.labels)),
            self.pairs,
            shape,
        )

    def forward(self, rows: Mapping[str, Rows], alone: Mapping[str, Tensor]) -> Tensor:
        """`[graphs, 2, properties]` of log p of each row by itself, `[*rows, types]` a field."""
        answer: Tensor = self.transformer(*inputs_of(self.pairs, rows, alone))[0]
        return answer.unflatten(1, (2, -1))


class PropertyModel(nn.Module):
    """p(property | graph noised to t), a Gaussian for each property.

    Args:
        processes: the process of each field.
        encodings: the categories of each field.
        network: answers mean and log variance of the standardised properties.
    """

    def __init__(
        self, processes: Processes, encodings: Mapping[str, Categories], network: PropertyNetwork
    ) -> None:
        super().__init__()
        self.processes = dict(processes)
        held: Any = nn.ModuleDict(encodings)  # moves with the model
        self.encodings: Mapping[str, Categories] = held
        self.network = network
        self.labels = network.labels

    def accelerate(self, *, sizes_vary: bool = False) -> None:
        """Compile `predict` for the shapes it meets."""
        fused = compiled(self.predict, "the predictor", sizes_vary=sizes_vary)
        self.predict = fused  # type: ignore[method-assign]

    def predict(self, batch: Batch, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the standardised properties: `[graphs, properties]` each."""
        alone = by_themselves(self.processes, self.encodings, batch, t)
        answer = self.network(batch.rows, alone)
        mean, spread = answer.unbind(1)
        return mean, 4 * torch.tanh(0.25 * spread)  # within e^-4 and e^4 of the labels' variance

    def log_likelihoods(self, batch: Batch, t: Tensor, values: Tensor) -> Tensor:
        """log p(value | graph at t) of standardised values: `[graphs, properties]`, all of them."""
        mean, log_variance = self.predict(batch, t)
        square = (values - mean).square() * torch.exp(-log_variance)
        return -0.5 * (square + log_variance + math.log(2 * math.pi))

    def standardised(self, values: Mapping[str, Tensor]) -> Tensor:
        """Properties `[graphs]` in standard deviations from their mean: `[graphs, properties]`."""
        return torch.stack(
            [(values[name] - label.mean) / label.std for name, label in self.labels.items()], 1
        )


@dataclass(frozen=True)
class PropertyLikelihood(OverNoise):
    """-log p(properties | state at t), the mean over graphs and known properties, in nats."""

    def __call__(
        self,
        model: Any,
        processes: Processes,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float = 1.0,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a clean batch with its labels given, and the part of each property."""
        t = self.times(processes, batch, generator, progress)
        noised, _, _ = corrupt(processes, batch, t, generator)
        values = model.standardised(batch.given)
        known = values.isfinite()
        log_p = model.log_likelihoods(noised, t, values.nan_to_num())
        each = -(log_p * known).sum(0) / known.sum(0).clamp_min(1)
        fields = {
            f"property/{name}": value.detach()
            for name, value in zip(model.labels, each, strict=True)
        }
        return each.mean(), fields
