"""Free energies with confidence intervals: basins in a plane, and profiles along one coordinate.

Intervals come from the bootstrap: over single frames, or over whole chains where frames carry chain
labels, because a simulation crosses its barriers far more rarely than it writes frames. For one
long chain, label blocks of it: `np.arange(n) * blocks // n`.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import pi

import numpy as np
import torch
from scipy.stats import t as student

from molgen.errors import UsageError
from molgen.md.evaluation.floors import numpy_generator, resample_counts
from molgen.md.evaluation.metrics import bin_inside, count
from molgen.md.system.collective import Basin, assign


@dataclass(frozen=True)
class Interval:
    """A value (None where nothing was seen to estimate it from) and its confidence interval."""

    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers, for JSON."""
        return asdict(self)

    def scaled(self, factor: float) -> "Interval":
        """The interval in another unit."""
        if self.value is None or self.low is None or self.high is None:
            return self
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    def minus(self, other: "Interval") -> "Interval":
        """The difference of two independent estimates: half-widths added in quadrature."""
        if self.value is None or self.high is None or other.value is None or other.high is None:
            return Interval(None, None, None)
        half = math.hypot(self.high - self.value, other.high - other.value)
        value = self.value - other.value
        return Interval(value, value - half, value + half)


def basin_counts(
    points: np.ndarray,
    names: Sequence[str],
    basins: Sequence[Basin],
    chains: np.ndarray | None = None,
) -> np.ndarray:
    """Frames in each basin and, last, outside all: [basins + 1], or [chains, basins + 1].

    Args:
        points: [n, coordinates], in the units of the basins' bounds.
        names: The coordinates' names.
        basins: Boxes; the first that holds a frame has it.
        chains: Label of each frame [n].
    """
    variables = {name: torch.as_tensor(points[:, k]) for k, name in enumerate(names)}
    index = assign(basins, variables).numpy() % (len(basins) + 1)  # -1: outside, comes last
    size = len(basins) + 1
    if chains is None:
        return np.bincount(index, minlength=size)
    _, chain = np.unique(chains, return_inverse=True)
    number = int(chain.max()) + 1
    return np.bincount(chain * size + index, minlength=number * size).reshape(number, size)


def log_ratio(
    counts: np.ndarray,
    first: int,
    second: int,
    *,
    confidence: float = 0.95,
    repeats: int = 400,
    generator: torch.Generator,
) -> Interval:
    """-ln(p_first / p_second) in kT with its interval, from counts [boxes] or [chains, boxes].

    value +- t sd, sd from the bootstrap (half a count added to each box, so that a resample without
    visits stays finite) and Student's t for as many degrees of freedom as there are chains less 1.
    """
    total = counts if counts.ndim == 1 else counts.sum(axis=0)
    if total[first] == 0 or total[second] == 0:
        return Interval(None, None, None)
    draws = resample_counts(counts, repeats, numpy_generator(generator)) + 0.5
    units = int(total.sum()) if counts.ndim == 1 else len(counts)
    sd = np.log(draws[:, first] / draws[:, second]).std(ddof=1) * (units / max(units - 1, 1)) ** 0.5
    half = float(student.ppf(0.5 + confidence / 2, max(units - 1, 1)) * sd)
    value = -float(np.log(total[first] / total[second]))
    return Interval(value, value - half, value + half)


def populations(
    counts: np.ndarray, *, confidence: float = 0.95, repeats: int = 400, generator: torch.Generator
) -> list[Interval]:
    """Share of the frames in each box, with its bootstrap percentile interval."""
    total = counts if counts.ndim == 1 else counts.sum(axis=0)
    draws = resample_counts(counts, repeats, numpy_generator(generator))
    share = draws / draws.sum(axis=1, keepdims=True)
    low, high = np.quantile(share, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    return [
        Interval(float(v), float(a), float(b))
        for v, a, b in zip(total / total.sum(), low, high, strict=True)
    ]


@dataclass(frozen=True)
class Profile:
    """Free energy along one coordinate, F = -ln p + min, in kT, nan in bins never visited.

    Attributes:
        centres: Bin centres [bins].
        free_energy: kT [bins].
        low: Lower end of the confidence band [bins].
        high: Upper end [bins].
    """

    centres: np.ndarray
    free_energy: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def to_dict(self) -> dict[str, list[float | None]]:
        """Lists for JSON, None for nan."""
        return {
            name: [None if np.isnan(x) else round(float(x), 6) for x in values]
            for name, values in asdict(self).items()
        }


def profile(
    values: np.ndarray,
    limits: tuple[float, float] = (-pi, pi),
    *,
    bins: int = 90,
    chains: np.ndarray | None = None,
    confidence: float = 0.95,
    repeats: int = 200,
    generator: torch.Generator,
) -> Profile:
    """The 1-D potential of mean force of values [n] over `limits`, with a bootstrap band."""
    counts = count(bin_inside(values[:, None], (limits,), bins), bins, chains)
    total = counts if counts.ndim == 1 else counts.sum(axis=0)
    if total.sum() == 0:
        raise UsageError(f"profile: no frame lies within {limits[0]:g}..{limits[1]:g}")
    draws = resample_counts(counts, repeats, numpy_generator(generator))

    def energy(c: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            f: np.ndarray = -np.log(c / c.sum(axis=-1, keepdims=True))
        return f

    least = energy(total).min()
    seen = total > 0
    tail = np.array([0.5 - confidence / 2, 0.5 + confidence / 2])
    # inf in a resample that misses a bin is a legal upper end; drawn as the top of the plot
    low, high = np.quantile(energy(draws), tail, axis=0, method="inverted_cdf") - least
    edges = np.linspace(*limits, bins + 1)
    free = np.where(seen, energy(total) - least, np.nan)
    finite = np.where(np.isfinite(high), high, free + 10.0)
    return Profile(
        centres=0.5 * (edges[1:] + edges[:-1]),
        free_energy=free,
        low=np.where(seen, low, np.nan),
        high=np.where(seen, finite, np.nan),
    )
