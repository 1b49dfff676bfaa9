"""Whether a drawn molecule is one: each definition of validity in use, with the reason if not.

| name | what passes |
|---|---|
| valid | RDKit's full sanitisation of what was drawn |
| valid and connected | the same, and all atoms hang together |
| uncorrected | GDSS's "validity without correction": explicit valences fit, nothing else |
| repaired | everything: bonds are lowered until valences fit, then the largest part is kept |
"""

import re
from dataclasses import dataclass
from typing import Any

from rdkit import Chem, rdBase

from molgen.chem.molecules import MolecularGraph, molecule_of
from molgen.chem.vocabulary import Vocabulary

_LOWER = {
    Chem.BondType.TRIPLE: Chem.BondType.DOUBLE,
    Chem.BondType.DOUBLE: Chem.BondType.SINGLE,
    Chem.BondType.AROMATIC: Chem.BondType.SINGLE,
}
_ONE_MORE = {"N": 4, "O": 3, "S": 3}


@dataclass(frozen=True)
class Validity:
    """How a drawn molecule stands.

    Attributes:
        sanitised: The molecule, if sanitisation passes.
        parts: Connected parts; 0 if there are no atoms.
        uncorrected: Whether GDSS would count it as valid without correction.
        reason: Why it is not valid and connected; empty if it is.
    """

    sanitised: Chem.Mol | None
    parts: int
    uncorrected: bool
    reason: str

    @property
    def valid(self) -> bool:
        """Whether sanitisation passes, connected or not."""
        return self.sanitised is not None

    @property
    def molecule(self) -> Chem.Mol | None:
        """The molecule, if it is valid and connected."""
        return self.sanitised if self.parts == 1 else None

    @property
    def valid_and_connected(self) -> bool:
        """Whether it is one molecule."""
        return self.molecule is not None


@dataclass(frozen=True)
class Repaired:
    """A molecule made valid and connected.

    Attributes:
        molecule: Sanitised; None if nothing helps.
        lowered: Steps by which bond orders were lowered; a lost single bond is one.
        lost: Atoms of the parts that were dropped.
    """

    molecule: Chem.Mol | None
    lowered: int
    lost: int

    @property
    def changed(self) -> bool:
        """Whether it is another molecule than the one drawn."""
        return self.molecule is None or self.lowered > 0 or self.lost > 0


def check(mol: Chem.Mol, *, cations: bool = False) -> Validity:
    """How an unsanitised molecule stands; it is left as it is.

    RDKit's clean-up is part of sanitisation: a nitro group drawn with five-valent nitrogen passes.

    Args:
        mol: As drawn, such as by `molgen.chem.molecules.molecule_of`.
        cations: For `uncorrected` alone, GDSS's rule for vocabularies without charges: N, O and S
            with one bond too many count as cations.
    """
    if mol.GetNumAtoms() == 0:
        return Validity(None, 0, False, "no atoms")
    parts = len(Chem.GetMolFrags(mol))
    sanitised, reason = _sanitised(mol)
    if parts > 1:
        reason = f"{reason}; disconnected: {parts} parts".removeprefix("; ")
    return Validity(sanitised, parts, _has_possible_valences(mol, cations), reason)


def check_graph(graph: MolecularGraph, vocabulary: Vocabulary) -> Validity:
    """How a graph stands, as the molecule that it draws."""
    return check(molecule_of(graph, vocabulary), cations=not vocabulary.has_charges)


def repair(mol: Chem.Mol) -> Repaired:
    """The molecule after GDSS's correction: lower bonds until valences fit, keep the largest part.

    While an atom has too many bonds, its bond of the highest order is lowered by one, a single one
    removed; aromatic bonds that fit no Kekulé structure become single. Of the parts the one with
    the most atoms stays, the first if there are several. A valid, connected molecule comes back
    unchanged. Never use it silently: report how many molecules it changed.
    """
    with rdBase.BlockLogs():
        drawn, lowered = _kekulised(mol)
        while problems := Chem.DetectChemistryProblems(drawn):
            if (bond := _highest_bond(drawn, problems[0])) is None:
                return Repaired(None, lowered, 0)
            _lower(drawn, bond)
            lowered += 1
    parts = Chem.GetMolFrags(drawn, asMols=True, sanitizeFrags=False)
    largest = max(parts, key=lambda part: part.GetNumAtoms(), default=None)
    if largest is None:
        return Repaired(None, lowered, 0)
    sanitised, _ = _sanitised(largest)
    return Repaired(sanitised, lowered, mol.GetNumAtoms() - largest.GetNumAtoms())


