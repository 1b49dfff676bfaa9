"""What a model of many peptides must know beside its weights: sizes, and how they depend on them.

Mean distances and volumes are sums of what the residues and the ends contribute, fitted by least
squares to the peptides at hand, so that a pair of residues that was never seen has its own as well;
how the nearly fixed ones vary about these is shared by all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.coordinates import PAIRS, STIFF, Internal, Present
from molgen.md.peptides.sequence import AMINO_ACIDS, Peptide
from molgen.md.peptides.slots import SLOTS

LETTERS = "".join(AMINO_ACIDS)

RIDGE = 0.3
"""Strength of the prior that a residue is like the others, in peptides."""

THIN = 0.02
"""The least variance of a direction of the Gaussian, which a residue more or less may not undo."""

RANK = 0.01
"""Share of the strongest combination below which one is determined by others: around planes the
angles are, and what is left of them is of second order."""

MEASURED = 4000
"""Frames of each case that are looked at: means are known to a hundredth of their spread."""

JACOBIANS = 200
"""Frames of each peptide whose derivatives are taken."""


@dataclass(frozen=True)
class Case:
    """A peptide at a temperature."""

    peptide: Peptide
    temperature_K: float


@dataclass(frozen=True)
class Sizes:
    """What is known in closed form of one case, in units of the scale; S stiff coordinates.

    Attributes:
        mean: `[S]` of the stiff coordinates.
        modes: `[S, S]` combinations of them, uncorrelated in the data and white under white noise
            on the beads; a column of zeros stands for what the others determine.
        variance: `[S]` of each mode in the data.
        spread: `[S]` variance of each stiff coordinate in the data.
        blur: `[S]` what white noise of unit width adds to it.
        basis: `[beads, beads]` directions of the Gaussian with the mean squared distances.
        spectrum: `[beads]` variance along each, one where the centre lies.
    """

    mean: Tensor
    modes: Tensor
    variance: Tensor
    spread: Tensor
    blur: Tensor
    basis: Tensor
    spectrum: Tensor

    @classmethod
    def unknown(cls, present: Present) -> Self:
        """Zeros of the right shapes."""
        S, beads = len(present.stiff), len(present.slots)
        square = {"modes": S, "basis": beads}
        long = {"mean": S, "variance": S, "spread": S, "blur": S, "spectrum": beads}
        return cls(
            **{name: torch.zeros(n, n) for name, n in square.items()},
            **{name: torch.zeros(n) for name, n in long.items()},
        )

    def padded(self, present: Present) -> Sizes:
        """The same on all slots; what is not there adds nothing to an energy."""
        stiff, slots = torch.tensor(present.stiff), torch.tensor(present.slots)

        def put(values: Tensor, where: Tensor, size: int, fill: float) -> Tensor:
            whole = values.new_full((size,) * values.ndim, fill)
            if values.ndim == 1:
                whole[where] = values
            else:
                whole[where[:, None], where] = values
            return whole

        return Sizes(
            mean=put(self.mean, stiff, STIFF, 0.0),
            modes=put(self.modes, stiff, STIFF, 0.0),
            variance=put(self.variance, stiff, STIFF, 1.0),
            spread=put(self.spread, stiff, STIFF, 1.0),
            blur=put(self.blur, stiff, STIFF, 1.0),
            basis=put(self.basis, slots, SLOTS, 0.0),
            spectrum=put(self.spectrum, slots, SLOTS, 1.0),
        )


@dataclass(frozen=True)
class PeptideStatistics:
    """Sizes of all peptides; stored in the checkpoint's meta.json.

    Attributes:
        scale: standard deviation of one coordinate about the centre, nm.
        temperature_K: that of the wanted ensemble; variances grow in proportion.
        contributions: `[design, S + pairs]` to the mean of each stiff coordinate and to the mean
            squared distance of each pair.
        covariance: `[S, S]` of the stiff coordinates about their means.
        overlap: `[S, S]`, <J J^T> of their derivatives: their covariance under unit noise.
        peptides: that were measured.
        temperatures_K: lowest and highest that was measured.
    """

    scale: float
    temperature_K: float
    contributions: Tensor
    covariance: Tensor
    overlap: Tensor
    peptides: tuple[str, ...]
    temperatures_K: tuple[float, float]

    @classmethod
    def measure(cls, frames: Iterable[tuple[Case, Tensor]], temperature_K: float) -> Self:
        """Those of frames `[n, beads, 3]` nm of the backbones of peptides at temperatures.

        Raises:
            UsageError: there are none at `temperature_K`.
        """
        cases = [(case, _thinned(x).double()) for case, x in frames]
        cases = [(case, x - x.mean(1, keepdim=True)) for case, x in cases]
        wanted = [x for case, x in cases if abs(case.temperature_K - temperature_K) < 0.5]
        if not wanted:
            raise UsageError(f"peptides: no frames at {temperature_K:g} K to measure sizes of")
        each = [x.square().sum((1, 2)).mean() / (3 * x.shape[1] - 3) for x in wanted]
        scale = float(torch.stack(each).mean().sqrt())
        design = torch.stack([_design(case, temperature_K) for case, _ in cases])
        share = torch.tensor([1 / sum(c.peptide == k.peptide for k, _ in cases) for c, _ in cases])
        targets, present = _targets([(case.peptide, x / scale) for case, x in cases])
        contributions = _fitted(design, targets, present, share.double())
        covariance, overlap = _pooled(
            [(case, x / scale) for case, x in cases],
            (design @ contributions)[:, :STIFF],
            temperature_K,
        )
        temperatures = [case.temperature_K for case, _ in cases]
        return cls(
            scale=scale,
            temperature_K=temperature_K,
            contributions=contributions,
            covariance=covariance,
            overlap=overlap,
            peptides=tuple(dict.fromkeys(case.peptide.text for case, _ in cases)),
            temperatures_K=(min(temperatures), max(temperatures)),
        )

    def of(self, case: Case) -> Sizes:
        """Those of a case, float32, by the contributions of its residues."""
        present = Present.of(Backbone.of(case.peptide))
        means = _design(case, self.temperature_K) @ self.contributions
        stiff = torch.tensor(present.stiff)
        warmth = case.temperature_K / self.temperature_K
        modes, variance = _modes(
            self.covariance[stiff[:, None], stiff], self.overlap[stiff[:, None], stiff]
        )
        basis, spectrum = _gaussian(means[STIFF:], present)
        sizes = Sizes(
            mean=means[:STIFF][stiff],
            modes=modes,
            variance=variance * warmth,
            spread=self.covariance.diagonal()[stiff] * warmth,
            blur=self.overlap.diagonal()[stiff],
            basis=basis,
            spectrum=spectrum,
        )
        return Sizes(**{name: value.float() for name, value in vars(sizes).items()})

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {
            name: value.tolist() if isinstance(value, Tensor) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From `to_dict`, also after JSON."""
        tables = ("contributions", "covariance", "overlap")
        low, high = values["temperatures_K"]
        return cls(
            **{
                **values,
                **{name: torch.tensor(values[name], dtype=torch.float64) for name in tables},
                "peptides": tuple(values["peptides"]),
                "temperatures_K": (low, high),
            }
        )


