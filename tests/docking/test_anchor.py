"""`molgen dock` about a scaffold that is held, and onto an atom of the receptor."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

import molgen
from molgen.chem.ligand import read_ligand
from molgen.chem.receptor import read_receptor
from molgen.cli.main import main
from molgen.docking.anchor import Anchor
from molgen.errors import UsageError
from molgen.units import ANGSTROM
from tests.docking.complexes import complexes

PROTEIN, CRYSTAL = map(str, complexes()["1s3v"])
RING = "COc1cc(N)cc(OC)c1OC"
SMILES = "COc1cc(N(C)C[C@@H]2CCC3=C(C2)C(N)=N[C@@H](N)N3)cc(OC)c1OC lig"
QUICK = {"poses": 4, "search": 0, "steps": 2, "checks": False}

SERINE, SITE = map(str, complexes()["1uou"])
AMIDE = "O=CNCc1ccccc1 amide"


def poses(sdf: Path) -> list[Chem.Mol]:
    return list(Chem.SDMolSupplier(str(sdf)))


def positions(pose: Chem.Mol) -> np.ndarray:
    """nm"""
    return pose.GetConformer().GetPositions() * ANGSTROM


@pytest.fixture(scope="module")
def scaffold(tmp_path_factory):
    """The trimethoxyaniline of the crystal's ligand, alone."""
    mol = Chem.RWMol(Chem.MolFromMolFile(CRYSTAL))
    kept = mol.GetSubstructMatch(Chem.MolFromSmarts(RING))
    for atom in sorted(set(range(mol.GetNumAtoms())) - set(kept), reverse=True):
        mol.RemoveAtom(atom)
    mol.UpdatePropertyCache()
    path = tmp_path_factory.mktemp("scaffold") / "ring.sdf"
    Chem.MolToMolFile(mol.GetMol(), str(path))
    return path


def test_docking_around_the_crystals_scaffold_finds_the_pose(scaffold, tmp_path):
    done = molgen.dock(
        PROTEIN,
        SMILES,
        hold=scaffold,
        reference=CRYSTAL,
        output=tmp_path / "poses.sdf",
        poses=4,
        search=2,
        confidence="",
        checks=False,
    )
    assert float(done.rows[0]["rmsd_A"]) < 1
    assert "13 atoms are held" in done.rows[0]["notes"]
    for pose in poses(done.output):
        assert off(pose, RING, scaffold) < 1e-4


def off(pose: Chem.Mol, pattern: str, file: Path) -> float:
    """By how much (nm, one axis) what a pattern finds is not where it is in a file."""
    query, ligand = Chem.MolFromSmarts(pattern), read_ligand(file)
    where = ligand.pose[list(ligand.molecule.GetSubstructMatch(query))]
    matches = pose.GetSubstructMatches(query, uniquify=False)
    return min(np.abs(positions(pose)[list(match)] - where).max() for match in matches)


def test_part_of_a_ligand_is_held_by_a_pattern(docking_checkpoint, tmp_path):
    words = ["dock", "-r", PROTEIN, "-l", SMILES, "--hold", CRYSTAL, "--hold-smarts", RING]
    output = tmp_path / "poses.sdf"
    quick = ["--poses", "2", "--search", "0", "--steps", "2", "--no-checks"]
    assert main([*words, *quick, "-m", str(docking_checkpoint), "-o", str(output)]) == 0
    for pose in poses(output):
        assert off(pose, RING, Path(CRYSTAL)) < 1e-4
    said = json.loads(output.with_suffix(".json").read_text())["settings"]["anchor"]
    assert said["smarts"] == RING
    assert len(said["hold"]) == 64


def test_atoms_of_a_posed_ligand_are_held_where_they_are(docking_checkpoint, tmp_path):
    done = molgen.dock(
        PROTEIN,
        CRYSTAL,
        pocket=CRYSTAL,
        hold_smarts="c",
        model=docking_checkpoint,
        output=tmp_path / "poses.sdf",
        **QUICK,
    )
    ligand = read_ligand(CRYSTAL)
    ring = [atom.GetIdx() for atom in ligand.molecule.GetAtoms() if atom.GetIsAromatic()]
    for pose in poses(done.output):
        assert np.abs(positions(pose)[ring] - ligand.pose[ring]).max() < 1e-4


def test_a_rigid_ligand_that_is_held_is_scored_where_it_is(docking_checkpoint, tmp_path):
    done = molgen.dock(
        PROTEIN,
        "Cc1ccccc1 toluene",
        hold=CRYSTAL,
        hold_smarts="[#6,#7]c1ccccc1",
        model=docking_checkpoint,
        output=tmp_path / "poses.sdf",
        **QUICK,
    )
    assert len(done.rows) == 1


