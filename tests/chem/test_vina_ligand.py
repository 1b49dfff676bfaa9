"""AutoDock Vina's view of a ligand, against types known by hand and against Meeko."""

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.vina_ligand import flat_bonds, ligand_types, vina_ligand
from molgen.chem.vina_types import VinaType


def molecule(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


@pytest.mark.parametrize(
    ("smiles", "names"),
    [
        ("CC(=O)Nc1ccc(O)cc1", "C_H C_P O_A N_D C_P C_H C_H C_P O_DA C_H C_H"),  # paracetamol
        ("CN(C)C", "C_P N_A C_P C_P"),  # an amine takes
        ("C[NH+](C)C", "C_P N_D C_P C_P"),  # its cation gives
        ("c1cc[nH]c1", "C_H C_H C_P N_D C_P"),
        ("c1ccncc1", "C_H C_H C_P N_A C_P C_H"),
        ("CS(=O)(=O)N", "C_P S O_A O_A N_DA"),
        ("FC(Cl)(Br)I", "F C_P CL BR I"),
        ("OP(=O)([O-])OC", "O_DA P O_A O_A O_A C_P"),
        ("C[Se]B(O)O", "C_P S B O_DA O_DA"),  # selenium as sulfur
    ],
)
def test_types_of_known_molecules(smiles, names):
    types = ligand_types(molecule(smiles))
    assert [VinaType(kind).name for kind in types] == names.split()


@pytest.mark.parametrize(
    ("smiles", "rotors", "torsions"),
    [
        ("CCCC", [(1, 2)], 1),  # methyl groups turn nothing
        ("CCCO", [(1, 2)], 1.5),  # a hydroxyl turns its hydrogen: half
        ("CC(=O)NC", [], 0),  # amides are flat
        ("CC(=O)N(C)CC", [(1, 3), (3, 5)], 2),  # unless of two different groups
        ("CC(=O)N(C)C", [], 0),
        ("CCC#CCC", [(2, 3)], 1),  # an alkyne turns once
        ("CCC#N", [], 0),
        ("C1CCCCC1", [], 0),
        ("c1ccccc1-c1ccccc1", [(5, 6)], 1),
        ("Nc1ccccc1", [], 0.5),
        ("NC(=[NH2+])c1ccccc1", [(1, 3)], 1),
    ],
)
def test_rotors_of_known_molecules(smiles, rotors, torsions):
    ligand = vina_ligand(molecule(smiles))
    assert sorted(map(tuple, np.sort(ligand.rotors).tolist())) == rotors
    assert ligand.torsions == torsions


def test_flat_bonds_are_amides():
    assert flat_bonds(molecule("CC(=O)NCC(=O)OC")) == {(1, 3)}


@pytest.mark.parametrize(
    "smiles",
    [
        "Cc1ccc(cc1Nc1nccc(n1)-c1cccnc1)NC(=O)c1ccc(cc1)CN1CCN(C)CC1",  # imatinib
        "CC(C)c1n(CC[C@@H](O)C[C@@H](O)CC(=O)[O-])c(-c2ccc(F)cc2)c(-c2ccccc2)c1C(=O)Nc1ccccc1",
        "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)[O-]",  # penicillin
        "NC(=[NH2+])NCCC[C@H]([NH3+])C(=O)[O-]",
        "CS(=O)(=O)NC(=O)c1cc(C#CC2CC2)c(OCC(F)(F)F)cc1Cl",
        "C1CC2(C1)OCC(CO2)N=[N+]=[N-]",
        "O=[N+]([O-])c1ccc(cc1)N=Nc1c[nH]nc1C#C",
    ],
)
def test_types_and_rotors_are_those_that_meeko_writes(smiles):
    meeko = pytest.importorskip("meeko")
    mol = molecule(smiles)
    full = Chem.AddHs(mol)
    Chem.rdDistGeom.EmbedMolecule(full, randomSeed=1)
    setup = meeko.MoleculePreparation(rigid_macrocycles=True).prepare(full)[0]
    heavy = range(mol.GetNumAtoms())
    acceptors = {k for k in heavy if setup.atoms[k].atom_type in ("NA", "OA")}
    pieces = setup.flexibility_model["rigid_body_connectivity"].values()
    joined = {tuple(sorted(pair)) for pair in pieces}
    bonds = {pair for pair in joined if all(mol.GetAtomWithIdx(k).GetDegree() > 1 for k in pair)}

    ligand = vina_ligand(mol)
    takes = {VinaType.N_A, VinaType.N_DA, VinaType.O_A, VinaType.O_DA}
    assert {k for k in heavy if ligand.types[k] in takes} == acceptors
    assert set(map(tuple, np.sort(ligand.rotors).tolist())) == bonds
    # N_rot counts the ends that have other heavy atoms, half each.
    ends = [mol.GetAtomWithIdx(k).GetDegree() > 1 for pair in joined for k in pair]
    assert ligand.torsions == sum(ends) / 2
