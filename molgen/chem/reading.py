"""Files of SMILES to molecular graphs; every line that cannot be one is listed with its reason."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from molgen.chem.molecules import MolecularGraph, atoms_of, bonds_of, typed_atoms_and_bonds
from molgen.chem.smiles_files import Row
from molgen.chem.vocabulary import AROMATIC_BONDS, BONDS, AtomType, Vocabulary
from molgen.errors import UsageError

Progress = Callable[[str, int, int], None]
"""Called now and then: (stage, lines done, lines)."""

Property = Callable[[Chem.Mol], float]

_REPORT_EVERY = 1000


@dataclass(frozen=True)
class Skipped:
    """A line that became no graph.

    Attributes:
        line: Counted from 1, as an editor does.
        text: What stands there.
        reason: A kind of reason, perhaps a colon and details.
    """

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """What a file of SMILES holds.

    Attributes:
        vocabulary: The one given, or every atom type of the file, most frequent first.
        graphs: The molecules as graphs, in the order of the file.
        smiles: Canonical SMILES of each, without stereo and isotopes.
        rows: [graphs] int64, row of each molecule in the file, from 0.
        labels: [graphs] float32 each: the properties asked for.
        atom_counts: How often each atom type of the vocabulary occurs.
        skipped: Every other line.
        lines: Rows in all.
        with_stereo: Molecules whose stereo was dropped.
        with_isotopes: Molecules whose isotope labels were dropped.
    """

    vocabulary: Vocabulary
    graphs: Sequence[MolecularGraph]
    smiles: Sequence[str]
    rows: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.float32]]
    atom_counts: Mapping[str, int]
    skipped: Sequence[Skipped]
    lines: int
    with_stereo: int
    with_isotopes: int

    @property
    def skipped_by_kind(self) -> dict[str, int]:
        """How many lines were skipped for each kind of reason, most frequent first."""
        return dict(Counter(one.reason.partition(":")[0] for one in self.skipped).most_common())


class TooManySkipped(UsageError):
    """A file of which too large a share cannot be used, or nothing at all.

    Attributes:
        where: The file.
        skipped: Its lines that cannot be used, and why.
    """

    def __init__(self, message: str, where: str, skipped: Sequence[Skipped]) -> None:
        super().__init__(message)
        self.where = where
        self.skipped = skipped


def read_molecules(
    rows: Sequence[Row],
    *,
    where: str,
    vocabulary: Vocabulary | None = None,
    aromatic: bool = False,
    at_least: int = 1,
    max_atoms: int | None = None,
    allowed: float = 0.05,
    properties: Mapping[str, Property] | None = None,
    progress: Progress | None = None,
) -> Reading:
    """The molecules of a file of SMILES as graphs.

    Args:
        rows: What `molgen.chem.smiles_files.smiles_rows` reads.
        where: The file, as messages name it.
        vocabulary: Molecules with other atoms are skipped; measured from the file if None.
        aromatic: For a measured vocabulary: aromatic bonds explicit.
        at_least: For a measured vocabulary: atom types rarer than this are left out of it.
        max_atoms: Molecules with more heavy atoms are skipped.
        allowed: Share of lines that may be skipped.
        properties: Labels to compute, name to function of the sanitised molecule.
        progress: Told how far it is.

    Raises:
        UsageError: there are no rows.
        TooManySkipped: a larger share is skipped than allowed, or no molecule is left.
    """
    if vocabulary is not None:
        aromatic = vocabulary.has_aromatic
    drafts: list[_Draft] = []
    met: dict[tuple[str, int], int] = {}  # atom types in the order they are met
    skipped: list[Skipped] = []
    with rdBase.BlockLogs():
        for done, row in enumerate(rows):
            if progress and done % _REPORT_EVERY == 0:
                progress("reading", done, len(rows))
            try:
                mol, stereo, isotopes = flattened(_parsed(row.text, max_atoms))
                keys, bonds = typed_atoms_and_bonds(mol, aromatic=aromatic)
            except UsageError as error:
                skipped.append(Skipped(row.line, row.text, str(error)))
                continue
            atoms = np.array([met.setdefault(key, len(met)) for key in keys], np.int16)
            values = [function(mol) for function in (properties or {}).values()]
            smiles = Chem.MolToSmiles(mol)
            drafts.append(_Draft(row, smiles, atoms, bonds, values, stereo, isotopes))
    if progress:
        progress("reading", len(rows), len(rows))
    _refuse_if_too_many(where, skipped, len(rows), allowed)

    types = [AtomType(*key) for key in met]
    if vocabulary is None:
        vocabulary = _measured(types, drafts, where, at_least, aromatic)
    place = np.array([_place(atom, vocabulary) for atom in types], np.int8)
    kept: list[_Draft] = []
    graphs: list[MolecularGraph] = []
    for draft in drafts:
        typed = place[draft.atoms]
        if (outside := draft.atoms[typed < 0]).size:
            reason = f"atom {types[outside[0]]} is not in the vocabulary"
            skipped.append(Skipped(draft.row.line, draft.row.text, reason))
            continue
        kept.append(draft)
        graphs.append(MolecularGraph(typed, draft.bonds))
    _refuse_if_too_many(where, skipped, len(rows), allowed)
    counts = np.zeros(len(vocabulary.atoms), np.int64)
    for graph in graphs:
        counts += np.bincount(graph.atoms, minlength=len(counts))
    return Reading(
        vocabulary,
        graphs,
        [draft.smiles for draft in kept],
        np.array([draft.row.row for draft in kept], np.int64),
        {
            name: np.array([draft.values[k] for draft in kept], np.float32)
            for k, name in enumerate(properties or {})
        },
        dict(zip(map(str, vocabulary.atoms), counts.tolist(), strict=True)),
        sorted(skipped, key=lambda one: one.line),
        len(rows),
        sum(draft.stereo for draft in kept),
        sum(draft.isotopes for draft in kept),
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A molecule before the vocabulary is known: atoms as indices into the types met so far."""

    row: Row
    smiles: str
    atoms: NDArray[np.int16]
    bonds: NDArray[np.int8]
    values: list[float]
    stereo: bool
    isotopes: bool


