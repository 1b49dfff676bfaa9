"""What training minimises, and what it is validated by: the losses of a task, summed by weight."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.ema import EMA
from molgen.task import Task, WeightedLoss


class Objective(nn.Module):
    """The weighted sum of a task's losses as a module, so that any strategy of Fabric can wrap it.

    It draws its own batch: Fabric does not know what a `Batch` is.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = task.model
        self.processes = task.processes
        self.draw = task.draw
        self.losses: Sequence[WeightedLoss] = [term for term in task.losses if term.weight > 0]

    def forward(
        self, count: int, generator: torch.Generator, progress: float = 1.0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to minimise of `count` graphs, `progress` through training, and what to log."""
        batch = fit(self.draw(count, generator), self.model, generator.device)
        total, log = torch.zeros((), device=generator.device), {}
        for term in self.losses:
            value, terms = term.loss(self.model, self.processes, batch, generator, progress)
            total = total + term.weight * value
            log.update(terms)
        return total, {"loss": total.detach(), **log}


def validate(task: Task, ema: EMA, device: torch.device) -> dict[str, float]:
    """Every loss of the averaged weights on the held-out batch, always with the same noise.

    Not compiled: that would take longer than all the validations of a run.
    """
    trained = {name: value.clone() for name, value in task.model.state_dict().items()}
    task.model.load_state_dict(ema.shadow)
    generator = torch.Generator(device).manual_seed(0)
    batch = fit(task.held_out, task.model, device)
    values: dict[str, float] = {}
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        for term in task.losses:
            _, terms = term.loss(task.model, task.processes, batch, generator)
            values.update({f"held_out/{name}": value.item() for name, value in terms.items()})
    task.model.load_state_dict(trained)
    return values


def fit(batch: Batch, model: nn.Module, device: torch.device) -> Batch:
    """The batch on a device, in the dtype of a model's weights."""
    return batch.to(device, next(model.parameters()).dtype)
