"""Text for other docking programs: what goes out comes back, and means what it should."""

import gemmi
import numpy as np
import pytest

from molgen.chem.conformers import conformers
from molgen.chem.ligand import read_ligand
from molgen.chem.pdbqt import ligand_pdbqt, receptor_pdb, receptor_pdbqt
from molgen.chem.receptor import read_receptor
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import DONOR, VinaType
from molgen.errors import MolgenError
from tests.docking.complexes import complexes

_ROUNDING_NM = 5.6e-5  # to four decimals of an Å, then to three


@pytest.fixture(scope="module")
def receptor():
    return read_receptor(complexes()["1ia1"][0])


@pytest.mark.parametrize("name", complexes())
def test_poses_come_back_in_the_order_of_the_ligands_atoms(name):
    pytest.importorskip("meeko")
    molecule = read_ligand(complexes()[name][1]).molecule
    conformer = conformers(molecule, 1, 0)[0]
    written = ligand_pdbqt(molecule, conformer)
    assert np.allclose(written.poses(written.text), conformer[None], atol=_ROUNDING_NM, rtol=0)
    models = f"MODEL 1\n{written.text}ENDMDL\nMODEL 2\n{written.text}ENDMDL\n"
    assert np.allclose(written.poses(models), [conformer] * 2, atol=_ROUNDING_NM, rtol=0)


def test_a_pose_without_one_of_the_atoms_is_refused():
    pytest.importorskip("meeko")
    molecule = read_ligand("CCO").molecule
    written = ligand_pdbqt(molecule, conformers(molecule, 1, 0)[0])
    lines = written.text.splitlines()
    gone = next(line for line in lines if line.startswith("ATOM"))
    with pytest.raises(MolgenError, match="lacks an atom"):
        written.poses("\n".join(line for line in lines if line != gone))


def test_another_program_reads_the_same_receptor(receptor):
    read = gemmi.read_pdb_string(receptor_pdb(receptor))[0]
    atoms = sorted((found.atom for found in read.all()), key=lambda atom: atom.serial)
    positions = np.array([atom.pos.tolist() for atom in atoms]) / 10
    assert np.allclose(positions, receptor.coordinates, atol=_ROUNDING_NM, rtol=0)
    assert [atom.element.atomic_number for atom in atoms] == receptor.elements.tolist()
    assert [atom.name for atom in atoms] == list(receptor.atom_names)


def test_pdbqt_holds_every_heavy_atom_and_a_hydrogen_a_donor(receptor):
    lines = receptor_pdbqt(receptor).splitlines()
    kinds = [line[77:].strip() for line in lines]
    heavy = [line for line, kind in zip(lines, kinds, strict=True) if kind != "HD"]
    points = [[float(line[s : s + 8]) / 10 for s in (30, 38, 46)] for line in heavy]
    assert np.allclose(points, receptor.coordinates, atol=_ROUNDING_NM, rtol=0)
    types = receptor_types(receptor)
    assert kinds.count("HD") == (DONOR[types] & (types != VinaType.MET)).sum() > 100
