"""Receptors as they are docked into: where the pocket is, and what is taken out."""

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pytest

from molgen.chem.ligand import read_ligand
from molgen.chem.pose_checks import is_valid, posebusters_checks
from molgen.docking.target import Site, Target
from molgen.errors import UsageError
from tests.chem.structures import alanine, pdb_line, write_pdb
from tests.docking.complexes import complexes

PROTEIN, LIGAND = complexes()["1uou"]


def with_ligand(folder: Path) -> Path:
    """The receptor's file with the ligand left in, each atom at one of two places."""
    ligand = read_ligand(LIGAND)
    atoms = [(a.GetSymbol(), f"{a.GetSymbol()}{a.GetIdx()}") for a in ligand.molecule.GetAtoms()]
    lines = [
        pdb_line(
            name, "LIG", 900, tuple(10 * place + shift), altloc=label, element=symbol, het=True
        )
        for label, shift in (("A", 0.0), ("B", 0.3))
        for (symbol, name), place in zip(atoms, ligand.pose, strict=True)
    ]
    text = "".join(x for x in PROTEIN.read_text().splitlines(True) if not x.startswith("END"))
    return write_pdb(folder, text, *lines, name="crystal.pdb")


def test_the_reference_ligand_leaves_pocket_and_checks(tmp_path):
    bare = Target.of(PROTEIN, Site(reference=LIGAND))
    target = Target.of(with_ligand(tmp_path), Site(reference=LIGAND))
    assert any("A:900 LIG: lies where the ligand does" in line for line in target.repairs)
    np.testing.assert_allclose(
        target.pocket.receptor.coordinates, bare.pocket.receptor.coordinates, atol=1e-9
    )
    ligand = read_ligand(LIGAND)
    (checks,) = posebusters_checks(ligand.molecule, ligand.pose[None], target.surroundings)
    assert is_valid(checks)


def test_residues_are_taken_out_when_asked(tmp_path):
    path = with_ligand(tmp_path)
    centre = tuple(read_ligand(LIGAND).pose.mean(0))
    kept = Target.of(path, Site(centre_nm=centre))
    assert kept.guests == ("A:900 LIG",)
    gone = Target.of(path, Site(centre_nm=centre, removed=("A:900",)))
    assert gone.guests == ()
    assert "A:900: taken out, as asked" in gone.repairs
    count = read_ligand(LIGAND).molecule.GetNumAtoms()
    assert len(kept.pocket.receptor) - len(gone.pocket.receptor) == count
    with pytest.raises(UsageError, match="has no residue A:901"):
        Target.of(path, Site(centre_nm=centre, removed=("A:901",)))


def test_the_three_ways_to_say_where_agree():
    target = Target.of(PROTEIN, Site(reference=LIGAND))
    ids = target.pocket.receptor.residue_ids[:3]
    by_centre = Target.of(PROTEIN, Site(centre_nm=tuple(target.pocket.centre)))
    assert by_centre.pocket.receptor.residue_ids == target.pocket.receptor.residue_ids
    by_residues = Target.of(PROTEIN, Site(residues=ids))
    assert set(ids) <= set(by_residues.pocket.receptor.residue_ids)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing says where the pocket is"),
        ({"centre_nm": (0, 0, 0), "residues": ("A:1",)}, "more than one option says"),
    ],
)
def test_the_pocket_is_said_just_once(options, message):
    with pytest.raises(UsageError, match=message):
        Site(**options)


def test_mmcif_packed_files_and_any_path_are_read_alike(tmp_path):
    expected = Target.of(PROTEIN, Site(reference=LIGAND))
    folder = tmp_path / "größe 名"
    folder.mkdir()
    (folder / "ü.pdb").write_bytes(PROTEIN.read_bytes())
    (folder / "b.pdb.gz").write_bytes(gzip.compress(PROTEIN.read_bytes()))
    structure = gemmi.read_structure(str(PROTEIN))
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(folder / "c.cif"))
    (folder / "ligand ü.sdf").write_bytes(LIGAND.read_bytes())
    for name in ("ü.pdb", "b.pdb.gz", "c.cif"):
        target = Target.of(folder / name, Site(reference=folder / "ligand ü.sdf"))
        np.testing.assert_allclose(
            target.pocket.receptor.coordinates, expected.pocket.receptor.coordinates, atol=1e-9
        )
        np.testing.assert_allclose(
            target.surroundings.positions, expected.surroundings.positions, atol=1e-9
        )


def test_a_metal_that_no_scoring_function_knows_is_a_metal(tmp_path):
    metal = pdb_line("U", "U", 2, (12.0, 3.0, 3.0), element="U", het=True)
    target = Target.of(write_pdb(tmp_path, alanine(1), metal), Site(residues=("A:1",)))
    assert target.guests == ("A:2 U",)
