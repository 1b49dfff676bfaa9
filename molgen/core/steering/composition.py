r"""Several models as one: products and weighted means of densities, negation, mixtures.

A product prod_i q_i^{w_i} of noised densities has the score sum_i w_i s_i, but it is not what noise
makes of the product of the data: the reverse SDE with this score is wrong by itself. Particles of
it are right with the weights

    d log w = - g^2/2 (sum_i w_i |s_i|^2 - |sum_i w_i s_i|^2) + (W - 1) div f,    W = sum_i w_i

a unit of reverse time, summed over fields: no divergence of a score is left in them (Feynman-Kac
correctors, Skreta et al. 2025, whose geometric mean is W = 1; here for any weights). Weights 1 + g
and -g keep away from what the second model draws. The further W is above 1, the more particles it
takes: 64 are enough for 1.3, of two broad Gaussians, and 1000 for 2. A mixture sum_i w_i q_i stays
one under noise, with the score sum_i p(i | x, t) s_i; it takes densities, so energy models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel, Evaluation
from molgen.core.processes import Processes
from molgen.core.steering.denoised import Remembered
from molgen.core.steering.walk import Move, Weigher
from molgen.errors import UsageError


@runtime_checkable
class Weighted(Protocol):
    """A model whose draws are right with weights."""

    def prior_weight(self, batch: Batch, t: Tensor) -> Tensor:
        """Log weights of draws of the prior: `[graphs]`."""
        ...

    def weight_rate(self, batch: Batch, t: Tensor) -> Tensor:
        """d log w a unit of reverse time: `[graphs]`."""
        ...


class Product:
    """The score of prod_i q_i^{w_i}, and the weights that make it right.

    Args:
        models: each with `processes` and `score`; their fields must mean the same.
        weights: w_i, of any sign.

    Raises:
        UsageError: processes that differ, or a weight short.
    """

    def __init__(self, models: Sequence[Any], weights: Sequence[float]) -> None:
        _require(models, weights)
        self.processes: Processes = agreed(models)
        self.weights = tuple(weights)
        self._scores = [Remembered(model.score) for model in models]

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """sum_i w_i s_i of each field, in tangent coordinates; `t`: `[graphs]`."""
        parts = [score(batch, t) for score in self._scores]
        return {
            name: torch.stack(
                [w * part[name] for w, part in zip(self.weights, parts, strict=True)]
            ).sum(0)
            for name in self.processes
        }

    def prior_weight(self, batch: Batch, t: Tensor) -> Tensor:
        """(W - 1) log q(x, 1), as all models have the same prior: `[graphs]`."""
        excess = sum(self.weights) - 1
        energies = [
            process.base_energy(batch.state[name], t, batch.rows[name])
            for name, process in self.processes.items()
        ]
        return -excess * torch.stack(energies).sum(0)

    def weight_rate(self, batch: Batch, t: Tensor) -> Tensor:
        """d log w a unit of reverse time: `[graphs]`."""
        parts = [score(batch, t) for score in self._scores]
        whole = self.score(batch, t)
        rate = torch.zeros_like(t)
        for name, process in self.processes.items():
            x, rows, inner = batch.state[name], batch.rows[name], process.manifold.inner
            each = [
                w * inner(part[name], part[name], rows)
                for w, part in zip(self.weights, parts, strict=True)
            ]
            spread = torch.stack(each).sum(0) - inner(whole[name], whole[name], rows)
            rate = rate - 0.5 * process.diffusion(t).square() * spread
            rate = rate + (sum(self.weights) - 1) * process.drift_divergence(x, t, rows)
        return rate


def without(model: Any, unwanted: Any, strength: float) -> Product:
    """q^{1 + strength} / unwanted^strength: draws of a model that another would not make.

    Raises:
        UsageError: processes that differ.
    """
    return Product([model, unwanted], [1 + strength, -strength])


class Mixture(EnergyModel):
    """The density sum_i w_i q_i: a draw is one of some model's.

    Args:
        models: energy models, whose densities are compared: a constant between them counts.
        weights: w_i, positive; they need not sum to one.

    Raises:
        UsageError: processes that differ, a model without an energy, or a weight that is not
            positive.
    """

    def __init__(self, models: Sequence[EnergyModel], weights: Sequence[float]) -> None:
        _require(models, weights)
        if not all(isinstance(model, EnergyModel) for model in models):
            raise UsageError("a mixture compares densities: all of its models must be of energies")
        if min(weights) <= 0:
            raise UsageError(f"a mixture's weights {list(weights)} must be positive")
        super().__init__(agreed(models))
        self.models = torch.nn.ModuleList(models)
        self.log_weights = torch.tensor(weights, dtype=torch.float64).log().tolist()

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log sum_i w_i q_i(x, t): `[graphs]`."""
        return -self._joint([model.energy(batch, t) for model in self._each()]).logsumexp(0)

    def evaluate(self, batch: Batch, t: Tensor, *, rate: bool = False) -> Evaluation:
        """Energy, score and (with `rate`) d log q / dt: means over p(i | x, t)."""
        parts = [model.evaluate(batch, t, rate=rate) for model in self._each()]
        joint = self._joint([part.energy for part in parts])
        chance = joint.softmax(0)
        score = {
            name: torch.stack(
                [
                    batch.rows[name].spread(p, part.score[name]) * part.score[name]
                    for p, part in zip(chance, parts, strict=True)
                ]
            ).sum(0)
            for name in self.processes
        }
        rates = [part.rate for part in parts if part.rate is not None]
        by_time = (chance * torch.stack(rates)).sum(0) if rate else None
        return Evaluation(-joint.logsumexp(0), score, by_time)

    def _joint(self, energies: list[Tensor]) -> Tensor:
        """log w_i q_i: `[models, graphs]`."""
        return torch.stack([w - e for w, e in zip(self.log_weights, energies, strict=True)])

    def _each(self) -> list[EnergyModel]:
        return [model for model in self.models if isinstance(model, EnergyModel)]


