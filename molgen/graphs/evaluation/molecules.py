"""Judges drawn molecules against the molecules of a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from molgen.chem.smiles_files import smiles_rows
from molgen.errors import UsageError
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.evaluation.judge import Checked, Distributions, Entry, chosen, require_kind
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.metrics.counts import Drawn
from molgen.graphs.metrics.metric import Metric
from molgen.graphs.metrics.molecules import (
    FCD,
    NSPDK,
    PROPERTIES,
    SCAFFOLDS,
    Molecules,
    Progress,
)

USUAL = 10_000
"""Molecules drawn if nobody says how many: as many as in published evaluations."""

_DRAWN = "Of all that were drawn"
_DISTINCT = "Of those that are molecules"
_DISTANCES = "Distance from the test molecules"
_PROPERTIES = "Distributions, Wasserstein-1 distance"
_SCAFFOLDS = "Scaffolds of two rings or more"

ENTRIES: Mapping[str, Entry] = {
    "uncorrected": Entry("valences fit (GDSS: valid without correction)", _DRAWN, True, True),
    "valid": Entry("valid (RDKit's sanitisation)", _DRAWN, True, True),
    "valid_and_connected": Entry("valid and connected", _DRAWN, True, True),
    "usable": Entry("valid, connected, unique and novel", _DRAWN, True, True),
    "unique": Entry("unique", _DISTINCT, True, True),
    "novel": Entry("novel, of the unique ones", _DISTINCT, True, True),
    "fcd": Entry("FCD", _DISTANCES),
    "nspdk": Entry("NSPDK MMD²", _DISTANCES),
    "logp": Entry("logP", _PROPERTIES),
    "qed": Entry("QED", _PROPERTIES),
    "sa": Entry("SA score", _PROPERTIES),
    "weight": Entry("weight (amu)", _PROPERTIES),
    "heavy_atoms": Entry("heavy atoms", _PROPERTIES),
    "similarity": Entry("similarity (cosine of counts)", _SCAFFOLDS, True),
    "coverage": Entry("coverage of those of the test set", _SCAFFOLDS, True, True),
}

METRICS: Mapping[str, Metric[Molecules, Any]] = {
    "fcd": FCD,
    "nspdk": NSPDK,
    **PROPERTIES,
    **SCAFFOLDS,
}


@dataclass(frozen=True)
class MoleculeJudge:
    """Judges molecules; see `Judge`.

    Attributes:
        data: the data set.
        options: how much is compared.
        kept: folder for what is worked out once for a data set.
        device: where ChemNet runs.
        progress: told how far it is.
    """

    data: DataFolder
    options: EvaluateTable
    kept: Path
    device: str = "cpu"
    progress: Progress | None = None

    kind, noun = "molecules", "molecules"
    entries = ENTRIES
    metrics = METRICS
    headline = ("valid_and_connected", "fcd", "nspdk")
    usual = USUAL
    identity = ""

    @cached_property
    def test(self) -> Molecules:
        """Of the test set."""
        return self._part("test", self.options.reference)

    @cached_property
    def pool(self) -> Molecules:
        """Of the training set."""
        return self._part("train", self.options.pool)

    def _part(self, part: str, most: int) -> Molecules:
        smiles = self.data.smiles(part)
        indices = chosen(len(smiles), most)
        few = [smiles[index] for index in indices]
        return Molecules(few, self.kept, f"{part}-{len(few)}", self.device, self.progress)

    @cached_property
    def known(self) -> frozenset[str]:
        """Canonical SMILES of every training molecule."""
        return frozenset(self.data.smiles("train"))

    def read(self, path: Path, count: int | None) -> Checked:
        """Of a file of SMILES, or of graphs (.npz)."""
        if path.suffix == ".npz":
            graphs = GraphSet.load(path)
            require_kind(graphs, self.data, str(path))
            return self.check(graphs.take(range(min(len(graphs), count or len(graphs)))))
        rows = smiles_rows(path)[:count]
        if not rows:
            raise UsageError(f"{path}: is empty")
        return self._checked(Drawn.read(rows), str(path))

    def check(self, drawn: GraphSet) -> Checked:
        """Of drawn graphs."""
        return self._checked(Drawn.check(drawn), "drawn molecules")

    def _checked(self, drawn: Drawn, where: str) -> Checked:
        known = self.data.train.vocabulary.atoms
        outside = {atom: n for atom, n in drawn.atoms.items() if atom not in known}
        atom = max(outside, key=lambda one: outside[one], default=None)
        if atom is not None and 2 * outside[atom] > len(drawn.smiles):
            raise UsageError(
                f"{where}: {outside[atom]} of {len(drawn.smiles)} molecules have {atom}, which no "
                f"molecule of {self.data.meta['name']} has; name the data set they are of (--data)"
            )
        shares = dict(vars(drawn.counts(self.known)))
        items = Molecules(drawn.smiles, device=self.device, progress=self.progress)
        strange = [
            f"Molecules with {one}, which none of the data has: {n:,}."
            for one, n in outside.items()
        ]
        return Checked(drawn.n, shares, items, len(items), drawn.smiles, drawn.rejected, strange)

    def distributions(self, items: Molecules) -> Distributions:
        """Every property."""
        return items.properties

    def remarks(self, checked: Checked) -> list[str]:
        """On novelty, memorisation, atoms outside the vocabulary, and leaks of the data."""
        novel, test = checked.shares["novel"].value, set(self.data.smiles("test"))
        leaked = len(test & self.known)
        return [
            f"{100 * novel:.1f} % of the distinct molecules are not among the {len(self.known):,} "
            "distinct ones of the training set.",
            *_memorised(set(checked.items.smiles), self.known, test - self.known),
            f"{leaked:,} of the {len(test):,} distinct test molecules are also in the training "
            "set.",
            *checked.remarks,
        ]


def _memorised(drawn: Set[str], known: Set[str], unseen: Set[str]) -> list[str]:
    """How often molecules were drawn that training saw, and others of the same kind."""
    if not known or not unseen:
        return []

    def share(those: Set[str]) -> str:
        hits, n = len(drawn & those), len(those)
        error = math.sqrt(max(1, hits * (1 - hits / n))) / n
        return f"{100 * hits / n:.2f} ± {100 * error:.2f} %"

    return [
        f"{share(known)} of the training molecules were drawn, and {share(unseen)} of the test "
        "molecules that are not among them: the first would be more if it were memorisation."
    ]
