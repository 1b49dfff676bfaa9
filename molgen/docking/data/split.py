"""Which complexes train and which only validate, and draws among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch

from molgen.errors import UsageError

T = TypeVar("T")


def held_apart(
    complexes: Sequence[T], share: float, source: str
) -> tuple[Sequence[T], Sequence[T]]:
    """A random share of the complexes, and the others.

    It is the same share whatever the recipe's seed: what models of several seeds are worth, alone
    or averaged, shows on complexes that none of them has seen. `source` is the recipe's, to name.

    Raises:
        UsageError: none is left to train on.
    """
    count = len(complexes)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
    apart = max(1, round(share * count))
    if apart >= count:
        raise UsageError(f"{source} [data]: {count} complexes are too few to train")
    return [complexes[k] for k in order[:apart]], [complexes[k] for k in order[apart:]]


def integers(high: int, count: int, generator: torch.Generator) -> list[int]:
    """Random whole numbers below `high`."""
    values: list[int] = torch.randint(
        high, (count,), generator=generator, device=generator.device
    ).tolist()
    return values
