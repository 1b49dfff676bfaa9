"""One record of a Tripos MOL2 file to a molecule, with the charges that its atom types say."""

from rdkit import Chem

_TYPE = "_TriposAtomType"


def molecule_of_mol2(text: str, sanitize: bool) -> Chem.Mol | None:
    """The molecule of a MOL2 record, or None if it cannot be read (or sanitised).

    RDKit finds charges from hydrogens, and takes a record without them, or with polar ones alone,
    for one of radicals. There, charges follow from the types (ammonium N.4, carboxylate O.co2,
    guanidinium C.cat) and from four bonds at a nitrogen; hydrogens from what valences leave.
    """
    molecule = Chem.MolFromMol2Block(text, sanitize=False, removeHs=False)
    if molecule is None:
        return None
    bare = all(atom.GetAtomicNum() != 1 for atom in molecule.GetAtoms())
    for atom in molecule.GetAtoms():
        if bare:
            atom.SetFormalCharge(_charge(atom))
            if _is_pyrrole_like(atom):
                atom.SetNumExplicitHs(1)
        if bare or atom.GetAtomicNum() == 6:
            atom.SetNoImplicit(False)
            atom.SetNumRadicalElectrons(0)
    failed = sanitize and Chem.SanitizeMol(molecule, catchErrors=True)
    return None if failed else molecule


def _charge(atom: Chem.Atom) -> int:
    """The charge of an atom in a record without hydrogens."""
    kind = atom.GetProp(_TYPE)
    if kind == "N.4" or _four_bonds(atom) or _is_guanidinium(atom):
        return 1
    by_a_cation = any(_four_bonds(other) for other in atom.GetNeighbors())
    if kind == "O.co2" or (atom.GetAtomicNum() == 8 and by_a_cation):
        return atom.GetFormalCharge()  # -1 of the oxygen with a single bond
    return 0


def _four_bonds(atom: Chem.Atom) -> bool:
    """Whether it is a nitrogen with four bonds, not that of N-methylpyrrole."""
    orders = [bond.GetBondTypeAsDouble() for bond in atom.GetBonds()]
    pyrrole_like = 1.5 in orders and atom.GetProp(_TYPE) == "N.pl3"
    return atom.GetAtomicNum() == 7 and sum(orders) == 4 and not pyrrole_like


def _is_guanidinium(atom: Chem.Atom) -> bool:
    """Whether it is the nitrogen that the double bond of a guanidinium was given to."""
    return atom.GetAtomicNum() == 7 and any(
        bond.GetBondType() == Chem.BondType.DOUBLE
        and bond.GetOtherAtom(atom).GetProp(_TYPE) == "C.cat"
        for bond in atom.GetBonds()
    )


def _is_pyrrole_like(atom: Chem.Atom) -> bool:
    bonds = [bond.GetBondType() for bond in atom.GetBonds()]
    return atom.GetProp(_TYPE) == "N.pl3" and bonds == [Chem.BondType.AROMATIC] * 2
