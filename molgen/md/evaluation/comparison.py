"""How good a set of samples is: every metric against a reference, with floors and intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.stats import wasserstein_distance

from molgen.errors import UsageError
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.floors import Measured, measure, measure_norm
from molgen.md.evaluation.free_energy import basin_counts, log_ratio, populations, profile
from molgen.md.evaluation.metrics import (
    Plane,
    bin_digitised,
    bin_inside,
    count,
    joint_limits,
    js_from_counts,
    pmf_from_counts,
    wasserstein_from_counts,
)
from molgen.md.system.collective import Basin

W1_BINS = 4000
"""Bins from which floors of W1 are drawn; the value itself is exact."""


def measure_plane(
    samples: Ensemble,
    reference: Ensemble,
    plane: Plane,
    *,
    pool: np.ndarray | None = None,
    repeats: int = 100,
    generator: torch.Generator,
) -> dict[str, Measured]:
    """{"js": nats, "pmf": (kT)^2} of samples against reference, each with its floor.

    Args:
        samples: Points [n, d] and perhaps chain labels.
        reference: Points [N, d] and perhaps chain labels.
        plane: Coordinates and bins.
        pool: All reference points there are [M, d]; with M >= n + N floors come from it alone.
        repeats: Draws for floors and bootstraps.
        generator: Source of randomness.

    Raises:
        UsageError: An empty set or one of other coordinates.
        MolgenError: A frame that is not finite.
    """
    a, b = plane.check(samples.points, "samples"), plane.check(reference.points, "reference")
    spare = None if pool is None else plane.check(pool, "pool")
    limits, axes = joint_limits(a, b), len(plane.names)
    binnings = {
        "js": (js_from_counts, bin_inside, limits, plane.js_bins),
        "pmf": (pmf_from_counts, bin_digitised, plane.limits, plane.pmf_bins),
    }
    return {
        name: measure(
            distance,
            count(binned(a, box, bins), bins**axes, samples.chains),
            count(binned(b, box, bins), bins**axes, reference.chains),
            pool=None if spare is None else count(binned(spare, box, bins), bins**axes),
            repeats=repeats,
            generator=generator,
        )
        for name, (distance, binned, box, bins) in binnings.items()
    }


def measure_lengths(
    values: np.ndarray,
    reference: np.ndarray,
    *,
    chains: np.ndarray | None = None,
    reference_chains: np.ndarray | None = None,
    repeats: int = 100,
    generator: torch.Generator,
) -> Measured:
    """W1 distance between values [n] and reference [N], in their unit, with its floor.

    The value is scipy's exact one; floor and uncertainty come from 4000 bins over the joint range.
    """
    box = joint_limits(values[:, None], reference[:, None])
    p = count(bin_inside(values[:, None], box, W1_BINS), W1_BINS, chains)
    q = count(bin_inside(reference[:, None], box, W1_BINS), W1_BINS, reference_chains)
    seen = np.flatnonzero(p.reshape(-1, W1_BINS).sum(0) + q.reshape(-1, W1_BINS).sum(0))
    return measure_norm(
        wasserstein_from_counts(np.linspace(*box[0], W1_BINS)[seen]),
        p[..., seen],
        q[..., seen],
        value=float(wasserstein_distance(values, reference)),
        repeats=repeats,
        generator=generator,
    )


def compare_basins(
    samples: Ensemble,
    reference: Ensemble,
    plane: Plane,
    basins: Sequence[Basin],
    kT: float,
    *,
    energy_unit: str = "kJ/mol",
    confidence: float = 0.95,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Populations, and free energies of each basin relative to the first, of both ensembles.

    Returns:
        "populations": basin -> {"samples", "reference"} -> interval; "differences": a list of
        F_basin - F_first in `energy_unit` as {"samples", "reference", "error"} -> interval, where
        error is samples - reference.
    """
    options: dict[str, Any] = {"confidence": confidence, "generator": generator}
    counts = {
        name: basin_counts(e.points, plane.names, basins, e.chains)
        for name, e in (("samples", samples), ("reference", reference))
    }
    shares = {name: populations(c, **options) for name, c in counts.items()}
    differences = []
    for k, basin in enumerate(basins[1:], start=1):
        a, b = (log_ratio(c, k, 0, **options).scaled(kT) for c in counts.values())
        differences.append(
            {
                "basin": basin.name,
                "relative_to": basins[0].name,
                "unit": energy_unit,
                "samples": a.to_dict(),
                "reference": b.to_dict(),
                "error": a.minus(b).to_dict(),
            }
        )
    return {
        "confidence": confidence,
        "populations": {
            basin.name: {name: share[k].to_dict() for name, share in shares.items()}
            for k, basin in enumerate(basins)
        },
        "differences": differences,
    }


