"""Distances of two sets of molecules: NSPDK, distributions of properties, scaffolds.

FCD, which runs a network, is in `molgen.graphs.fcd`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import wasserstein_distance

from molgen.chem.profile import PROFILED, profile
from molgen.graphs.metrics.metric import Metric
from molgen.graphs.metrics.nspdk import distance_of_means, features
from molgen.graphs.metrics.scaffolds import Scaffolds, scaffold_coverage, scaffold_similarity

Progress = Callable[[str, int, int], None]
"""Called now and then: (stage, done, target)."""

_REPORT_EVERY = 500


@dataclass(frozen=True)
class MoleculeRows:
    """A set of molecules as its metrics see it: one row each.

    Attributes:
        features: [molecules, columns] NSPDK features.
        properties: [molecules] each: logp; qed; sa; weight, amu.
        scaffolds: [molecules] SMILES of the scaffold.
    """

    features: csr_matrix
    properties: Mapping[str, NDArray[np.float64]]
    scaffolds: Scaffolds

    def __len__(self) -> int:
        return len(self.scaffolds)

    @classmethod
    def of(cls, smiles: Sequence[str], progress: Progress | None = None) -> "MoleculeRows":
        """Those of SMILES: 10,000 molecules of QM9 take half a minute.

        Raises:
            UsageError: one of them is no valid molecule.
        """
        found = []
        for index, text in enumerate(smiles):
            if progress and index % _REPORT_EVERY == 0:
                progress("molecules", index, len(smiles))
            found.append(profile(text))
        if progress:
            progress("molecules", len(smiles), len(smiles))
        return cls(
            features(one.labelled for one in found),
            {name: np.array([one.properties[name] for one in found]) for name in PROFILED},
            np.array([one.scaffold for one in found], dtype=object),
        )

    def take(self, indices: NDArray[np.integer]) -> "MoleculeRows":
        """The molecules at these indices, in this order."""
        properties = {name: values[indices] for name, values in self.properties.items()}
        return MoleculeRows(self.features[indices], properties, self.scaffolds[indices])


def earth_mover(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Wasserstein-1 distance of two sets of numbers, in their unit."""
    return float(wasserstein_distance(x, y))


def _property(name: str) -> Metric[MoleculeRows, NDArray[np.float64]]:
    return Metric(lambda molecules: molecules.properties[name], earth_mover)


NSPDK: Metric[MoleculeRows, csr_matrix] = Metric(lambda m: m.features, distance_of_means)

PROPERTIES = {name: _property(name) for name in PROFILED}
"""Wasserstein-1 distances of the distributions of logP, QED, SA score and weight (amu)."""

SCAFFOLDS: Mapping[str, Metric[MoleculeRows, Scaffolds]] = {
    "similarity": Metric(lambda m: m.scaffolds, scaffold_similarity),
    "coverage": Metric(lambda m: m.scaffolds, scaffold_coverage),
}
"""Here more is better: 1 is the same as the reference, its floor is what real molecules reach."""
