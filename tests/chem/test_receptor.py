import gzip

import gemmi
import numpy as np
import pytest

from molgen.chem.ligand import read_ligand
from molgen.chem.receptor import Kind, read_receptor, without_ligand
from molgen.errors import UsageError
from tests.chem.structures import alanine, pdb_line, write_pdb
from tests.docking.complexes import complexes

WATER = pdb_line("O", "HOH", 301, (5.0, 5.0, 5.0), het=True)


def test_atoms_are_those_of_the_file_in_nm(tmp_path):
    zinc = pdb_line("ZN", "ZN", 201, (1.0, 2.0, 3.0), element="ZN", het=True)
    hydrogen = pdb_line("H", "ALA", 7)
    receptor = read_receptor(write_pdb(tmp_path, alanine(7), hydrogen, zinc))
    assert receptor.name == "receptor"
    assert receptor.atom_names == ("N", "CA", "C", "O", "CB", "ZN")
    assert receptor.residue_names == ("ALA",) * 5 + ("ZN",)
    assert receptor.residue_ids == ("A:7", "A:201")
    assert receptor.residues.tolist() == [0] * 5 + [1]
    assert receptor.elements.tolist() == [7, 6, 6, 8, 6, 30]
    assert receptor.kinds.tolist() == [Kind.PROTEIN] * 5 + [Kind.METAL]
    np.testing.assert_allclose(receptor.coordinates[1], [7.146, 0, 0])
    np.testing.assert_allclose(receptor.coordinates[5], [0.1, 0.2, 0.3])
    assert receptor.repairs == ()


def test_waters_are_left_out_and_counted_unless_asked_for(tmp_path):
    path = write_pdb(tmp_path, alanine(7), WATER)
    dry, wet = read_receptor(path), read_receptor(path, waters=True)
    assert (len(dry), len(wet)) == (5, 6)
    assert wet.kinds[-1] == Kind.WATER
    assert dry.repairs == ("waters left out: 1",)
    assert wet.repairs == ()


def test_the_first_of_several_models_is_taken_and_said(tmp_path):
    models = [f"MODEL {k:8}\n{alanine(7 + k)}ENDMDL\n" for k in (1, 2)]
    receptor = read_receptor(write_pdb(tmp_path, *models))
    assert receptor.residue_ids == ("A:8",)
    assert receptor.repairs == ("2 models: the first is taken",)


def test_take_renumbers_the_residues(tmp_path):
    receptor = read_receptor(write_pdb(tmp_path, alanine(7), alanine("7B"), alanine(9)))
    assert receptor.residue_ids == ("A:7", "A:7B", "A:9")
    part = receptor.take(receptor.residues != 1)
    assert part.residue_ids == ("A:7", "A:9")
    assert part.residues.tolist() == [0] * 5 + [1] * 5
    np.testing.assert_array_equal(part.coordinates[5:], receptor.coordinates[10:])


@pytest.mark.parametrize("suffix", [".cif", ".cif.gz", ".pdb.gz"])
def test_every_format_gives_the_same_receptor(suffix, tmp_path):
    path, _ = complexes()["1uou"]
    structure = gemmi.read_structure(str(path))
    structure.setup_entities()
    if suffix.startswith(".cif"):
        text = structure.make_mmcif_document().as_string()
    else:
        text = path.read_text()
    copy = tmp_path / f"ümlaut 1uou{suffix}"
    if suffix.endswith(".gz"):
        copy.write_bytes(gzip.compress(text.encode()))
    else:
        copy.write_text(text)
    pdb, other = read_receptor(path), read_receptor(copy)
    assert other.name == "ümlaut 1uou"
    np.testing.assert_allclose(other.coordinates, pdb.coordinates, atol=1e-9)
    for field in ("atom_names", "residue_names", "residue_ids", "repairs"):
        assert getattr(other, field) == getattr(pdb, field)
    for field in ("elements", "kinds", "residues"):
        np.testing.assert_array_equal(getattr(other, field), getattr(pdb, field))


@pytest.mark.parametrize("name", ["1ia1", "1s3v"])
def test_a_crystal_structure_loses_no_heavy_atom(name):
    path, _ = complexes()[name]
    lines = path.read_text().splitlines()
    heavy = [
        line for line in lines if line.startswith(("ATOM", "HETATM")) and line[76:78].strip() != "H"
    ]
    receptor = read_receptor(path, waters=True)
    assert len(receptor) == len(heavy)


def test_the_ligand_in_the_file_is_left_out_on_request_and_named(tmp_path):
    _, ligand = complexes()["1s3v"]
    pose = read_ligand(ligand).pose
    inside = "".join(
        pdb_line("C", "TQD", 300, tuple(10 * xyz + 0.02), het=True, chain="B") for xyz in pose
    )
    water = pdb_line("O", "HOH", 301, tuple(10 * pose.mean(0) + 30), het=True, chain="B")
    receptor = read_receptor(write_pdb(tmp_path, alanine(900), inside, water), waters=True)
    assert len(receptor) == 5 + len(pose) + 1
    cleared = without_ligand(receptor, pose)
    assert cleared.residue_ids == ("A:900", "B:301")
    assert cleared.repairs == (
        *receptor.repairs,
        "B:300 TQD: lies where the ligand does and is left out",
    )
    assert without_ligand(cleared, pose).repairs == cleared.repairs


def test_a_receptor_of_waters_alone_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"receptor\.pdb: holds no heavy atoms of a receptor"):
        read_receptor(write_pdb(tmp_path, WATER))