def _sanitised(mol: Chem.Mol) -> tuple[Chem.Mol | None, str]:
    copy = Chem.Mol(mol)
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(copy)
    except Chem.MolSanitizeException as error:
        return None, " ".join(str(error).split())
    return copy, ""


def _has_possible_valences(mol: Chem.Mol, cations: bool) -> bool:
    with rdBase.BlockLogs():
        if _overbound(mol) is None:
            return True
        return cations and _overbound(_drawn_with_cations(mol)) is None


def _drawn_with_cations(mol: Chem.Mol) -> Chem.Mol:
    """The molecule drawn bond by bond, as GDSS and MoFlow do it.

    After each bond the first atom with too many, if it is N, O or S with one more than usual,
    becomes a cation. So it depends on the order of the atoms: O#O alone never becomes valid.
    """
    drawn = Chem.RWMol(mol)
    bonds = [(max(ends), min(ends), kind) for *ends, kind in _bonds(mol)]
    for i, j, _ in bonds:
        drawn.RemoveBond(i, j)
    for i, j, kind in sorted(bonds, key=lambda bond: bond[:2]):
        drawn.AddBond(i, j, kind)
        if (atom := _overbound(drawn)) is not None:
            orders = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
            if orders == _ONE_MORE.get(atom.GetSymbol()):
                atom.SetFormalCharge(1)
    return drawn


def _bonds(mol: Chem.Mol) -> list[tuple[int, int, Chem.BondType]]:
    return [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondType()) for b in mol.GetBonds()]


def _overbound(mol: Chem.Mol) -> Chem.Atom | None:
    """The first atom with more bonds than its element and charge allow, nothing cleaned up."""
    problems = Chem.DetectChemistryProblems(mol, sanitizeOps=Chem.SANITIZE_PROPERTIES)
    return mol.GetAtomWithIdx(problems[0].GetAtomIdx()) if problems else None


def _kekulised(mol: Chem.Mol) -> tuple[Chem.RWMol, int]:
    """A Kekulé structure; the aromatic bonds that fit into none are single, and counted."""
    drawn = Chem.RWMol(mol)
    lowered = 0
    while any(bond.GetIsAromatic() for bond in drawn.GetBonds()):
        drawn.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(drawn)
        whole = Chem.RWMol(drawn)
        try:
            Chem.Kekulize(whole, clearAromaticFlags=True)
        except Chem.MolSanitizeException as error:
            atoms = {int(word) for word in re.findall(r"\d+", str(error))}
        else:
            return whole, lowered
        aromatic = [bond for bond in drawn.GetBonds() if bond.GetIsAromatic()]
        touched = [b for b in aromatic if {b.GetBeginAtomIdx(), b.GetEndAtomIdx()} & atoms]
        for bond in touched or aromatic:
            _lower(drawn, bond)
            lowered += 1
    return drawn, lowered


def _highest_bond(mol: Chem.Mol, problem: Any) -> Chem.Bond | None:
    """Of the atom in trouble, the first bond of the highest order."""
    if not hasattr(problem, "GetAtomIdx"):
        return None
    bonds = mol.GetAtomWithIdx(problem.GetAtomIdx()).GetBonds()
    return max(bonds, key=lambda bond: bond.GetBondTypeAsDouble(), default=None)


def _lower(mol: Chem.RWMol, bond: Chem.Bond) -> None:
    ends = bond.GetBeginAtom(), bond.GetEndAtom()
    order = _LOWER.get(bond.GetBondType())
    if order is None:
        mol.RemoveBond(ends[0].GetIdx(), ends[1].GetIdx())
    else:
        bond.SetBondType(order)
        bond.SetIsAromatic(False)
    for atom in ends:
        atom.SetIsAromatic(any(bond.GetIsAromatic() for bond in atom.GetBonds()))
