"""The consistency certificate: do the samples and the simulation of one model agree?

A diffusion model gives independent samples and, through its score, forces. Both describe the same
distribution only if the model solves the Fokker-Planck equation; the certificate measures by how
much they differ, against the noise of the frames at hand.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from molgen.md.evaluation.comparison import measure_plane
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.floors import Measured
from molgen.md.evaluation.free_energy import Interval, basin_counts, log_ratio
from molgen.md.evaluation.metrics import Plane
from molgen.md.system.collective import Basin

SIGNIFICANT = 3.0
"""Standard deviations from the floor at which a gap counts as seen (1 in 740 by chance)."""


@dataclass(frozen=True)
class BasinGap:
    """F_basin - F_relative_to: of the simulation, of the samples, and their gap.

    The interval of the gap holds for all basins together (Bonferroni).
    """

    basin: str
    relative_to: str
    simulation: Interval
    iid: Interval
    gap: Interval

    @property
    def consistent(self) -> bool:
        """Whether the gap's interval contains zero; False if either never visited the basin."""
        return self.gap.low is not None and self.gap.low <= 0 <= (self.gap.high or 0.0)


@dataclass(frozen=True)
class ConsistencyCertificate:
    """Independent samples and simulation of one model, compared.

    Attributes:
        js: Jensen-Shannon divergence between the two, nats.
        pmf: PMF error between the two, (kT)^2.
        basins: Free energy gaps.
        confidence: Of the basin intervals, all together.
        energy_unit: Of the basins' free energies.
    """

    js: Measured
    pmf: Measured
    basins: tuple[BasinGap, ...]
    confidence: float
    energy_unit: str = "kJ/mol"

    @property
    def consistent(self) -> bool:
        """Whether no difference stands out of the noise."""
        quiet = max(self.js.z, self.pmf.z) < SIGNIFICANT
        return quiet and all(gap.consistent for gap in self.basins)

    @property
    def resolution(self) -> float:
        """The smallest PMF gap, (kT)^2, that these frames would have shown: 3 null deviations."""
        return SIGNIFICANT * self.pmf.null_sd

    @property
    def verdict(self) -> str:
        """One sentence: consistent within noise, or what differs and by how much."""
        if self.consistent:
            return (
                f"Consistent within noise: at {self.pmf.n:,} samples and {self.pmf.reference_n:,} "
                f"simulation frames a PMF gap above {self.resolution:.2g} (kT)² would have shown."
            )
        parts = [
            f"{name} gap {m.debiased:.2g} ± {m.sd:.1g} {unit} above the noise floor"
            for name, m, unit in (("PMF", self.pmf, "(kT)²"), ("JS", self.js, "nats"))
            if m.z >= SIGNIFICANT
        ]
        parts += [
            f"{g.basin} off by {g.gap.value:+.2f} {self.energy_unit}".replace("-", "−")
            if g.gap.value is not None
            else f"{g.basin} or {g.relative_to} never visited by one of the two"
            for g in self.basins
            if not g.consistent
        ]
        return f"They differ: {'; '.join(parts)}."

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with verdict and resolution."""
        return {
            "verdict": self.verdict,
            "consistent": self.consistent,
            "resolution": self.resolution,
            "confidence": self.confidence,
            "energy_unit": self.energy_unit,
            "js": self.js.to_dict(),
            "pmf": self.pmf.to_dict(),
            "basins": [{**asdict(gap), "consistent": gap.consistent} for gap in self.basins],
        }


def certify(
    iid: Ensemble,
    simulation: Ensemble,
    plane: Plane,
    kT: float,
    *,
    energy_unit: str = "kJ/mol",
    basins: Sequence[Basin] = (),
    confidence: float = 0.99,
    repeats: int = 200,
    generator: torch.Generator,
) -> ConsistencyCertificate:
    """The certificate of a model's independent samples and the frames of its simulation.

    Args:
        iid: Samples of the reverse process.
        simulation: Frames of a simulation with the model's forces; label the chains.
        plane: Coordinates and bins.
        kT: Thermal energy, in `energy_unit`.
        energy_unit: Of free energies; see `ensemble.thermal`.
        basins: Boxes for free energy differences, each against the first.
        confidence: Of the basin intervals, all together.
        repeats: Draws for floors and bootstraps.
        generator: Source of randomness.

    Raises:
        UsageError: An empty set or other coordinates.
        MolgenError: A frame that is not finite.
    """
    metrics = measure_plane(iid, simulation, plane, repeats=repeats, generator=generator)
    each = 1 - (1 - confidence) / max(len(basins) - 1, 1)
    counts = [basin_counts(e.points, plane.names, basins, e.chains) for e in (simulation, iid)]
    gaps = []
    for k, basin in enumerate(basins[1:], start=1):
        theirs, ours = (
            log_ratio(c, k, 0, confidence=each, generator=generator).scaled(kT) for c in counts
        )
        gaps.append(BasinGap(basin.name, basins[0].name, theirs, ours, theirs.minus(ours)))
    return ConsistencyCertificate(
        metrics["js"], metrics["pmf"], tuple(gaps), confidence, energy_unit
    )
