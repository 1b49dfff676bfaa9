import pickle

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.known_pose import known_pose
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.rmsd import symmetric_rmsd
from molgen.errors import UsageError
from tests.docking.complexes import complexes


@pytest.mark.parametrize("name", complexes())
def test_the_order_of_atoms_does_not_matter(name):
    crystal = read_ligand(complexes()[name][1])
    other = read_ligand(Chem.MolToSmiles(crystal.molecule))
    pose = known_pose(other, crystal)
    order = other.molecule.GetSubstructMatch(crystal.molecule)
    assert symmetric_rmsd(other.molecule, pose[None], pose)[0] == 0
    np.testing.assert_allclose(np.sort(pose, 0), np.sort(crystal.pose, 0))
    # The same pose as seen from the crystal's own order of atoms.
    assert symmetric_rmsd(crystal.molecule, pose[list(order)][None], crystal.pose)[0] < 1e-9


def test_bond_orders_and_charges_may_be_drawn_differently():
    given = read_ligand("C[NH+]=C(N)N")
    drawn = read_ligand("NC(=N)NC")
    reference = Ligand("x", drawn.molecule, np.arange(15.0).reshape(5, 3))
    pose = known_pose(given, reference)
    assert pose[0] == pytest.approx(reference.pose[4])  # the methyl
    assert pose[2] == pytest.approx(reference.pose[1])  # the middle carbon


def test_another_molecule_or_none_is_refused():
    crystal = read_ligand(complexes()["1of6"][1])
    with pytest.raises(UsageError, match="is another molecule"):
        known_pose(read_ligand("CCO"), crystal)
    with pytest.raises(UsageError, match="no 3-D coordinates"):
        known_pose(crystal, read_ligand(Chem.MolToSmiles(crystal.molecule)))


def test_a_ligand_keeps_its_name_in_another_process():
    found = pickle.loads(pickle.dumps(read_ligand("C[C@H](F)Cl name")))
    assert found.name == found.molecule.GetProp("_Name") == "name"
    assert Chem.MolToSmiles(found.molecule) == "C[C@H](F)Cl"
