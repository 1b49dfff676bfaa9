"""Atom types of receptors without hydrogens, against those of the same molecules with them."""

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from molgen.chem.receptor import Kind, Receptor
from molgen.chem.vina_ligand import ligand_types
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import VinaType


def receptor(atoms, positions) -> Receptor:
    """Of (element number, atom name, residue name, residue number) and Å."""
    elements, names, residues, numbers = zip(*atoms, strict=True)
    count = max(numbers) + 1
    return Receptor(
        "test",
        np.asarray(positions, float) / 10,
        np.array(elements),
        names,
        residues,
        np.array(numbers),
        tuple(f"A:{k}" for k in range(count)),
        np.full(len(names), Kind.PROTEIN),
        (),
        Path("test.pdb"),
    )


def of_molecule(mol: Chem.Mol, residue: str | None = None) -> Receptor:
    """Its heavy atoms where ETKDG puts them; named as in the PDB, or as one unknown residue."""
    full = Chem.AddHs(mol)
    assert rdDistGeom.EmbedMolecule(full, randomSeed=7) == 0
    rdForceFieldHelpers.MMFFOptimizeMolecule(full)
    atoms = []
    for atom in mol.GetAtoms():
        label = atom.GetPDBResidueInfo()
        if residue is None:
            name, own, number = label.GetName(), label.GetResidueName(), label.GetResidueNumber()
            atoms.append((atom.GetAtomicNum(), name.strip(), own, number))
        else:
            atoms.append((atom.GetAtomicNum(), f"{atom.GetSymbol()}{atom.GetIdx()}", residue, 0))
    return receptor(atoms, full.GetConformer().GetPositions()[: mol.GetNumAtoms()])


def charged(mol: Chem.Mol) -> Chem.Mol:
    """Acids and lysine as they are in a protein."""
    charges = {"NZ": 1, "OD2": -1, "OE2": -1, "OXT": -1}
    for atom in mol.GetAtoms():
        name = atom.GetPDBResidueInfo().GetName().strip()
        if atom.GetSymbol() in "NO":
            atom.SetFormalCharge(charges.get(name, 0))
    Chem.SanitizeMol(mol)
    return mol


@pytest.mark.parametrize("sequence", ["GACDE", "FGIKL", "MNPQS", "TVWYR"])
def test_amino_acids_have_the_types_of_the_peptide_with_hydrogens(sequence):
    mol = charged(Chem.MolFromSequence(sequence))
    found, expected = receptor_types(of_molecule(mol)), ligand_types(mol)
    for atom, one, other in zip(mol.GetAtoms(), found, expected, strict=True):
        label = atom.GetPDBResidueInfo()
        place = (label.GetResidueName(), label.GetName().strip())
        if place in {("ARG", "NH1"), ("ARG", "NH2"), ("ARG", "NE")}:
            assert one == VinaType.N_D  # the cation, which is not drawn here
        elif label.GetResidueNumber() == 1 and place[1] == "N":
            assert one == VinaType.N_D  # the cation
        else:
            assert one == other, (place, VinaType(one).name, VinaType(other).name)


def test_both_nitrogens_of_histidine_give_and_take():
    mol = Chem.MolFromSequence("GHG")
    types = receptor_types(of_molecule(mol))
    names = [atom.GetPDBResidueInfo().GetName().strip() for atom in mol.GetAtoms()]
    assert types[names.index("ND1")] == types[names.index("NE2")] == VinaType.N_DA


@pytest.mark.parametrize(
    "smiles",
    [
        "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",  # glucose: hydroxyls and the ring's oxygen
        "CC(=O)NC1CCCCC1O",  # an amide
        "CN1CCCC1C#N",  # a nitrile takes
        "COP(=O)([O-])OC1CC1F",
        "[O-]C(=O)c1ccc(O)cc1Cl",
    ],
)
def test_cofactors_have_the_types_of_their_molecules(smiles):
    mol = Chem.MolFromSmiles(smiles)
    found, expected = receptor_types(of_molecule(mol, "LIG")), ligand_types(mol)
    tertiary = expected == VinaType.N_A
    tertiary &= [atom.GetDegree() == 3 for atom in mol.GetAtoms()]
    expected[tertiary] = VinaType.N_P  # three neighbours: whether it is flat is not looked at
    assert [VinaType(k).name for k in found] == [VinaType(k).name for k in expected]


def test_bases_of_nucleic_acids_by_their_names():
    atoms = [(7, "N1", "DA", 0), (7, "N6", "DA", 0), (7, "N9", "DA", 0), (8, "O2", "C", 1)]
    positions = [(10.0 * k, 0.0, 0.0) for k in range(len(atoms))]
    types = receptor_types(receptor(atoms, positions))
    assert types.tolist()[:3] == [VinaType.N_A, VinaType.N_D, VinaType.N_P]


def test_metals_give_and_waters_do_both():
    atoms = [(30, "ZN", "ZN", 0), (8, "O", "HOH", 1), (26, "FE", "HEM", 2), (7, "NA", "HEM", 2)]
    positions = [(0, 0, 0), (20, 0, 0), (40, 0, 0), (42, 0, 0)]
    types = receptor_types(receptor(atoms, positions))
    assert types.tolist() == [VinaType.MET, VinaType.O_DA, VinaType.MET, VinaType.N_P]
