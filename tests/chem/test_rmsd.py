import time

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.rmsd import symmetric_rmsd

SYMMETRIC = {
    "none": "CC(O)c1ccncc1",
    "benzoate": "[O-]C(=O)c1ccccc1",
    "tert-butyl": "CC(C)(C)OC(=O)NC(C(F)(F)F)c1ccccc1",
    "biphenyl": "c1ccc(cc1)-c1ccccc1",
    "diethylamine": "CCN(CC)CC(CC)CC",
    "triphosphate": "OCC1OC(CC1O)COP(=O)(O)OP(=O)(O)OP(=O)(O)O",
    "two atoms": "CC",
    "one atom": "[Cl-]",
    "three atoms": "CCC",
    "octahedral": "FS(F)(F)(F)(F)F",
    "cube": "C12C3C4C1C5C2C3C45",
}


def automorphisms(mol):
    """All, found one atom at a time."""
    count = mol.GetNumAtoms()
    elements = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    bonded = Chem.GetAdjacencyMatrix(mol)
    maps = [()]
    for k in range(count):
        maps = [
            (*found, j)
            for found in maps
            for j in range(count)
            if elements[j] == elements[k]
            and j not in found
            and all(bonded[k, i] == bonded[j, found[i]] for i in range(k))
        ]
    return maps


@pytest.mark.parametrize("smiles", SYMMETRIC.values(), ids=SYMMETRIC)
def test_it_is_the_least_over_all_automorphisms(smiles):
    mol = Chem.MolFromSmiles(smiles)
    generator = np.random.default_rng(0)
    reference = generator.normal(size=(mol.GetNumAtoms(), 3))
    poses = generator.normal(size=(3, mol.GetNumAtoms(), 3))
    least = [
        min(
            np.sqrt(((pose - reference[list(order)]) ** 2).sum(-1).mean())
            for order in automorphisms(mol)
        )
        for pose in poses
    ]
    np.testing.assert_allclose(symmetric_rmsd(mol, poses, reference), least, rtol=1e-12)


def test_a_ligand_and_its_symmetry_mate_are_the_same_and_a_shift_is_its_length():
    mol = Chem.MolFromSmiles("CC(C)(C)c1ccc(cc1)S(=O)(=O)[O-]")
    reference = np.random.default_rng(0).normal(size=(mol.GetNumAtoms(), 3))
    order = automorphisms(mol)[-1]
    assert order != tuple(range(mol.GetNumAtoms()))
    poses = np.stack([reference[list(order)], reference])
    assert (symmetric_rmsd(mol, poses, reference) == 0).all()
    wide = reference * 100  # where no other symmetry comes as near as a shift
    shifted = symmetric_rmsd(mol, (wide + np.array([0.3, 0.0, 0.4]))[None], wide)
    np.testing.assert_allclose(shifted, 0.5, rtol=1e-12)


def test_poses_do_not_depend_on_one_another():
    mol = Chem.MolFromSmiles(SYMMETRIC["tert-butyl"])
    poses = np.random.default_rng(0).normal(size=(4, mol.GetNumAtoms(), 3))
    together = symmetric_rmsd(mol, poses, poses[0])
    alone = [symmetric_rmsd(mol, pose[None], poses[0])[0] for pose in poses]
    np.testing.assert_array_equal(together, alone)


def test_half_a_million_symmetries_take_no_time():
    """Phytic acid: twelve of the ring times 3! for each of six phosphates."""
    mol = Chem.MolFromSmiles("C1(OP(=O)(O)O)" + 4 * "C(OP(=O)(O)O)" + "C1OP(=O)(O)O")
    poses = np.random.default_rng(0).normal(size=(40, mol.GetNumAtoms(), 3))
    mate = poses[0].copy()
    oxygens = [
        [n.GetIdx() for n in a.GetNeighbors() if n.GetDegree() == 1]
        for a in mol.GetAtoms()
        if a.GetAtomicNum() == 15
    ]
    for group in oxygens:
        mate[group] = mate[np.roll(group, 1)]
    start = time.perf_counter()
    distances = symmetric_rmsd(mol, poses, mate)
    assert time.perf_counter() - start < 2
    assert distances[0] == 0
    assert (distances[1:] > 0.5).all()


def test_beyond_the_most_symmetries_it_is_an_upper_bound():
    mol = Chem.MolFromSmiles("c1ccccc1-c1ccc(cc1)-c1ccccc1")
    poses = np.random.default_rng(0).normal(size=(20, mol.GetNumAtoms(), 3))
    exact = symmetric_rmsd(mol, poses, poses[0])
    capped = symmetric_rmsd(mol, poses, poses[0], most_symmetries=3)
    assert (capped >= exact).all()
    assert (capped > exact).any()
