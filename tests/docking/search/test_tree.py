"""The tree of rigid pieces, on molecules small enough to know it by heart."""

import numpy as np
from rdkit import Chem

from molgen.chem.vina_ligand import vina_ligand
from molgen.docking.search.tree import build_tree


def tree_of(smiles: str):
    mol = Chem.MolFromSmiles(smiles)
    ligand = vina_ligand(mol)
    return build_tree(mol.GetNumAtoms(), ligand.bonds, ligand.rotors)


def test_the_root_is_in_the_middle():
    tree = tree_of("CCCCCC")  # pieces C-C, C, C, C-C: two in the middle
    assert tree.axes.tolist() == [[2, 1], [2, 3], [3, 4]]
    assert [own.tolist() for own, _ in tree.levels] == [[0, 1], [2]]


def test_a_rotor_moves_what_lies_beyond_it():
    tree = tree_of("c1ccccc1CCO")  # ring, methylene, the rest: the root is the methylene
    assert tree.axes.tolist() == [[6, 5], [6, 7]]
    beyond = [moved.nonzero()[:, 0].tolist() for moved in tree.moved]
    assert beyond == [[0, 1, 2, 3, 4, 5], [7, 8]]


def test_interacting_pairs_are_apart_and_not_rigid():
    # Butylbenzene: 0-3 is the chain, 4-9 the ring. Fixed or three bonds apart at most: all but
    # the chain's first atoms with the far side of the ring.
    tree = tree_of("CCCCc1ccccc1")
    expected = {(0, k) for k in range(4, 10)} | {(1, k) for k in range(5, 10)}
    expected |= {(2, k) for k in (6, 7, 8)}
    assert set(map(tuple, tree.pairs.tolist())) == expected


def test_a_rigid_molecule_has_no_rotor_and_no_pair():
    tree = tree_of("c1ccc2ccccc2c1")
    assert tree.freedom == 6
    assert tree.pairs.shape == (0, 2)
    assert tree.levels == ()


def test_dihedrals_are_all_those_about_each_rotor():
    tree = tree_of("CC(C)C(C)C")
    assert tree.rotor.tolist() == [0] * 4
    ends = {tuple(sorted(row[::3])) for row in tree.dihedrals.tolist()}
    assert ends == {(0, 4), (0, 5), (2, 4), (2, 5)}


def test_pieces_and_rotors_are_numbered_alike():
    tree = tree_of("Cc1ccc(cc1Nc1nccc(n1)-c1cccnc1)NC(=O)c1ccc(cc1)CN1CCN(C)CC1")
    for k, (near, far) in enumerate(tree.axes.tolist()):
        assert tree.piece[far] == k + 1
        assert tree.piece[near] < k + 1
    below = np.array([tree.moved[k][tree.piece == k + 1].min() for k in range(len(tree.axes))])
    assert (below == 1).all()
