"""Rewards as users write them, `NAME[=VALUE][:WEIGHT]`, and what makes them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

from molgen.core.steering import Reward
from molgen.errors import UsageError

Subject = TypeVar("Subject")
"""What a pillar's rewards are made for: a model and what it is of."""

RewardFactory = Callable[[Subject, str], Reward]
"""`factory(subject, value)`: a reward; `value` is what the user wrote after =, or empty."""


@dataclass(frozen=True)
class Term:
    """A reward and its weight.

    Attributes:
        name: of it.
        value: what it is of, as the user wrote it.
        weight: by which it is multiplied.
        reward: itself, if it was given as a function.
    """

    name: str
    value: str = ""
    weight: float = 1.0
    reward: Reward | None = None

    @classmethod
    def of(cls, asked: str | Reward | tuple[str | Reward, float]) -> Self:
        """From `NAME[=VALUE][:WEIGHT]`, from a function, or from either with its weight.

        Raises:
            UsageError: no name, or a weight that is zero or not finite.
        """
        if isinstance(asked, tuple):
            found = dataclasses.replace(cls.of(asked[0]), weight=float(asked[1]))
        elif isinstance(asked, str):
            text, colon, last = asked.rpartition(":")
            weight = _number(last) if colon else None
            name, _, value = (asked if weight is None else text).partition("=")
            found = cls(name.strip(), value.strip(), 1.0 if weight is None else weight)
        else:
            found = cls(getattr(asked, "__name__", type(asked).__name__), reward=asked)
        if not found.name or not found.weight or not math.isfinite(found.weight):
            raise UsageError(f"steering by '{asked}': give NAME[=VALUE][:WEIGHT], such as qed:10")
        return found

    def __str__(self) -> str:
        return f"{self.name}{'=' if self.value else ''}{self.value}:{self.weight:g}"


def number_of(name: str, text: str, wanted: str) -> float:
    """The number that a reward of this name was given.

    Raises:
        UsageError: it is none; `wanted` says what to give.
    """
    found = _number(text)
    if found is None or not math.isfinite(found):
        raise UsageError(f"{name}: '{text}' is no number: give {wanted}")
    return found


def no_value(name: str, value: str) -> None:
    """For rewards that take no value.

    Raises:
        UsageError: one was given.
    """
    if value:
        raise UsageError(f"{name}={value}: this reward takes no value")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