def _thinned(x: Tensor) -> Tensor:
    """At most `MEASURED` of some frames, every so many-th."""
    return x[:: -(-len(x) // MEASURED)]


def _design(case: Case, temperature_K: float) -> Tensor:
    """What contributes: a constant, the residue at each place, the ends, and the temperature."""
    row = torch.zeros(2 * len(LETTERS) + 5, dtype=torch.float64)
    for place, letter in enumerate(case.peptide.residues):
        row[place * len(LETTERS) + LETTERS.index(letter)] = 1.0
    ends = [case.peptide.acetyl, case.peptide.amide, len(case.peptide) == 1]
    row[-5:-2] = torch.tensor(ends, dtype=torch.float64)
    row[-2] = case.temperature_K / temperature_K - 1
    row[-1] = 1.0
    return row


def _targets(frames: list[tuple[Peptide, Tensor]]) -> tuple[Tensor, Tensor]:
    """`[cases, S + pairs]` means of stiff coordinates and squared distances; which there are."""
    targets = torch.zeros(len(frames), STIFF + len(PAIRS), dtype=torch.float64)
    there = torch.zeros(targets.shape, dtype=torch.bool)
    for row, (peptide, y) in enumerate(frames):
        backbone = Backbone.of(peptide)
        present, internal = Present.of(backbone), Internal(backbone)
        pairs = [STIFF + pair for pair in present.pairs]
        targets[row, list(present.stiff)] = internal.stiff_of(y).mean(0)
        targets[row, pairs] = internal.distances(y).square().mean(0)
        there[row, [*present.stiff, *pairs]] = True
    return targets, there


def _fitted(design: Tensor, targets: Tensor, present: Tensor, share: Tensor) -> Tensor:
    """`[design, targets]` contributions by least squares, each target where it is present."""
    ridge = RIDGE * torch.eye(design.shape[1], dtype=torch.float64)
    ridge[-1, -1] = 1e-9  # the constant is free: what was never seen is like the average
    found = []
    for target, there in zip(targets.T, present.T, strict=True):
        A, b, w = design[there], target[there], share[there, None]
        if not len(b):
            found.append(design.new_zeros(design.shape[1]))
            continue
        found.append(torch.linalg.solve(A.T @ (w * A) + ridge, A.T @ (w[:, 0] * b)))
    return torch.stack(found, dim=1)


def _pooled(
    frames: list[tuple[Case, Tensor]], means: Tensor, temperature_K: float
) -> tuple[Tensor, Tensor]:
    """`[S, S]` covariance about the fitted means, brought to one temperature, and overlap.

    Each entry is the mean over the cases that have both coordinates.
    """
    covariance, overlap, count = (torch.zeros(STIFF, STIFF, dtype=torch.float64) for _ in range(3))
    for (case, y), mean in zip(frames, means, strict=True):
        backbone = Backbone.of(case.peptide)
        internal, stiff = Internal(backbone), torch.tensor(Present.of(backbone).stiff)
        deviation = internal.stiff_of(y) - mean[stiff]
        some = y[:: -(-len(y) // JACOBIANS)]
        J = internal.derivatives(some).flatten(2)
        here = (stiff[:, None], stiff)
        covariance[here] += deviation.T @ deviation / len(y) * temperature_K / case.temperature_K
        overlap[here] += (J @ J.mT).mean(0)
        count[here] += 1
    return covariance / count.clamp_min(1), overlap / count.clamp_min(1)


def _modes(C: Tensor, M: Tensor) -> tuple[Tensor, Tensor]:
    """Modes `[S, S]` and variances `[S]` with C W = M W diag(variance), W^T M W = 1.

    What other coordinates determine, to first order, becomes columns of zeros.
    """
    strength, U = torch.linalg.eigh(M)
    keep = strength > RANK * strength.max()
    whiten = U[:, keep] / strength[keep].sqrt()
    found, V = torch.linalg.eigh(whiten.T @ C @ whiten)
    modes, variance = torch.zeros_like(M), torch.ones_like(strength)
    modes[:, : len(found)], variance[: len(found)] = whiten @ V, found.clamp_min(1e-8)
    return modes, variance


def _gaussian(squares: Tensor, present: Present) -> tuple[Tensor, Tensor]:
    """Directions and variances of the Gaussian with these mean squared distances `[pairs]`."""
    count = len(present.slots)
    place = {slot: k for k, slot in enumerate(present.slots)}
    D2 = torch.zeros(count, count, dtype=torch.float64)
    for number in present.pairs:
        a, b = (place[slot] for slot in PAIRS[number])
        D2[a, b] = D2[b, a] = squares[number]
    centring = torch.eye(count, dtype=torch.float64) - 1 / count
    spectrum, basis = torch.linalg.eigh(-centring @ D2 @ centring / 6)
    centre = basis.sum(0).abs().argmax()
    spectrum = spectrum.clamp_min(THIN)
    spectrum[centre] = 1.0
    return basis, spectrum
