r"""Sampling steered by likelihoods: of a property given the noised state, or given what it may be.

    grad log q(x, t | y) = grad log q(x, t) + strength grad log p(y | x, t)

Bayes' rule, exact at strength 1 for exact likelihoods (Dhariwal & Nichol 2021; several terms add up
where the y are independent given x). A likelihood is any differentiable function of the batch and
the times: a network trained on noised states, or, through `OfProbabilities`, a function of what the
rows were before the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import ScoreModel
from molgen.core.processes import Processes

LogLikelihood = Callable[[Batch, Tensor], Tensor]
"""log p(y | state at t) `[graphs]`, up to a constant, of a noised batch and times `[graphs]`."""


class Guided:
    """The score of a model given likelihoods.

    Args:
        model: the score without them.
        processes: its forward processes; their manifolds turn derivatives into scores.
        terms: what steers.
        strength: above 1, likelihoods sharper than they are.
    """

    def __init__(
        self,
        model: ScoreModel,
        processes: Processes,
        terms: Sequence[LogLikelihood],
        strength: float = 1.0,
    ) -> None:
        self.model, self.terms, self.strength = model, tuple(terms), strength
        self.processes = dict(processes)

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The model's plus the gradients of the terms, in tangent coordinates; `t`: `[graphs]`."""
        scores = self.model.score(batch, t)

        def total(steered: Batch) -> tuple[Tensor, None]:
            return torch.stack([term(steered, t) for term in self.terms]).sum(0), None

        _, gradients, _ = ascent(self.processes, batch, total)
        for name, towards in gradients.items():
            scores[name] = scores[name] + self.strength * towards
        return scores


Aux = TypeVar("Aux")


def ascent(
    processes: Processes, batch: Batch, function: Callable[[Batch], tuple[Tensor, Aux]]
) -> tuple[Tensor, dict[str, Tensor], Aux]:
    """A function's values, its gradients in tangent coordinates, and what else it returned.

    Args:
        processes: of each field; their manifolds turn derivatives into tangent vectors.
        batch: where.
        function: values `[graphs]`, each of its own graph alone, and anything. Values of something
            else than the state, such as sizes, have no gradients: the dict is empty.
    """
    with torch.enable_grad():
        state = {name: x.detach().requires_grad_() for name, x in batch.state.items()}
        values, aux = function(batch.replace(**state))
        if not values.requires_grad:
            return values, {}, aux
        # graphs do not know of each other, so the gradient of the sum is that of each
        found = torch.autograd.grad(values.sum(), list(state.values()), materialize_grads=True)
    ambient = dict(zip(state, found, strict=True))
    gradients = {
        name: process.manifold.gradient(batch.state[name], ambient[name], batch.rows[name])
        for name, process in processes.items()
    }
    return values.detach(), gradients, aux


class HasProbabilities(Protocol):
    """A model of categories."""

    def log_probabilities(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """log p(category | state at t) of each field, `[*rows, K]`."""
        ...


class OfProbabilities:
    """The log likelihood that a function of denoised rows gives: no network for noise is needed.

    p(y | x_0) with the probabilities of each row given x_t for its type (Chung et al. 2023): exact
    where it is linear in one row, or in each of several that are independent given x_t.

    Args:
        model: of categories.
        function: log p(y | probabilities) `[graphs]`, of `{field: [*rows, K]}` and the batch,
            whose rows say which are real.
    """

    def __init__(
        self,
        model: HasProbabilities,
        function: Callable[[Mapping[str, Tensor], Batch], Tensor],
    ) -> None:
        self.model, self.function = model, function

    def __call__(self, batch: Batch, t: Tensor) -> Tensor:
        """log p(y | state at t): `[graphs]`."""
        log_p = self.model.log_probabilities(batch, t)
        return self.function({name: value.exp() for name, value in log_p.items()}, batch)
