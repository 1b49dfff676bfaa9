"""How far two sets of samples are apart in a plane of collective variables: JS and PMF error.

Both follow the definitions of Plainer et al. 2025 (ScoreMD, arXiv 2506.17139), so that numbers can
be set beside the published ones. Everything works from integer bin counts: binning a million frames
costs 0.1 s, and every repeat of a noise floor or bootstrap (see `floors`) only redraws counts.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import pi
from typing import Any

import numpy as np
from scipy.special import xlogy

from molgen.errors import MolgenError, UsageError

EMPTY_BIN = 1e-6
"""Probability given to a bin that only one of the two sets visits (published definition)."""

Limits = tuple[tuple[float, float], ...]
"""(low, high) of each coordinate."""


@dataclass(frozen=True)
class Plane:
    """The coordinates in which samples are compared, and the bins of each metric.

    Attributes:
        names: One name a coordinate.
        limits: (low, high) a coordinate; the range of the PMF and of plots.
        periodic: Whether the coordinates are angles over the whole circle.
        js_bins: Bins an axis of the JS histogram, over the joint range of both sets.
        pmf_bins: Digitised bins an axis of the PMF error, of which two are outside `limits`.
        unit: Unit of the coordinates, for labels.
    """

    names: tuple[str, ...]
    limits: Limits
    periodic: bool = False
    js_bins: int = 64
    pmf_bins: int = 64
    unit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, read back by `Plane(**content)`."""
        return asdict(self)

    def check(self, points: np.ndarray, what: str) -> np.ndarray:
        """`points` as float [n, coordinates]; refused if empty, misshapen or not finite."""
        points = np.asarray(points)
        if points.ndim == 1 and len(self.names) == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != len(self.names) or len(points) == 0:
            raise UsageError(
                f"{what}: need a non-empty array [n, {len(self.names)}] of "
                f"({', '.join(self.names)}), got shape {points.shape}"
            )
        bad = ~np.isfinite(points).all(axis=1)
        if bad.any():
            raise MolgenError(
                f"{what}: {int(bad.sum())} of {len(points)} frames are not finite, the first is "
                f"frame {int(bad.argmax())}: find out why before comparing (none is dropped)"
            )
        return points


RAMACHANDRAN = Plane(("phi", "psi"), ((-pi, pi), (-pi, pi)), periodic=True, unit="rad")
"""Backbone dihedrals in rad, with the published bins."""

MUELLER_BROWN = Plane(("x", "y"), ((-1.8, 1.1), (-0.5, 2.0)), js_bins=100)
"""The Mueller-Brown plane: published JS with 100 bins, PMF with 64."""


def joint_limits(*point_sets: np.ndarray) -> Limits:
    """(low, high) of each coordinate over all sets [n_i, coordinates] together."""
    low = np.min([points.min(axis=0) for points in point_sets], axis=0)
    high = np.max([points.max(axis=0) for points in point_sets], axis=0)
    # a coordinate that never moves still needs a bin of some width (as numpy.histogram does)
    wide = high > low
    return tuple(
        (float(a), float(b)) if w else (float(a) - 0.5, float(b) + 0.5)
        for a, b, w in zip(low, high, wide, strict=True)
    )


def bin_inside(points: np.ndarray, limits: Limits, bins: int) -> np.ndarray:
    """Flat bin index [n] in bins**d equal bins over `limits`; -1 for a point outside.

    The upper edge belongs to the last bin, as in numpy.histogram.
    """
    flat = np.zeros(len(points), dtype=np.int64)
    outside = np.zeros(len(points), dtype=bool)
    for k, (low, high) in enumerate(limits):
        x = points[:, k]
        index = np.digitize(x, np.linspace(low, high, bins + 1)) - 1
        index[x == high] = bins - 1
        outside |= (index < 0) | (index >= bins)
        flat = flat * bins + index
    flat[outside] = -1
    return flat


