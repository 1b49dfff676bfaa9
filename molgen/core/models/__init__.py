"""What a trained model answers: the score of noised data; energy models, -log of its density."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.compiled import compiled
from molgen.core.processes import Processes


class ScoreModel(Protocol):
    """Anything that knows grad log q(x, t)."""

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of each field, in tangent coordinates; `t`: `[graphs]`."""
        ...


@runtime_checkable
class Compilable(Protocol):
    """A model that can be made faster for the shapes it meets."""

    def accelerate(self, *, sizes_vary: bool = False) -> None:
        """Compile what is called most; `sizes_vary`: for any number of graphs at once."""
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

    @property
    def augmented(self) -> bool:
        """Whether it is told which points are inside out; see `molgen.core.losses.augmentation`."""
        return False

    @abstractmethod
    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t): `[graphs]`; `t`: `[graphs]`."""

    def parts(self, t: float) -> list[tuple[float, EnergyModel]]:
        """Weights and models whose weighted sum is this one wherever the time is `t`."""
        del t
        return [(1.0, self)]

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of each field, by automatic differentiation."""
        return self.evaluate(batch, t).score

    def accelerate(self, *, sizes_vary: bool = False) -> None:
        """Compile `evaluate` for the shapes it meets: several times faster after the first.

        `sizes_vary`: for any number of graphs at once, where it changes from call to call.
        """
        fused = compiled(self.evaluate, "the model", sizes_vary=sizes_vary)
        self.evaluate = fused  # type: ignore[method-assign]

    def evaluate(self, batch: Batch, t: Tensor, *, rate: bool = False) -> Evaluation:
        """Energy, score and (with `rate`) d log q / dt from one forward and one backward pass.

        The time derivative is exact: the energies of a batch are independent, so the gradient of
        their sum by the per-graph times is each graph's own derivative. Differentiable again, and
        traceable by `torch.compile`.
        """

        def total(state: dict[str, Tensor], times: Tensor) -> tuple[Tensor, Tensor]:
            energy = self.energy(batch.replace(**state), times)
            return energy.sum(), energy

        state = dict(batch.state)
        by_time = None
        if rate:
            (gradients, by_time), energy = torch.func.grad(total, (0, 1), has_aux=True)(state, t)
        else:
            gradients, energy = torch.func.grad(total, has_aux=True)(state, t)
        score = {
            name: self.processes[name].manifold.gradient(x, -gradients[name], batch.rows[name])
            for name, x in state.items()
        }
        return Evaluation(energy, score, None if by_time is None else -by_time)


class NormalisedEnergy(EnergyModel):
    """A closed-form base plus a learned correction: exact at the prior, comparable across times.

        E(x, t) = sum_fields base(x, t) + correction(x, t)

    The base is the density of featureless data under the process (a Gaussian that widens with the
    noise, the uniform density on SO(3)); the correction must vanish as t -> 1.
    """

    def __init__(self, processes: Processes, correction: nn.Module) -> None:
        super().__init__(processes)
        self.correction = correction

    @property
    def augmented(self) -> bool:
        """Whether the correction is."""
        return bool(getattr(self.correction, "augmented", False))

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t): `[graphs]`."""
        base = [
            process.base_energy(batch.state[name], t, batch.rows[name])
            for name, process in self.processes.items()
        ]
        correction: Tensor = self.correction(batch, t)
        return torch.stack(base).sum(0) + correction