def _parsed(text: str, max_atoms: int | None) -> Chem.Mol:
    """The sanitised molecule of a SMILES, connected and of the right size."""
    if not text:
        raise UsageError("empty line")
    mol = Chem.MolFromSmiles(text)
    if mol is None:
        raise UsageError(_why_not(text))
    if mol.GetNumHeavyAtoms() == 0:
        raise UsageError("no heavy atoms")
    parts = len(Chem.GetMolFrags(mol))
    if parts > 1:
        raise UsageError(f"disconnected: {parts} parts (a salt or a mixture)")
    if max_atoms is not None and mol.GetNumHeavyAtoms() > max_atoms:
        raise UsageError(f"too large: {mol.GetNumHeavyAtoms()} heavy atoms, at most {max_atoms}")
    if any(atom.GetAtomicNum() == 0 for atom in atoms_of(mol)):
        raise UsageError("no molecule: * stands for any atom")
    return mol


def _why_not(text: str) -> str:
    mol = Chem.MolFromSmiles(text, sanitize=False)
    if mol is None:
        return "not a SMILES"
    try:
        Chem.SanitizeMol(mol)
    except Chem.MolSanitizeException as error:
        return " ".join(f"impossible chemistry: {error}".split())
    return "impossible chemistry"


def flattened(mol: Chem.Mol) -> tuple[Chem.Mol, bool, bool]:
    """The molecule without stereo, isotopes and atom numbers; whether it had stereo, isotopes."""
    atoms = atoms_of(mol)
    stereo = any(atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED for atom in atoms) or any(
        bond.GetStereo() != Chem.BondStereo.STEREONONE for bond in bonds_of(mol)
    )
    isotopes = any(atom.GetIsotope() for atom in atoms)
    Chem.RemoveStereochemistry(mol)
    for atom in atoms:
        atom.SetIsotope(0)
        atom.SetAtomMapNum(0)
    return Chem.RemoveHs(mol) if isotopes else mol, stereo, isotopes  # deuterium was an atom


def _refuse_if_too_many(where: str, skipped: list[Skipped], lines: int, allowed: float) -> None:
    if not lines:
        raise UsageError(f"{where}: is empty")
    if len(skipped) <= allowed * lines and len(skipped) < lines:
        return
    first = min(skipped, key=lambda one: one.line)
    text = first.text if len(first.text) <= 60 else f"{first.text[:57]}..."
    raise TooManySkipped(
        f"{where}: {len(skipped)} of {lines} lines cannot be used, more than the share of "
        f"{allowed:g} that is allowed; first: line {first.line}: {first.reason} ('{text}')",
        where,
        sorted(skipped, key=lambda one: one.line),
    )


def _measured(
    types: list[AtomType], drafts: list[_Draft], where: str, at_least: int, aromatic: bool
) -> Vocabulary:
    """Every atom type at least so frequent, the most frequent first."""
    counts = np.zeros(len(types), np.int64)
    for draft in drafts:
        counts += np.bincount(draft.atoms, minlength=len(types))
    order = sorted(range(len(types)), key=lambda k: (-counts[k], types[k]))
    atoms = tuple(types[k] for k in order if counts[k] >= at_least)
    if not atoms:
        raise UsageError(f"{where}: no atom type occurs {at_least} times or more")
    return Vocabulary(atoms, AROMATIC_BONDS if aromatic else BONDS)


def _place(atom: AtomType, vocabulary: Vocabulary) -> int:
    return vocabulary.atoms.index(atom) if atom in vocabulary.atoms else -1
