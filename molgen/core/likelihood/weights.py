r"""Importance weights of samples with known density against a known energy.

    w = exp(-E(x)) / q(x),    Z = E_q[w],    <f> = sum w f / sum w

with E in kT, up to a constant that goes into Z. Draws of the probability flow are of exactly the
density that its log q says, so that weights correct whatever the model got wrong where it draws at
all; what it never draws no weight brings back, which the tail of the weights may not show either.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from molgen.core.likelihood.tails import Tail, tail_of
from molgen.errors import MolgenError

Statistic = Callable[[Tensor], Tensor]
"""Of normalised weights `[n]`: a number, or several of any shape."""


@dataclass(frozen=True)
class Estimate:
    """Numbers with what chance may have made of them, all of one shape.

    Attributes:
        value: by all samples.
        error: standard error.
        low: lower end of the confidence interval.
        high: upper end.
    """

    value: Tensor
    error: Tensor
    low: Tensor
    high: Tensor


@dataclass(frozen=True)
class Weights:
    """Weights of samples.

    Attributes:
        log: `[n]` float64, log w = -E - log q.

    Raises:
        MolgenError: none is positive, or one is not a number.
    """

    log: Tensor

    def __post_init__(self) -> None:
        bad = torch.isnan(self.log) | (self.log == math.inf)
        if len(self.log) == 0 or bad.any() or not torch.isfinite(self.log).any():
            raise MolgenError(
                f"importance weights: {int(bad.sum())} of {len(self.log)} are not finite; look at "
                "the energies and at log q"
            )

    @classmethod
    def of(cls, energy: Tensor, log_q: Tensor) -> Weights:
        """Those of samples of density q, log q `[n]` nats, for energies `[n]` in kT."""
        return cls(-energy.double() - log_q.double())

    @cached_property
    def normalised(self) -> Tensor:
        """Weights that sum to one: `[n]`."""
        return self.log.softmax(0)

    @property
    def ess(self) -> float:
        """As many equal weights would be as good: (sum w)^2 / sum w^2. Kish 1965."""
        return 1 / self.normalised.square().sum().item()

    @property
    def share(self) -> float:
        """Of the samples that the effective ones are."""
        return self.ess / len(self.log)

    @property
    def log_normaliser(self) -> float:
        """log Z, of the mean of the weights: 0 for an energy that is normalised."""
        return (self.log.logsumexp(0) - math.log(len(self.log))).item()

    @cached_property
    def _tail(self) -> tuple[Tail, Tensor]:
        return tail_of(self.log)

    @property
    def tail(self) -> Tail:
        """Whether what they say can be trusted."""
        return self._tail[0]

    @property
    def smoothed(self) -> Weights:
        """With the largest replaced by quantiles of their fit: a little bias, less variance."""
        return Weights(self._tail[1])

    def mean(self, values: Tensor) -> Tensor:
        """Self-normalised mean of `[n, *]`: `[*]`."""
        return torch.einsum("n,n...->...", self.normalised, values.double())

    def estimate(
        self,
        statistic: Statistic,
        *,
        repeats: int = 200,
        confidence: float = 0.95,
        generator: torch.Generator | None = None,
    ) -> Estimate:
        """A statistic of the weights, with its error from resampling the samples.

        The interval is value +- z error: percentiles under a few heavy weights would not even hold
        the value.

        Args:
            statistic: of normalised weights.
            repeats: resamples.
            confidence: of the interval.
            generator: source of randomness.
        """
        count = len(self.log)
        value = statistic(self.normalised)
        draws = []
        for _ in range(repeats):
            chosen = torch.randint(count, (count,), generator=generator, device=self.log.device)
            times = torch.bincount(chosen, minlength=count)
            weights = times * self.normalised
            draws.append(statistic(weights / weights.sum()))
        error = torch.stack(draws).std(0)
        half = math.sqrt(2) * torch.erfinv(torch.tensor(confidence, dtype=torch.float64)) * error
        return Estimate(value, error, value - half, value + half)
