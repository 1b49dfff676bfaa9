"""What a trained model answers: the score of the noised data, and for energy models -log of their density."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import Processes


class ScoreModel(Protocol):
    """Anything that knows grad log q(x, t)."""

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of each field, in tangent coordinates; `t`: `[graphs]`."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """An energy model at some points.

    Attributes:
        energy: `[graphs]`, -log q(x, t).
        score: grad log q of each field, tangent coordinates.
        rate: `[graphs]`, d log q / dt at fixed x; None unless asked for.
    """

    energy: Tensor
    score: dict[str, Tensor]
    rate: Tensor | None


class EnergyModel(nn.Module, ABC):
    """A model of -log q(x, t), in units of kT, whose score is its exact gradient.

    Args:
        processes: the forward process of each field; their manifolds turn derivatives into scores.
    """

    def __init__(self, processes: Processes) -> None:
        super().__init__()
        self.processes = dict(processes)

    @abstractmethod
    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t): `[graphs]`; `t`: `[graphs]`."""

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of each field, by automatic differentiation."""
        return self.evaluate(batch, t).score

    def evaluate(self, batch: Batch, t: Tensor, *, rate: bool = False) -> Evaluation:
        """Energy, score and (with `rate`) d log q / dt from one forward and one backward pass.

        The time derivative is exact: the energies of a batch are independent, so the gradient of their sum by
        the per-graph times is each graph's own derivative. Differentiable again where gradients are enabled.
        """
        keep_graph = torch.is_grad_enabled()
        with torch.enable_grad():
            batch = batch.replace(**{name: _leaf(x) for name, x in batch.state.items()})
            t = _leaf(t) if rate else t
            energy = self.energy(batch, t)
            inputs = [*batch.state.values(), *([t] if rate else [])]
            grads = torch.autograd.grad(energy.sum(), inputs, create_graph=keep_graph)
        score = {
            name: self.processes[name].manifold.gradient(x, -grad, batch.rows[name])
            for (name, x), grad in zip(batch.state.items(), grads, strict=False)
        }
        return Evaluation(
            energy if keep_graph else energy.detach(), score, -grads[-1] if rate else None
        )


def _leaf(x: Tensor) -> Tensor:
    return x if x.requires_grad else x.detach().requires_grad_()


class NormalisedEnergy(EnergyModel):
    """A closed-form base plus a learned correction: exact at the prior, so log q can be compared across times.

        E(x, t) = sum_fields base(x, t) + correction(x, t)

    The base is the density of featureless data under the process (a Gaussian that widens with the noise, the
    uniform density on SO(3)); the correction must vanish as t -> 1.
    """

    def __init__(self, processes: Processes, correction: nn.Module) -> None:
        super().__init__(processes)
        self.correction = correction

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t): `[graphs]`."""
        base = [
            process.base_energy(batch.state[name], t, batch.rows[name])
            for name, process in self.processes.items()
        ]
        correction: Tensor = self.correction(batch, t)
        return torch.stack(base).sum(0) + correction
