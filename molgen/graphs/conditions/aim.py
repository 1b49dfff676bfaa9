"""Values of properties that drawn graphs are steered to, by a predictor of noised graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.config import choices
from molgen.core.batch import Batch
from molgen.errors import UsageError
from molgen.graphs.models.kinds import GraphModel
from molgen.graphs.models.properties import PropertyModel
from molgen.graphs.models.statistics import Statistics
from molgen.graphs.task import restore_predictor


@dataclass(frozen=True)
class Aim:
    """The log likelihood of values aimed at, by a predictor.

    Attributes:
        predictor: of all its properties.
        values: `[properties]`, standardised; 0 where none is aimed at.
        asked: bool `[properties]`.
    """

    predictor: PropertyModel
    values: Tensor
    asked: Tensor

    @classmethod
    def at(
        cls,
        properties: Mapping[str, float],
        checkpoint: Checkpoint,
        model: GraphModel,
        statistics: Statistics,
    ) -> Aim:
        """The aim at these values.

        Args:
            properties: by name.
            checkpoint: of their predictor.
            model: what is steered.
            statistics: of the graphs it was trained on.

        Raises:
            UsageError: a property that is not predicted, a value beyond those it learned from, or a
                predictor of other graphs, or of graphs noised in another way.
        """
        predictor, of = restore_predictor(checkpoint)
        name = str(checkpoint.folder)
        _require_same(name, predictor, of, model, statistics)
        for key, value in properties.items():
            if key not in predictor.labels:
                raise UsageError(
                    f"{name} predicts no property '{key}'{choices(key, predictor.labels)}"
                )
            label = predictor.labels[key]
            if not label.low <= value <= label.high:
                raise UsageError(
                    f"property {key}={value:g}: among the training graphs it is from "
                    f"{label.low:.4g} to {label.high:.4g}"
                )
        values = {key: torch.tensor([label.mean]) for key, label in predictor.labels.items()}
        values |= {key: torch.tensor([value]) for key, value in properties.items()}
        asked = torch.tensor([key in properties for key in predictor.labels])
        return cls(predictor, predictor.standardised(values)[0], asked)

    def __call__(self, batch: Batch, t: Tensor) -> Tensor:
        """log p(values | graphs at t): `[graphs]`."""
        like = batch.state["x"]
        values = self.values.to(like).expand(batch.graphs, -1)
        log_p = self.predictor.to(like.device).log_likelihoods(batch, t, values)
        return (log_p * self.asked.to(like)).sum(1)


def _require_same(
    name: str,
    predictor: PropertyModel,
    of: Statistics,
    model: GraphModel,
    statistics: Statistics,
) -> None:
    """Refuse a predictor of other graphs, or of graphs noised in another way.

    Raises:
        UsageError: it is one.
    """
    if of.vocabulary != statistics.vocabulary or of.most < statistics.most:
        raise UsageError(f"{name}: predicts properties of other graphs than the model draws")
    # noised types stand about their mean, which is that of the training graphs
    ours, theirs = ((torch.tensor(s.nodes), torch.tensor(s.edges)) for s in (statistics, of))
    if not all(
        a.shape == b.shape and torch.allclose(a, b, atol=1e-3)
        for a, b in zip(ours, theirs, strict=True)
    ):
        raise UsageError(f"{name}: was trained on other graphs than the model, by their types")
    times = torch.linspace(0.05, 1.0, 20, dtype=torch.float64)
    for key, process in model.processes.items():
        if model.encodings[key].width != predictor.encodings[key].width:
            raise UsageError(f"{name}: field '{key}' has other coordinates than the model's")
        other = predictor.processes[key]
        pairs = (process.signal, other.signal), (process.noise, other.noise)
        if not all(torch.allclose(a(times), b(times)) for a, b in pairs):
            raise UsageError(f"{name}: field '{key}' is noised otherwise than by the model")