class Corrected(Weigher):
    """The weights of a model whose draws need them, by the trapezoidal rule."""

    def __init__(self, model: Weighted) -> None:
        self._model = model
        self._rate = torch.zeros(())

    def begin(self, batch: Batch, t: Tensor) -> Tensor:
        """Of the prior: `[graphs]`."""
        self._rate = self._model.weight_rate(batch, t)
        return self._model.prior_weight(batch, t)

    def add(self, move: Move) -> Tensor:
        """The mean rate at both ends of a step, times its length: `[graphs]`."""
        before, self._rate = self._rate, self._model.weight_rate(move.after, move.stop)
        return 0.5 * (before + self._rate) * (move.start - move.stop)

    def take(self, graphs: Tensor) -> None:
        """Rates go with their particles."""
        self._rate = self._rate[graphs]


def corrections(model: object) -> list[Weigher]:
    """What a model's draws are weighed by, whatever else steers them."""
    return [Corrected(model)] if isinstance(model, Weighted) else []


def agreed(models: Sequence[Any]) -> Processes:
    """The processes of models that noise the same fields in the same way.

    Raises:
        UsageError: they do not; the field is named.
    """
    first: Processes = dict(models[0].processes)
    times = torch.linspace(0.05, 1.0, 20, dtype=torch.float64)
    for number, model in enumerate(models[1:], 2):
        if set(model.processes) != set(first):
            raise UsageError(
                f"composed models: model {number} has the fields {', '.join(model.processes)}, "
                f"the first {', '.join(first)}"
            )
        for name, process in first.items():
            other = model.processes[name]
            same = type(other.manifold) is type(process.manifold) and all(
                torch.allclose(a(times), b(times), rtol=1e-4)
                for a, b in (
                    (process.signal, other.signal),
                    (process.noise, other.noise),
                    (process.diffusion, other.diffusion),
                )
            )
            if not same:
                raise UsageError(
                    f"composed models: model {number} noises the field '{name}' otherwise than the "
                    "first: they cannot be one"
                )
    return first


def _require(models: Sequence[Any], weights: Sequence[float]) -> None:
    if not models or len(models) != len(weights):
        raise UsageError(f"composed models: {len(models)} models for {len(weights)} weights")
