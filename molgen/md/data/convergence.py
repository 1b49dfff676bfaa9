"""How well a set of groups of chains has converged: errors from the spread among groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def basin_report(counts: NDArray[np.uint32], each: int, names: Sequence[str]) -> dict[str, Any]:
    """Population of each basin with its standard error, and the effective number of samples.

    Groups of chains never exchange, so their populations p_g are independent estimates:
    error^2 = var(p_g)/groups, and frames as good as error^2 = p(1-p)/n independent ones would be
    n = p(1-p)/error^2 effective samples; frames/n is the statistical inefficiency. All groups begin
    alike: that they agree does not mean that they have forgotten it. A population that is another
    in the last third of every chain than in the first tells that they have not.

    Args:
        counts: [moments, groups, basins] frames in each basin, in the order of time.
        each: Frames of one group at one moment.
        names: Basin names.

    Returns:
        JSON content: `basins` (name -> population, standard_error, effective_samples,
        statistical_inefficiency, first_half and second_half, the populations in either half of the
        groups, and, from three moments on, first_third and last_third, those in parts of all
        chains), `effective_samples` (the smallest of them), `halves_z` and `drift_z`, the largest
        difference of halves and of thirds in its standard errors; None where there is no such
        error, as with fewer than two groups.
    """
    moments, groups = counts.shape[:2]
    frames = moments * each
    third = moments // 3
    fractions = _sums(counts) / max(frames, 1)
    early, late = _sums(counts[:third]), _sums(counts[moments - third :])
    basins: dict[str, Any] = {}
    smallest: list[float] = []
    halves: list[float] = []
    drifts: list[float] = []
    for k, name in enumerate(names):
        p, change = fractions[:, k], late[:, k] - early[:, k]  # whole numbers: equal ones are
        entry: dict[str, Any] = {"population": float(p.mean())}
        if groups > 1:
            error = float(p.std(ddof=1) / groups**0.5)
            mean = float(p.mean())
            total = frames * groups
            variance = mean * (1 - mean)
            effective = min(total, variance / error**2) if error > 0 else None
            middle = groups // 2
            first, second = float(p[:middle].mean()), float(p[middle:].mean())
            entry |= {
                "standard_error": error,
                "effective_samples": effective,
                "statistical_inefficiency": total / effective if effective else None,
                "first_half": first,
                "second_half": second,
            }
            if third:
                entry["first_third"] = float(early[:, k].mean()) / (third * each)
                entry["last_third"] = float(late[:, k].mean()) / (third * each)
            # A basin that no group or every group sees alike says nothing about sampling
            if effective is not None:
                smallest.append(effective)
                spread = float(p.std(ddof=1)) * (1 / middle + 1 / (groups - middle)) ** 0.5
                halves.append(abs(first - second) / spread)
            if (spread := float(change.std(ddof=1)) / groups**0.5) > 0:
                drifts.append(abs(float(change.mean())) / spread)
        basins[name] = entry
    return {
        "groups": groups,
        "frames": frames * groups,
        "basins": basins,
        "effective_samples": min(smallest, default=None),
        "halves_z": max(halves, default=None),
        "drift_z": max(drifts, default=None),
    }


def _sums(counts: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Over moments, [groups, basins]."""
    sums: NDArray[np.int64] = counts.sum(0, dtype=np.int64)
    return sums


def inefficiency(values: NDArray[np.float64]) -> float:
    """Frames that count for one independent one: g = 1 + 2 sum_k (1 - k/n) C(k) / C(0).

    The sum ends where the autocorrelation first is negative (Chodera et al. 2007, J. Chem. Theory
    Comput. 3, 26); deviations are from the mean of all chains, so that chains which are stuck in
    different places count as correlated. What takes longer than the chains last is not seen: g is
    too small then.

    Args:
        values: [frames, chains] of something that changes, such as 1 inside of a basin.
    """
    n = len(values)
    deviation = values - values.mean()
    spectrum = np.abs(np.fft.rfft(deviation, 2 * n, axis=0)) ** 2
    sums = np.fft.irfft(spectrum, axis=0)[:n].sum(1)  # of n - k products of each chain
    correlation = sums / sums[0]  # with the factor 1 - k/n
    negative = np.flatnonzero(correlation < 0)
    last = negative[0] if len(negative) else n
    return float(1 + 2 * correlation[1:last].sum())
