"""Samples as metrics see them: collective variables, bond lengths, angles, chain labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from molgen.errors import UsageError
from molgen.md.evaluation.metrics import RAMACHANDRAN, Plane
from molgen.md.geometry import angles, bonded_triples, distances
from molgen.md.system import System
from molgen.md.system.beads import BeadMapping
from molgen.md.system.collective import collective


@dataclass(frozen=True)
class Ensemble:
    """Samples of one source as the numbers that metrics look at.

    Attributes:
        points: Collective variables [n, coordinates], rad for dihedrals.
        chains: Label [n] of the chain each frame comes from, where frames are correlated.
        distances: Name -> bond lengths [n] in nm.
        angles: Name -> bond angles [n] in rad.
    """

    points: np.ndarray
    chains: np.ndarray | None = None
    distances: Mapping[str, np.ndarray] = field(default_factory=dict)
    angles: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the chain labels.

        Raises:
            UsageError: Not one label a frame, or a single chain.
        """
        if self.chains is None:
            return
        if np.shape(self.chains) != (len(self.points),):
            raise UsageError(
                f"chain labels: shape {np.shape(self.chains)} for {len(self.points)} frames"
            )
        if np.min(self.chains) == np.max(self.chains):
            raise UsageError(
                "chain labels: all frames are of one chain, which gives no error estimate; label "
                "blocks of it (np.arange(n) * blocks // n) or leave the labels out"
            )

    @classmethod
    def from_positions(
        cls,
        positions: np.ndarray | torch.Tensor,
        variables: Mapping[str, Sequence[int]],
        mapping: BeadMapping | None = None,
        chains: np.ndarray | None = None,
    ) -> "Ensemble":
        """The ensemble of positions [n, beads, dims] in nm.

        Args:
            positions: Conformers, as many beads as `mapping` has.
            variables: Collective variable -> bead indices (four: a dihedral; one: a coordinate).
            mapping: Beads and bonds; without it no bonds and angles are measured.
            chains: Label of each frame [n].

        Raises:
            UsageError: The beads are not those of `mapping`.
        """
        x = torch.as_tensor(positions)
        points = torch.stack([collective(x, atoms) for atoms in variables.values()], dim=-1)
        if mapping is None:
            return cls(points.numpy(force=True), chains)
        if x.shape[1] != len(mapping):
            raise UsageError(
                f"conformers have {x.shape[1]} beads, the mapping '{mapping.name}' {len(mapping)}"
            )
        labels = [bead.label for bead in mapping.beads]
        lengths = distances(x, mapping.bonds).numpy(force=True)
        triples = bonded_triples(mapping.bonds)
        bends = angles(x, triples).numpy(force=True)
        return cls(
            points.numpy(force=True),
            chains,
            {f"{labels[i]} - {labels[j]}": lengths[:, k] for k, (i, j) in enumerate(mapping.bonds)},
            {
                f"{labels[i]} - {labels[j]} - {labels[m]}": bends[:, k]
                for k, (i, j, m) in enumerate(triples)
            },
        )

    def thinned(self, count: int) -> "Ensemble":
        """At most `count` of the frames, spread over all of them; the same at each call."""
        if count >= len(self.points):
            return self
        index = evenly(len(self.points), count)
        return Ensemble(
            self.points[index],
            None if self.chains is None else self.chains[index],
            {name: values[index] for name, values in self.distances.items()},
            {name: values[index] for name, values in self.angles.items()},
        )

    def without_geometry(self) -> "Ensemble":
        """The same frames without bonds and angles."""
        return Ensemble(self.points, self.chains)


def evenly(total: int, count: int | None) -> np.ndarray:
    """Ascending indices of at most `count` of `total` frames, the same at each call; all if None.

    A random choice: every how-many-th frame could be always of the same few chains.
    """
    if count is None or count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(0).choice(total, count, replace=False))


def blocks(total: int, count: int = 20) -> np.ndarray:
    """Labels [total] of `count` blocks of one long chain, for errors that know of correlation."""
    return np.arange(total) * count // max(total, 1)


def bead_variables(system: System, mapping: BeadMapping) -> dict[str, tuple[int, ...]]:
    """The system's compared collective variables as bead indices of a mapping.

    Raises:
        UsageError: A variable needs an atom that the mapping drops.
    """
    if not system.free:  # a test system's variables are coordinates, not atoms
        return system.compared
    place = {atom: bead for bead, atom in enumerate(mapping.atoms)}
    variables = {}
    for name, atoms in system.compared.items():
        missing = [system.atoms.beads[atom].label for atom in atoms if atom not in place]
        if missing:
            raise UsageError(
                f"{name} of system {system.name} needs atom {missing[0]}, which the bead mapping "
                f"'{mapping.name}' has not: use a mapping with all of its atoms"
            )
        variables[name] = tuple(place[atom] for atom in atoms)
    return variables


def thermal(system: System) -> tuple[float, str]:
    """(kT, its unit) for free energies: kJ/mol of a molecule, multiples of kT of a test system."""
    return (system.kT, "kJ/mol") if system.free else (1.0, "kT")


def plane_of(system: System) -> Plane:
    """The plane in which samples of a system are compared, with the published bins.

    Dihedrals: 64 bins over the circle; plain coordinates: 100 for JS, 64 for the PMF, over the
    system's limits (ScoreMD's choices for alanine dipeptide and Mueller-Brown).

    Raises:
        UsageError: Dihedrals mixed with coordinates, none at all, or a coordinate without limits.
    """
    variables, given = system.compared, system.definition.limits
    kinds = {len(atoms) for atoms in variables.values()}
    if kinds == {4}:
        return replace(
            RAMACHANDRAN,
            names=tuple(variables),
            limits=tuple(RAMACHANDRAN.limits[0] for _ in variables),
        )
    if kinds != {1} or any(name not in given for name in variables):
        raise UsageError(
            f"system {system.name}: comparing samples needs collective variables that are all "
            "dihedrals, or all coordinates with [limits]"
        )
    return Plane(tuple(variables), tuple(given[name] for name in variables), js_bins=100)
