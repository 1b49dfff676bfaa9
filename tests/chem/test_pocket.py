import numpy as np
import pytest

from molgen.chem.ligand import read_ligand
from molgen.chem.pocket import centre_of_ligand, centre_of_residues, cut_pocket
from molgen.chem.receptor import read_receptor
from molgen.errors import UsageError
from tests.chem.structures import alanine, pdb_line, write_pdb
from tests.docking.complexes import complexes


@pytest.fixture
def receptor(tmp_path):
    """Alanines every 1 nm along x, from 1 nm on, and a far ion."""
    ion = pdb_line("ZN", "ZN", 99, (0.0, 80.0, 0.0), element="ZN", het=True)
    return read_receptor(write_pdb(tmp_path, *(alanine(k) for k in (1, 2, 3)), alanine("3B"), ion))


def test_whole_residues_with_an_atom_inside_are_kept(receptor):
    # the second alanine reaches from x = 2.0 nm (N) to 2.2
    pocket = cut_pocket(receptor, np.array([1.0, 0.0, 0.0]), 1.01)
    assert pocket.receptor.residue_ids == ("A:1", "A:2")
    assert len(pocket.receptor) == 10
    assert cut_pocket(receptor, np.array([1.0, 0.0, 0.0]), 0.99).receptor.residue_ids == ("A:1",)
    assert pocket.radius == 1.01


def test_the_pocket_is_that_of_a_sphere_about_the_centroid_of_a_real_ligand():
    protein, path = complexes()["1uou"]
    receptor, ligand = read_receptor(protein), read_ligand(path)
    centre = centre_of_ligand(ligand)
    np.testing.assert_allclose(centre, ligand.pose.mean(0))
    pocket = cut_pocket(receptor, centre)
    inside = np.linalg.norm(receptor.coordinates - centre, axis=1) <= pocket.radius
    expected = np.isin(receptor.residues, receptor.residues[inside])
    np.testing.assert_array_equal(pocket.receptor.coordinates, receptor.coordinates[expected])
    # and holds all that the ligand touches
    touching = np.linalg.norm(receptor.coordinates[:, None] - ligand.pose, axis=-1).min(1) < 0.5
    assert expected[touching].all()


def test_the_centre_of_residues_gives_each_the_same_weight(receptor):
    middle = (
        receptor.coordinates[:5].mean(0) + np.array([0, 8, 0])
    ) / 2  # of five atoms and of one
    np.testing.assert_allclose(centre_of_residues(receptor, ["A:1", "A:99"]), middle)
    np.testing.assert_allclose(centre_of_residues(receptor, ["A:99"]), [0, 8, 0])


@pytest.mark.parametrize(
    ("centre", "radius", "reason"),
    [
        ([0, 8, 0], 0.5, r"no protein atom within 5\.0 Å of the pocket's centre \(0\.00, 80\.00, "),
        ([np.nan, 0, 0], 1.0, "the centre must be three numbers"),
        ([0, 0], 1.0, "the centre must be three numbers"),
        ([1, 0, 0], 0.0, "the radius must be greater than 0"),
        ([1, 0, 0], np.inf, "the radius must be greater than 0"),
    ],
)
def test_a_pocket_that_is_none_is_one_line(receptor, centre, radius, reason):
    with pytest.raises(UsageError, match=reason):
        cut_pocket(receptor, np.array(centre, float), radius)


def test_a_receptor_without_protein_is_refused(tmp_path):
    ion = pdb_line("ZN", "ZN", 99, element="ZN", het=True)
    with pytest.raises(UsageError, match="holds no protein atom"):
        cut_pocket(read_receptor(write_pdb(tmp_path, ion)), np.zeros(3))


def test_residues_and_ligands_that_say_no_centre_are_one_line(receptor):
    with pytest.raises(UsageError, match=r"has no residue A:4; close: A:3, A:2, A:1"):
        centre_of_residues(receptor, ["A:1", "A:4"])
    with pytest.raises(UsageError, match="no residue is named"):
        centre_of_residues(receptor, [])
    with pytest.raises(UsageError, match="ligand: has no 3-D coordinates"):
        centre_of_ligand(read_ligand("CCO"))
