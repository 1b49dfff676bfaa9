"""Drawn molecules as text: what a SMILES of any quality spells, and how to spell what was drawn."""

from rdkit import Chem, rdBase

from molgen.chem.reading import flattened
from molgen.chem.validity import Validity, check
from molgen.chem.vocabulary import AtomType
from molgen.errors import UsageError


def check_smiles(text: str) -> Validity:
    """How the molecule of a SMILES stands, as it is written: nothing is repaired.

    Stereo, isotopes and written hydrogens are dropped from what passes, as molecules of graphs have
    none.
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(text, sanitize=False) if text else None
        if mol is None:
            return Validity(None, 0, False, "not a SMILES" if text else "empty line")
        mol.UpdatePropertyCache(strict=False)
        found = check(mol)
        if found.sanitised is None:
            return found
        flat, _, _ = flattened(found.sanitised)
        return Validity(Chem.RemoveHs(flat), found.parts, found.uncorrected, found.reason)


def sanitised(smiles: str) -> Chem.Mol:
    """The molecule that a SMILES spells.

    Raises:
        UsageError: it spells none.
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise UsageError(f"'{smiles}' is no molecule")
    return mol


def spelled(mol: Chem.Mol) -> str:
    """A SMILES of a molecule that may be impossible, to be read with `sanitize=False`."""
    copy = Chem.Mol(mol)
    copy.UpdatePropertyCache(strict=False)
    return str(Chem.MolToSmiles(copy, canonical=False))


def atom_types(mol: Chem.Mol) -> set[AtomType]:
    """Elements and charges of a molecule's heavy atoms."""
    return {AtomType(atom.GetSymbol(), atom.GetFormalCharge()) for atom in mol.GetAtoms()}
