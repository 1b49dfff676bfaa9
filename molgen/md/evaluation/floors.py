"""Metrics with their noise floors: what two perfect, finite sets of samples would have scored.

A histogram distance between n and N frames of the *same* distribution is not zero. Its mean over
such pairs is the floor; value - floor is the debiased distance, which says something about a model
also when the value itself is at its floor (JS 0.010 and PMF 0.11 at 50,000 against 50,000 frames).

With c the counts of each set:

    floor      mean distance of pairs (n, N) drawn without replacement from a pool of reference
               frames (multivariate hypergeometric), or, where the pool is smaller than n + N, from
               both sets put together (the null of a permutation test)
    excess     what correlation inside chains adds: mean distance after a bootstrap over chains less
               the mean after a bootstrap over single frames
    debiased   value - floor - excess
    null_sd    spread of the distance between perfect sets: var_floor + (var_chains - var_frames)/3
    sd         uncertainty of `debiased`: var_bootstrap - 2 var_null, but at least var_null

The last two follow from the distance being quadratic in the difference of the histograms: for
D = (delta + e)^2 with noise e of variance s^2, a bootstrap has the variance 4 delta^2 s^2 + 6 s^4
on average, the distance itself 4 delta^2 s^2 + 2 s^4, and between perfect sets 2 s^4.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Counts [..., bins], counts [..., bins] -> distance [...]."""


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """A numpy generator seeded by, and advancing, a torch one (torch has no hypergeometric)."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return np.random.default_rng(int(seed))


@dataclass(frozen=True)
class Measured:
    """A distance with the floor and uncertainty it is to be read with, all in the metric's unit.

    Attributes:
        value: The metric as published.
        floor: Mean value between perfect sets of the same sizes.
        floor_sd: Spread of that value.
        excess: Added by correlation inside the chains; 0 where no chains are labelled.
        debiased: value - floor - excess (in quadrature for a norm).
        sd: Standard deviation of `debiased`.
        null_sd: Spread of `debiased` between perfect sets with such correlation.
        z: debiased / null_sd; below about 2 the sets cannot be told apart.
        n: Frames in the first set.
        reference_n: Frames in the second set.
        floor_from: "reference" (disjoint draws of a pool) or "permutation" (of both sets).
    """

    value: float
    floor: float
    floor_sd: float
    excess: float
    debiased: float
    sd: float
    null_sd: float
    z: float
    n: int
    reference_n: int
    floor_from: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and text, for JSON."""
        return asdict(self)


def split_counts(
    pool: np.ndarray, n: int, m: int, repeats: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint draws of n and m frames from pool counts [bins]: two arrays [repeats, bins]."""
    first = rng.multivariate_hypergeometric(pool, n, size=repeats, method="marginals")
    if n + m == pool.sum():
        return first, pool - first
    rest = pool - first
    second = [rng.multivariate_hypergeometric(row, m, method="marginals") for row in rest]
    return first, np.stack(second)


def resample_counts(counts: np.ndarray, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap [repeats, bins] of counts [bins] (over frames) or [chains, bins] (over chains)."""
    if counts.ndim == 1:
        total = int(counts.sum())
        return rng.multinomial(total, counts / total, size=repeats)
    number = len(counts)
    times = rng.multinomial(number, np.full(number, 1.0 / number), size=repeats)
    drawn: np.ndarray = times @ counts
    return drawn


def measure(
    distance: Distance,
    samples: np.ndarray,
    reference: np.ndarray,
    *,
    pool: np.ndarray | None = None,
    repeats: int = 100,
    value: float | None = None,
    generator: torch.Generator,
) -> Measured:
    """`distance` of samples from reference, with its floor, debiased value and uncertainty.

    Args:
        distance: From `metrics`, or any vectorised function of two arrays of counts.
        samples: Counts [bins], or [chains, bins] if frames of a chain are correlated.
        reference: Counts [bins] or [chains, bins].
        pool: Counts [bins] of all reference frames there are, from which the floor is drawn.
        repeats: Draws for the floor and for each bootstrap.
        value: The exact distance, if counts only approximate it.
        generator: Source of randomness.

    Source: permutation null and bootstrap as in the module's docstring.
    """
    rng = numpy_generator(generator)
    a, b = (c if c.ndim == 1 else c.sum(axis=0) for c in (samples, reference))
    everything = a + b if pool is None else a + b + pool
    seen = everything > 0
    samples, reference, a, b = samples[..., seen], reference[..., seen], a[seen], b[seen]
    n, m = int(a.sum()), int(b.sum())
    enough = pool is not None and int(pool.sum()) >= n + m
    source = pool[seen] if pool is not None and enough else a + b

    floor = distance(*split_counts(source, n, m, repeats, rng))
    frames_a, frames_b = resample_counts(a, repeats, rng), resample_counts(b, repeats, rng)
    boot = frames = distance(frames_a, frames_b)
    if samples.ndim == 2 or reference.ndim == 2:
        boot = distance(
            resample_counts(samples, repeats, rng) if samples.ndim == 2 else frames_a,
            resample_counts(reference, repeats, rng) if reference.ndim == 2 else frames_b,
        )
    excess = max(float(boot.mean() - frames.mean()), 0.0)
    var_null = float(floor.var(ddof=1)) + max(float(boot.var() - frames.var()), 0.0) / 3
    var = max(float(boot.var(ddof=1)) - 2 * var_null, var_null)
    exact = float(distance(a, b)) if value is None else value
    debiased = exact - float(floor.mean()) - excess
    return Measured(
        value=exact,
        floor=float(floor.mean()),
        floor_sd=float(floor.std(ddof=1)),
        excess=excess,
        debiased=debiased,
        sd=var**0.5,
        null_sd=var_null**0.5,
        z=debiased / var_null**0.5 if var_null > 0 else 0.0,
        n=n,
        reference_n=m,
        floor_from="reference" if enough else "permutation",
    )


def measure_norm(
    distance: Distance,
    samples: np.ndarray,
    reference: np.ndarray,
    *,
    value: float,
    pool: np.ndarray | None = None,
    repeats: int = 100,
    generator: torch.Generator,
) -> Measured:
    """`measure` for a distance that is linear in the difference, such as W1.

    Its square is the quadratic one, so floors are subtracted in quadrature:
    debiased = sign(d) sqrt(|d|), d = value^2 - mean(floor^2) - excess of the squares.
    """
    squared = measure(
        lambda p, q: np.square(distance(p, q)),
        samples,
        reference,
        pool=pool,
        repeats=repeats,
        value=value**2,
        generator=generator,
    )
    d, sd = abs(squared.debiased), squared.sd
    return replace(
        squared,
        value=value,
        floor=squared.floor**0.5,
        floor_sd=squared.floor_sd / (2 * squared.floor**0.5) if squared.floor > 0 else 0.0,
        excess=(squared.floor + squared.excess) ** 0.5 - squared.floor**0.5,
        debiased=math.copysign(d**0.5, squared.debiased),
        sd=0.5 * ((d + sd) ** 0.5 - max(d - sd, 0.0) ** 0.5),
        null_sd=squared.null_sd**0.5,
    )