def test_every_way_of_a_symmetric_scaffold_is_tried(docking_checkpoint, tmp_path):
    pattern = "c1ccccc1"
    done = molgen.dock(
        PROTEIN,
        "Oc1ccc(Cc2ccc(N)cc2)cc1 two_rings",
        hold=CRYSTAL,
        hold_smarts=pattern,
        model=docking_checkpoint,
        output=tmp_path / "poses.sdf",
        apart_nm=0.0,
        keep=100,
        **{**QUICK, "poses": 12},
    )
    ligand, query = read_ligand(CRYSTAL), Chem.MolFromSmarts(pattern)
    where = ligand.pose[list(ligand.molecule.GetSubstructMatch(query))]
    found = set()
    for pose in poses(done.output):
        for match in pose.GetSubstructMatches(query, uniquify=False):
            if np.abs(positions(pose)[list(match)] - where).max() < 1e-4:
                found.add(match)
    assert "6 atoms are held, in 12 ways" in done.rows[0]["notes"]
    assert {min(match) for match in found} == {1, 6}  # both rings, and each turned
    assert len(found) > 6


@pytest.fixture(scope="module")
def bonded(docking_checkpoint, tmp_path_factory):
    """Poses of an amide on a serine."""
    return molgen.dock(
        SERINE,
        AMIDE,
        pocket=SITE,
        covalent="A:217:OG",
        attach=2,
        model=docking_checkpoint,
        output=tmp_path_factory.mktemp("bonded") / "poses.sdf",
        poses=4,
        search=1,
        steps=2,
    )


def test_a_bonded_ligand_has_the_length_and_the_angle_of_a_bond(bonded):
    receptor = read_receptor(SERINE)
    own = {
        name: receptor.coordinates[row]
        for row, name in enumerate(receptor.atom_names)
        if receptor.residue_ids[receptor.residues[row]] == "A:217"
    }
    given = Chem.CanonSmiles(AMIDE.split()[0])
    for pose in poses(bonded.output):
        assert Chem.MolToSmiles(Chem.RemoveHs(pose)) == given  # without the receptor's atoms
        bond = positions(pose)[1] - own["OG"]
        beside = own["CB"] - own["OG"]
        assert 0.13 < np.linalg.norm(bond) < 0.15
        cosine = bond @ beside / np.linalg.norm(bond) / np.linalg.norm(beside)
        assert 105 < np.degrees(np.arccos(cosine)) < 125
    assert "C2 is bonded to A:217:OG" in bonded.rows[0]["notes"]


def test_what_the_bond_brings_near_is_neither_a_clash_nor_a_contact(bonded):
    for row in bonded.rows:
        assert "A:217 SER OG" not in row["polar_contacts"]
    # A pose of so short a search may run into other atoms, but not all of them do.
    assert "True" in [row["minimum_distance_to_protein"] for row in bonded.rows]


def test_an_anchor_reaches_other_processes(scaffold):
    anchor = Anchor.of(scaffold, RING, None, None)
    anchor.check()
    sent = pickle.loads(pickle.dumps(anchor))
    assert sent == anchor
    np.testing.assert_array_equal(sent.part.positions, anchor.part.positions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hold": "missing.sdf"}, "missing.sdf: no such file"),
        ({"hold": PROTEIN}, "ligands are read from .sdf"),
        ({"hold": CRYSTAL}, "is not part of it, so nothing can be held"),
        ({"hold_smarts": "[C"}, "not a SMARTS pattern"),
        ({"hold_smarts": "C"}, "has no 3-D coordinates to hold 'C' at"),
        ({"covalent": "A:21:OD1"}, "a covalent bond has two ends"),
        ({"attach": 1}, "a covalent bond has two ends"),
        ({"covalent": "A:21:OD1", "attach": 9}, "no atom 9; its heavy atoms are 1 to 3"),
        ({"covalent": "A:21:SG", "attach": 1}, "A:21 ASP has no atom SG"),
        ({"covalent": "A:999:SG", "attach": 1}, "has no residue A:999"),
        ({"covalent": "A:21:OD1", "attach": 1, "hold": CRYSTAL}, "does not go with --covalent"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_held_is_one_line(docking_checkpoint, tmp_path, options, message):
    with pytest.raises(UsageError, match=message) as raised:
        molgen.dock(
            PROTEIN,
            "CCO",
            pocket=CRYSTAL,
            model=docking_checkpoint,
            output=tmp_path / "x.sdf",
            **QUICK,
            **options,
        )
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "x.sdf").exists()
