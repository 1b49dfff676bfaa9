"""What a model must know of its molecule beside its weights: beads, scale, and the stiff modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.system import System
from molgen.md.system.beads import BeadMapping

STIFF = 0.12
"""A pair of beads whose distance varies less than this share of the data's scale is stiff."""


@dataclass(frozen=True)
class Statistics:
    """A molecule (or test system) as a model sees it; stored in the checkpoint's meta.json.

    Attributes:
        system: name of the system.
        mapping: the beads.
        kT: thermal energy of the data, kJ/mol (reduced units for test systems).
        scale: standard deviation of one coordinate about the centre, nm: a model sees (x - offset)
            / scale.
        offset: `[dims]`, nm: zero for molecules, whose own centre is taken out instead.
        centred: whether the centre of each frame is taken out.
        pairs: `[P, 2]` stiff pairs of beads.
        mean: `[P]` mean distance of each, in units of `scale`.
        modes: `[P, K]` stiff modes z = modes^T (r - mean): uncorrelated in the data, and white
            under white noise on the beads, so that noise sigma adds exactly sigma^2 to the
            variance of each (to first order).
        variance: `[K]` of each mode in the data, in units of `scale` squared.
    """

    system: str
    mapping: BeadMapping
    kT: float
    scale: float
    offset: tuple[float, ...]
    centred: bool
    pairs: tuple[tuple[int, int], ...]
    mean: tuple[float, ...]
    modes: tuple[tuple[float, ...], ...]
    variance: tuple[float, ...]

    @classmethod
    def measure(cls, system: System, mapping: BeadMapping, x: Tensor) -> Self:
        """The statistics of training frames `x`: `[frames, beads, dims]` nm.

        Raises:
            UsageError: a frame is not finite, or the frames do not fit the mapping.
        """
        if x.ndim != 3 or x.shape[1:] != (len(mapping), system.dims):
            raise UsageError(
                f"frames of shape {tuple(x.shape)} do not fit {system.name}/{mapping.name}: "
                f"expected [frames, {len(mapping)}, {system.dims}]"
            )
        bad = ~torch.isfinite(x).flatten(1).all(1)
        if bad.any():
            raise UsageError(
                f"training frames of {system.name}: frame {int(bad.nonzero()[0])} is not finite "
                f"({int(bad.sum())} of {len(x)} such frames); remove them from the data"
            )
        x = x.double()
        offset = torch.zeros(system.dims) if system.free else x.mean((0, 1))
        x = x - (x.mean(1, keepdim=True) if system.free else offset)
        free = x[0].numel() - (system.dims if system.free else 0)
        scale = float(torch.sqrt(x.square().sum() / (len(x) * free)))
        pairs, mean, modes, variance = stiff_modes(x / scale)
        return cls(
            system=system.name,
            mapping=mapping,
            kT=system.kT,
            scale=scale,
            offset=tuple(offset.tolist()),
            centred=system.free,
            pairs=tuple((a, b) for a, b in pairs.tolist()),
            mean=tuple(mean.tolist()),
            modes=tuple(tuple(row) for row in modes.tolist()),
            variance=tuple(variance.tolist()),
        )

    def normalise(self, x: Tensor) -> Tensor:
        """nm -> the model's units: `[n, beads, dims]`."""
        if self.centred:
            return (x - x.mean(1, keepdim=True)) / self.scale
        # filled, not `new_tensor`: torch.compile loses tensor literals in the body of a loop
        offset = torch.stack([x.new_full((), value) for value in self.offset])
        return (x - offset) / self.scale

    def restore(self, y: Tensor) -> Tensor:
        """The model's units -> nm: `[n, beads, dims]`."""
        return y * self.scale + y.new_tensor(self.offset)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {**vars(self), "mapping": self.mapping.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From `to_dict`, also after JSON."""
        plain: dict[str, Any] = {
            name: tuple(tuple(v) if isinstance(v, list) else v for v in value)
            if isinstance(value, list)
            else value
            for name, value in values.items()
        }
        plain["mapping"] = BeadMapping.from_dict(values["mapping"])
        return cls(**plain)


def stiff_modes(y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Stiff pairs `[P, 2]`, mean distances `[P]`, modes `[P, K]`, variances `[K]` of frames `y`.

    With C the covariance of the stiff distances in the data and M = <J J^T>, J = dr/dy, their
    covariance under white noise of unit width on every bead, the modes solve C W = M W
    diag(variance), W^T M W = 1. Distances that determine each other (a rigid ring) make M
    singular; its null space is left out.
    """
    pairs = torch.combinations(torch.arange(y.shape[1]), 2)
    arrows = y[:, pairs[:, 0]] - y[:, pairs[:, 1]]
    distances = arrows.norm(dim=-1)
    stiff = (distances - distances.mean(0)).square().mean(0) < STIFF**2
    pairs, distances = pairs[stiff], distances[:, stiff]
    units = arrows[:, stiff] / distances[..., None]
    incidence = y.new_zeros(len(pairs), y.shape[1])
    incidence[torch.arange(len(pairs)), pairs[:, 0]] = 1.0
    incidence[torch.arange(len(pairs)), pairs[:, 1]] = -1.0
    overlap = torch.einsum("npd,nqd->pq", units, units) / len(y)
    M = overlap * (incidence @ incidence.T)
    mean = distances.mean(0)
    deviation = distances - mean
    C = deviation.T @ deviation / len(y)
    strength, U = torch.linalg.eigh(M)
    keep = strength > 1e-3 * strength.max() if len(pairs) else strength > 0
    whiten = U[:, keep] / strength[keep].sqrt()
    variance, V = torch.linalg.eigh(whiten.T @ C @ whiten)
    return pairs, mean, whiten @ V, variance.clamp_min(1e-8)
