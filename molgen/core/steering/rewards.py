"""Rewards: what a draw is worth, asked of what a noised state is expected to have been."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.errors import MolgenError, UsageError

Reward = Callable[[Batch, Tensor], Tensor]
"""`reward(denoised, t)`: `[graphs]`, log weights: the higher the better, -inf for never.

`denoised` has the estimate of the clean state in place of the state; `t` `[graphs]` are the times
of the noised states it was made from.
"""


NO_GRADIENT = (
    "a reward of the steering has no gradient: gradient and ensemble need one; choose feynman-kac "
    "or tree, which do not"
)


class SteeringError(MolgenError):
    """Steering cannot go on: a reward cannot be had, or no particle of a sample has any weight."""


def total(terms: Sequence[tuple[float, Reward]]) -> Reward:
    """The sum of rewards times their weights.

    It raises a UsageError where some of them can be differentiated and some cannot.
    """

    def reward(batch: Batch, t: Tensor) -> Tensor:
        values = [weight * term(batch, t) for weight, term in terms]
        follows = [value.requires_grad for value in values]
        if any(follows) and not all(follows):
            raise UsageError(NO_GRADIENT)
        return torch.stack(values).sum(0)

    return reward


def worth(reward: Reward, batch: Batch, t: Tensor, step: int) -> Tensor:
    """What the graphs of a batch are worth, checked: `[graphs]`, in the dtype of `t`.

    Args:
        reward: what is asked.
        batch: denoised, or clean.
        t: `[graphs]`, the times of its noised states.
        step: number of steps taken, for messages.

    Raises:
        SteeringError: the reward raises, or is NaN, infinite or of another shape; the sample (an id
            of the batch) and the step are named.
    """
    try:
        values = torch.as_tensor(reward(batch, t)).to(t)
    except MolgenError:
        raise
    except Exception as error:
        which = _first_that_raises(reward, batch, t)
        line = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise SteeringError(f"{_at(batch, t, step, which)}: the reward failed: {line}") from error
    if values.shape != (batch.graphs,):
        raise SteeringError(
            f"a reward has one number a graph, [{batch.graphs}], not shape {tuple(values.shape)}"
        )
    bad = values.isnan() | (values == torch.inf)
    if bad.any():
        which = int(bad.nonzero()[0])
        raise SteeringError(f"{_at(batch, t, step, which)}: the reward is {values[which].item()}")
    return values


def _at(batch: Batch, t: Tensor, step: int, which: int | None) -> str:
    when = f"step {step}, t = {t[0].item():.4g}"
    if which is None:
        return when
    return f"sample {batch.ids[which] if batch.ids else which}, {when}"


def _first_that_raises(reward: Reward, batch: Batch, t: Tensor) -> int | None:
    """The graph by itself that the reward cannot be asked of, if it is one alone."""
    for graph in range(batch.graphs):
        index = torch.tensor([graph], device=t.device)
        try:
            reward(batch.take(index), t[index])
        except Exception:
            return graph
    return None
