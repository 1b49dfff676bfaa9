"""What a diagnostic finds: numbers beside their meaning, plots, and a verdict in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

Mood = Literal["good", "fair", "poor", "plain"]
"""How a verdict is meant; plain: there is no good or bad, or nothing could be measured."""

SURE = 3.0
"""Standard errors beyond which something is taken for more than chance."""


@dataclass(frozen=True)
class Scale:
    """What a verdict is read off.

    Attributes:
        of: the number.
        good: up to which it is good.
        fair: up to which it is fair; beyond, poor.
    """

    of: str
    good: float
    fair: float

    def mood(self, value: float) -> Mood:
        """That of a value; one that is not a number is poor."""
        return "good" if value <= self.good else "fair" if value <= self.fair else "poor"

    def __str__(self) -> str:
        return f"{self.of}: good up to {self.good:g}, fair up to {self.fair:g}, else poor"


@dataclass(frozen=True)
class Number:
    """One number.

    Attributes:
        name: what it is called.
        value: of it.
        error: its standard error, where it is known.
        meaning: what it says, and in which units.
        good: what would be a good value.
    """

    name: str
    value: float
    error: float | None
    meaning: str
    good: str


@dataclass(frozen=True)
class Line:
    """A line of a plot, with the ends of its band where there is one.

    Attributes:
        name: its label.
        x: `[k]`.
        y: `[k]`.
        low: lower end `[k]`.
        high: upper end `[k]`.
        style: how it is drawn; a rule is what others are held against.
    """

    name: str
    x: list[float]
    y: list[float]
    low: list[float] | None = None
    high: list[float] | None = None
    style: Literal["line", "points", "rule"] = "line"


@dataclass(frozen=True)
class Plot:
    """Lines in one frame.

    Attributes:
        title: above it.
        x_label: below it.
        y_label: beside it.
        lines: what is in it.
        log_x: whether x is logarithmic.
        log_y: whether y is.
        note: what to look for.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = True
    log_y: bool = False
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """What a diagnostic finds.

    Attributes:
        title: what it looks at.
        about: what is estimated and how, with its source.
        verdict: the answer in one line.
        mood: how the verdict is meant.
        scale: the thresholds of that, in words.
        numbers: behind it.
        plots: of them.
    """

    title: str
    about: str
    verdict: str
    mood: Mood = "plain"
    scale: str = ""
    numbers: tuple[Number, ...] = ()
    plots: tuple[Plot, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """A mean over points.

    Attributes:
        value: the mean.
        error: its standard error.
    """

    value: float
    error: float

    @classmethod
    def of(cls, values: Tensor) -> Self:
        """The mean of independent values `[n]`."""
        values = values.detach().double()
        spread = values.std().item() if len(values) > 1 else 0.0
        return cls(values.mean().item(), spread / len(values) ** 0.5)

    def root(self, scale: float = 1.0) -> Estimate:
        """The root of it over `scale`: a relative root mean square, 0 where it is negative."""
        root = (max(self.value, 0.0) / scale) ** 0.5
        floor = (max(self.error, 1e-300) / scale) ** 0.5  # of a mean square that is all error
        return Estimate(root, self.error / scale / max(2 * root, floor))


def line_of(name: str, x: Sequence[float], estimates: Sequence[Estimate]) -> Line:
    """A line through estimates, with a band of one standard error each way."""
    y = [one.value for one in estimates]
    low = [one.value - one.error for one in estimates]
    high = [one.value + one.error for one in estimates]
    return Line(name, list(x), y, low, high)


def positive(line: Line, least: float = 0.0) -> Line:
    """The same for a logarithmic axis: points above `least` alone, bands no lower than a tenth."""
    kept = [k for k, value in enumerate(line.y) if value > least]
    x, y = [line.x[k] for k in kept], [line.y[k] for k in kept]
    low = line.low and [max(line.low[k], 0.1 * line.y[k]) for k in kept]
    high = line.high and [line.high[k] for k in kept]
    return Line(line.name, x, y, low, high)


def integral(x: Sequence[float], estimates: Sequence[Estimate]) -> Estimate:
    """The integral over log x of estimates that do not depend on each other (trapezoids)."""
    log_x = torch.tensor(x, dtype=torch.float64).log()
    share = torch.zeros_like(log_x)
    share[1:] += 0.5 * log_x.diff()
    share[:-1] += 0.5 * log_x.diff()
    values = torch.tensor([one.value for one in estimates], dtype=torch.float64)
    errors = torch.tensor([one.error for one in estimates], dtype=torch.float64)
    return Estimate((share * values).sum().item(), (share * errors).square().sum().sqrt().item())


def worst(estimates: Sequence[Estimate]) -> int:
    """Where the largest is, less its own error: an uncertain one does not win by chance."""
    return max(range(len(estimates)), key=lambda k: estimates[k].value - estimates[k].error)


def percent(value: float) -> str:
    """A share as text, to two digits, such as `3.1 %`."""
    share = 100 * value
    if share >= 10:
        return f"{share:.0f} %"
    return f"{share:.2g} %" if share >= 0.01 else "below 0.01 %"
