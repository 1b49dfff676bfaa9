"""How many drawn molecules are valid, connected, unique and new, by each definition in use."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from molgen.chem.molecules import MolecularGraph
from molgen.chem.validity import check_graph
from molgen.chem.writing import smiles_of
from molgen.graphs.graph_set import GraphSet
from molgen.graphs.metrics.metric import Measured
from molgen.graphs.metrics.shares import share


@dataclass(frozen=True)
class Counts:
    """Shares of a set of drawn molecules.

    Attributes:
        valid: that pass RDKit's sanitisation, of all.
        valid_and_connected: that are moreover in one piece, of all.
        uncorrected: whose valences fit, connected or not: GDSS's validity without correction.
        unique: distinct molecules among the valid and connected ones.
        novel: of the distinct ones, those that are not among the training molecules.
        usable: valid, connected, distinct and not among the training molecules, of all.
    """

    valid: Measured
    valid_and_connected: Measured
    uncorrected: Measured
    unique: Measured
    novel: Measured
    usable: Measured

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Drawn:
    """Drawn molecules after the checks.

    Attributes:
        n: how many were drawn.
        valid: how many pass sanitisation.
        uncorrected: how many GDSS would count as valid without correction.
        smiles: canonical SMILES of the valid and connected ones, in order.
        reasons: of every other one, why not, by its place in the set.
    """

    n: int
    valid: int
    uncorrected: int
    smiles: tuple[str, ...]
    reasons: dict[int, str]

    @classmethod
    def check(cls, graphs: GraphSet) -> "Drawn":
        """The checks of every molecule of a set, as it was drawn: nothing is repaired."""
        vocabulary = graphs.vocabulary
        valid = uncorrected = 0
        smiles: list[str] = []
        reasons: dict[int, str] = {}
        for index in range(len(graphs)):
            found = check_graph(MolecularGraph(*graphs.graph(index)), vocabulary)
            valid += found.valid
            uncorrected += found.uncorrected
            if found.sanitised is not None and found.valid_and_connected:
                smiles.append(smiles_of(found.sanitised))
            else:
                reasons[index] = found.reason
        return cls(len(graphs), valid, uncorrected, tuple(smiles), reasons)

    def counts(self, known: Collection[str]) -> Counts:
        """The shares, with the canonical SMILES of the training molecules known."""
        distinct = set(self.smiles)
        novel = len(distinct) - len(distinct.intersection(known))
        return Counts(
            valid=share(self.valid, self.n),
            valid_and_connected=share(len(self.smiles), self.n),
            uncorrected=share(self.uncorrected, self.n),
            unique=share(len(distinct), len(self.smiles)),
            novel=share(novel, len(distinct)),
            usable=share(novel, self.n),
        )