def compare(
    samples: Ensemble,
    reference: Ensemble,
    plane: Plane,
    kT: float,
    *,
    energy_unit: str = "kJ/mol",
    basins: Sequence[Basin] = (),
    pool: np.ndarray | None = None,
    geometry: Ensemble | None = None,
    repeats: int = 100,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Everything that is measured of samples against a reference, as plain data for JSON.

    Args:
        samples: A model's frames.
        reference: Held-out frames of the truth.
        plane: Coordinates and bins; see `ensemble.plane_of`.
        kT: Thermal energy, in `energy_unit`.
        energy_unit: Of free energies; see `ensemble.thermal`.
        basins: Boxes for free energy differences, each against the first.
        pool: All reference points there are [M, d], for floors; they may include `reference`.
        geometry: Reference of bonds and angles, where fewer frames have them than points.
        repeats: Draws for floors and bootstraps.
        generator: Source of randomness.

    Returns:
        "plane", "n", "reference_n", "kT"; "metrics": {"js" in nats, "pmf" in (kT)^2} each as
        `floors.Measured`; "basins" as `compare_basins`; "profiles": coordinate -> {"samples",
        "reference"} -> `free_energy.Profile`; "distances" (nm) and "angles" (rad): name -> W1 as
        `floors.Measured` with "mean" and "sd" of both sets.

    Raises:
        UsageError: An empty set, other coordinates, or bonds the reference has not.
        MolgenError: A frame that is not finite.
    """
    metrics = measure_plane(
        samples, reference, plane, pool=pool, repeats=repeats, generator=generator
    )
    result: dict[str, Any] = {
        "plane": plane.to_dict(),
        "n": len(samples.points),
        "reference_n": len(reference.points),
        "correlated": {
            "samples": samples.chains is not None,
            "reference": reference.chains is not None,
        },
        "kT": kT,
        "energy_unit": energy_unit,
        "metrics": {name: measured.to_dict() for name, measured in metrics.items()},
        "profiles": {
            name: {
                which: profile(
                    e.points[:, k], plane.limits[k], chains=e.chains, generator=generator
                ).to_dict()
                for which, e in (("samples", samples), ("reference", reference))
            }
            for k, name in enumerate(plane.names)
        },
    }
    if basins:
        result["basins"] = compare_basins(
            samples, reference, plane, basins, kT, energy_unit=energy_unit, generator=generator
        )
    geometry = reference if geometry is None else geometry
    for kind in ("distances", "angles"):
        ours, theirs = getattr(samples, kind), getattr(geometry, kind)
        if set(ours) != set(theirs):
            odd = sorted(set(ours) ^ set(theirs))[0]
            raise UsageError(f"compare: only one of the two sets has {kind[:-1]} '{odd}'")
        result[kind] = {
            name: _internal_coordinate(ours[name], theirs[name], samples, geometry, generator)
            for name in ours
        }
    return result


def _internal_coordinate(
    ours: np.ndarray,
    theirs: np.ndarray,
    samples: Ensemble,
    reference: Ensemble,
    generator: torch.Generator,
) -> dict[str, Any]:
    """W1 of one bond or angle, with mean and spread of both sets."""
    w1 = measure_lengths(
        ours,
        theirs,
        chains=samples.chains,
        reference_chains=reference.chains,
        generator=generator,
    )
    moments = {
        which: {"mean": float(x.mean(dtype=np.float64)), "sd": float(x.std(dtype=np.float64))}
        for which, x in (("samples", ours), ("reference", theirs))
    }
    return {"w1": w1.to_dict(), **moments}
