"""How many drawn molecules are valid, connected, unique and new, by each definition in use."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from molgen.chem.molecules import MolecularGraph, molecule_of
from molgen.chem.smiles_files import Row
from molgen.chem.spelled import atom_types, check_smiles, spelled
from molgen.chem.validity import Validity
from molgen.chem.vocabulary import AtomType
from molgen.chem.writing import smiles_of
from molgen.graphs.checks import checked
from molgen.graphs.data.graph_set import GraphSet
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


@dataclass(frozen=True)
class Rejected:
    """A drawn molecule that is not valid and connected.

    Attributes:
        number: its place in the set, from 0.
        reason: why.
        smiles: as it was drawn; of text that is no SMILES, the text.
    """

    number: int
    reason: str
    smiles: str


@dataclass(frozen=True)
class Drawn:
    """Drawn molecules after the checks.

    Attributes:
        n: how many were drawn.
        valid: how many pass sanitisation.
        uncorrected: how many GDSS would count as valid without correction.
        smiles: canonical SMILES of the valid and connected ones, in order.
        rejected: every other one.
        atoms: how many of the valid and connected ones have each type of atom.
    """

    n: int
    valid: int
    uncorrected: int
    smiles: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    atoms: Mapping[AtomType, int]

    @classmethod
    def check(cls, graphs: GraphSet) -> "Drawn":
        """The checks of every molecule of a set, as it was drawn: nothing is repaired."""
        vocabulary = graphs.vocabulary

        def drawn(graph: MolecularGraph, found: Validity) -> str:
            return "" if found.valid_and_connected else spelled(molecule_of(graph, vocabulary))

        return cls._of((found, drawn(graph, found)) for graph, found in checked(graphs))

    @classmethod
    def read(cls, rows: Sequence[Row]) -> "Drawn":
        """The checks of every row of a file of SMILES; reasons name the line."""

        def lines() -> Iterator[tuple[Validity, str]]:
            for row in rows:
                found = check_smiles(row.text)
                reason = found.reason and f"line {row.line}: {found.reason}"
                yield replace(found, reason=reason), row.text

        return cls._of(lines())

    @classmethod
    def _of(cls, checked: Iterator[tuple[Validity, str]]) -> "Drawn":
        """From how each stands and, of those that are rejected, how they were drawn."""
        n = valid = uncorrected = 0
        smiles: list[str] = []
        rejected: list[Rejected] = []
        atoms: Counter[AtomType] = Counter()
        for number, (found, drawn) in enumerate(checked):
            n += 1
            valid += found.valid
            uncorrected += found.uncorrected
            if found.molecule is not None:
                smiles.append(smiles_of(found.molecule))
                atoms.update(atom_types(found.molecule))
            else:
                rejected.append(Rejected(number, found.reason, drawn))
        return cls(n, valid, uncorrected, tuple(smiles), tuple(rejected), dict(atoms))

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