def bin_digitised(points: np.ndarray, limits: Limits, bins: int) -> np.ndarray:
    """Flat bin index [n] in bins**d bins: bins - 2 inside `limits` and one beyond each end."""
    flat = np.zeros(len(points), dtype=np.int64)
    for k, (low, high) in enumerate(limits):
        flat = flat * bins + np.digitize(points[:, k], np.linspace(low, high, bins - 1))
    return flat


def count(index: np.ndarray, size: int, chains: np.ndarray | None = None) -> np.ndarray:
    """Counts [size] of bin indices [n] (-1 left out), or [chains, size] with a label a frame."""
    inside = index >= 0
    if chains is None:
        return np.bincount(index[inside], minlength=size)
    _, chain = np.unique(chains, return_inverse=True)
    number = int(chain.max()) + 1
    flat = chain[inside] * size + index[inside]
    return np.bincount(flat, minlength=number * size).reshape(number, size)


def js_from_counts(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in nats of counts p, q [..., bins]: H((p+q)/2) - (H(p)+H(q))/2.

    Equals scipy.spatial.distance.jensenshannon ** 2; 0 for equal, ln 2 for disjoint histograms.
    """
    p = p / p.sum(axis=-1, keepdims=True)
    q = q / q.sum(axis=-1, keepdims=True)
    m = 0.5 * (p + q)
    js = 0.5 * (xlogy(p, p) + xlogy(q, q)) - xlogy(m, m)
    total: np.ndarray = np.maximum(js.sum(axis=-1), 0.0)
    return total


def pmf_from_counts(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """PMF error in (kT)^2 of counts p, q [..., bins]: sum_b w_b (ln p_b - ln q_b)^2.

    w = (p + q)/2 normalised over the bins that either set visits, a bin that only one visits has
    probability 1e-6 in the other ("fe_sq" of ScoreMD; Durumeric et al. 2024).
    """
    seen = (p > 0) | (q > 0)
    p = np.where(p > 0, p / p.sum(axis=-1, keepdims=True), EMPTY_BIN)
    q = np.where(q > 0, q / q.sum(axis=-1, keepdims=True), EMPTY_BIN)
    weight = np.where(seen, 0.5 * (p + q), 0.0)
    weight = weight / weight.sum(axis=-1, keepdims=True)
    error: np.ndarray = (weight * np.square(np.log(p) - np.log(q))).sum(axis=-1)
    return error


def js_divergence(samples: np.ndarray, reference: np.ndarray, plane: Plane = RAMACHANDRAN) -> float:
    """Published JS in nats of samples [n, d] against reference [N, d], bins over the joint range.

    Raises:
        UsageError: An empty set or one of other coordinates.
        MolgenError: A frame that is not finite.
    """
    samples, reference = plane.check(samples, "samples"), plane.check(reference, "reference")
    limits, size = joint_limits(samples, reference), plane.js_bins ** len(plane.names)
    p, q = (count(bin_inside(x, limits, plane.js_bins), size) for x in (samples, reference))
    return float(js_from_counts(p, q))


def pmf_error(samples: np.ndarray, reference: np.ndarray, plane: Plane = RAMACHANDRAN) -> float:
    """Published PMF error in (kT)^2 of samples [n, d] against reference [N, d].

    Raises:
        UsageError: An empty set or one of other coordinates.
        MolgenError: A frame that is not finite.
    """
    samples, reference = plane.check(samples, "samples"), plane.check(reference, "reference")
    size = plane.pmf_bins ** len(plane.names)
    p, q = (
        count(bin_digitised(x, plane.limits, plane.pmf_bins), size) for x in (samples, reference)
    )
    return float(pmf_from_counts(p, q))


def wasserstein_from_counts(places: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """W1 of counts [..., bins] at ascending places [bins]: sum_b |P_b - Q_b| (x_b+1 - x_b)."""
    steps = np.diff(places)

    def distance(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        cumulative = (c.cumsum(axis=-1) / c.sum(axis=-1, keepdims=True) for c in (p, q))
        below_p, below_q = cumulative
        area: np.ndarray = np.abs(below_p - below_q)[..., :-1] @ steps
        return area

    return distance
