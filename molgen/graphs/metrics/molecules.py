"""Distances of two sets of molecules: FCD, NSPDK, distributions of properties, scaffolds."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

import molgen
from molgen.arrays import read_arrays, write_arrays
from molgen.chem.labelled import labelled_smiles
from molgen.chem.profile import PROFILED, profile
from molgen.graphs.metrics.metric import Metric, wasserstein
from molgen.graphs.metrics.nspdk import distance_of_means, features
from molgen.graphs.metrics.scaffolds import Scaffolds, scaffold_coverage, scaffold_similarity

Progress = Callable[[str, int, int], None]
"""Called now and then: (stage, done, target)."""

_REPORT_EVERY = 500


@dataclass(frozen=True)
class Molecules:
    """A set of molecules as its metrics see it: one row each, worked out when first asked for.

    Attributes:
        smiles: [molecules] canonical, without stereo.
        kept: folder where what takes long is kept for the next time, under `name`; none if None.
        name: of the files.
        device: where ChemNet runs.
        progress: told how far it is.
    """

    smiles: Sequence[str]
    kept: Path | None = None
    name: str = "molecules"
    device: str = "cpu"
    progress: Progress | None = None

    def __len__(self) -> int:
        return len(self.smiles)

    @cached_property
    def features(self) -> csr_matrix:
        """[molecules, columns] NSPDK features."""
        return features(labelled_smiles(text) for text in self.smiles)

    @property
    def properties(self) -> Mapping[str, NDArray[np.float64]]:
        """[molecules] each: logp; qed; sa; weight, amu; heavy_atoms."""
        return self._profiles[0]

    @property
    def scaffolds(self) -> Scaffolds:
        """[molecules] SMILES of the scaffold, empty where there is none."""
        return self._profiles[1]

    @cached_property
    def activations(self) -> NDArray[np.float32]:
        """[molecules, 512] what ChemNet makes of them, for the FCD."""
        from molgen.graphs.metrics import fcd  # torch, and a network

        options: Any = {"device": self.device, "progress": self.progress}
        if self.kept is None:
            return fcd.activations(self.smiles, **options)
        return fcd.cached_activations(self.smiles, self._file("chemnet"), **options)

    @cached_property
    def _profiles(self) -> tuple[dict[str, NDArray[np.float64]], Scaffolds]:
        if self.kept is None:
            return self._profiled()
        path = self._file("profiles")
        identity = np.frombuffer(self._identity.encode(), np.uint8)
        if path.exists():
            kept = read_arrays(path)
            if np.array_equal(kept.pop("identity", np.zeros(0, np.uint8)), identity):
                return kept, _lines(kept.pop("scaffolds"))
        values, scaffolds = self._profiled()
        text = np.frombuffer("\n".join(scaffolds).encode(), np.uint8)
        write_arrays(path, {**values, "scaffolds": text, "identity": identity})
        return values, scaffolds

    def _profiled(self) -> tuple[dict[str, NDArray[np.float64]], Scaffolds]:
        found = []
        for index, text in enumerate(self.smiles):
            if self.progress and index % _REPORT_EVERY == 0:
                self.progress("properties", index, len(self.smiles))
            found.append(profile(text))
        if self.progress:
            self.progress("properties", len(self.smiles), len(self.smiles))
        return (
            {name: np.array([one.properties[name] for one in found]) for name in PROFILED},
            np.array([one.scaffold for one in found], dtype=object),
        )

    @property
    def _identity(self) -> str:
        crc32 = zlib.crc32("\n".join(self.smiles).encode())
        return f"{crc32} {len(self.smiles)} {','.join(PROFILED)} {molgen.__version__}"

    def _file(self, what: str) -> Path:
        assert self.kept is not None
        return self.kept / f"{self.name}-{what}.npz"


def _lines(text: NDArray[np.uint8]) -> Scaffolds:
    return np.array(text.tobytes().decode().split("\n"), dtype=object)


def _frechet_distance(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    from molgen.graphs.metrics import fcd  # torch, and a network

    return fcd.frechet_distance(x, y)


def _property(name: str) -> Metric[Molecules, NDArray[np.float64]]:
    return Metric(lambda molecules: molecules.properties[name], wasserstein)


FCD: Metric[Molecules, NDArray[np.float32]] = Metric(
    lambda molecules: molecules.activations,
    _frechet_distance,
)
NSPDK: Metric[Molecules, csr_matrix] = Metric(lambda m: m.features, distance_of_means)

PROPERTIES = {name: _property(name) for name in PROFILED}
"""Wasserstein-1 distances of distributions: logP, QED, SA score, weight (amu), heavy atoms."""

SCAFFOLDS: Mapping[str, Metric[Molecules, Scaffolds]] = {
    "similarity": Metric(lambda m: m.scaffolds, scaffold_similarity, most=1.0),
    "coverage": Metric(lambda m: m.scaffolds, scaffold_coverage, most=1.0),
}
"""Here more is better: 1 is the same as the reference, its floor is what real molecules reach."""
