import copy
import logging
import math

import gemmi
import numpy as np
import pytest
from posebusters import PoseBusters
from rdkit import Chem
from rdkit.Chem import AllChem

from molgen.chem import pose_checks
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.pose_checks import check_names, is_valid, posebusters_checks
from molgen.chem.pose_surroundings import read_surroundings
from molgen.errors import MolgenError, UsageError
from tests.chem.structures import pdb_line
from tests.docking.complexes import complexes

CONFIGURATION = PoseBusters("redock").config


@pytest.fixture
def few_conformers(monkeypatch):
    """PoseBusters' configuration with a small ensemble and nothing twice: all else as it is."""
    quick = copy.deepcopy(CONFIGURATION)
    quick["modules"] = [
        module
        for module in quick["modules"]
        if module.get("chosen_binary_test_output") and module["function"] != "rmsd"
    ]
    for module in quick["modules"]:
        if module["function"] == "energy_ratio":
            module["parameters"]["ensemble_number_conformations"] = 2
    monkeypatch.setattr(pose_checks, "_configuration", lambda: quick["modules"])
    return quick


@pytest.fixture(params=complexes())
def case(request, tmp_path):
    """Ligand, its file, and a file of the receptor about it."""
    protein, ligand_file = complexes()[request.param]
    ligand = read_ligand(ligand_file)
    return ligand, ligand_file, cropped(protein, ligand.pose * 10, tmp_path / "near.pdb")


def cropped(protein, ligand_A, path):
    """The atoms of a PDB file within 11 Å of a ligand: PoseBusters takes long on large files."""
    kept = []
    for line in protein.read_text().splitlines():
        if line.startswith(("ATOM", "HETATM")):
            place = [float(line[k : k + 8]) for k in (30, 38, 46)]
            if np.linalg.norm(ligand_A - place, axis=1).min() < 11:
                kept.append(line)
    path.write_text("\n".join([*kept, "END", ""]))
    return path


def spoiled(ligand):
    """The crystal pose and what a docking program should not give, in nm."""
    pose, generator = ligand.pose, np.random.default_rng(0)
    leaf = next(atom for atom in ligand.molecule.GetAtoms() if atom.GetDegree() == 1)
    end, root = leaf.GetIdx(), leaf.GetNeighbors()[0].GetIdx()
    stretched = pose.copy()
    stretched[end] += 0.5 * (pose[end] - pose[root])
    centre = pose.mean(0)
    return {
        "crystal": pose,
        "into the protein": pose + np.array([0.25, 0.15, -0.2]),
        "bond stretched": stretched,
        "mirrored": 2 * centre * [0, 0, 1] + pose * [1, 1, -1],
        "far away": pose + 2.5,
        "squeezed": centre + 0.7 * (pose - centre),
        "flattened": np.where([True, True, False], pose, centre),
        "shaken": pose + generator.normal(scale=0.015, size=pose.shape),
        "shattered": pose + generator.normal(scale=0.08, size=pose.shape),
    }


def with_pose(molecule, pose):
    posed = Chem.Mol(molecule)
    conformer = Chem.Conformer(len(pose))
    conformer.SetPositions(pose * 10)
    conformer.Set3D(True)
    posed.AddConformer(conformer)
    return posed


def bust(configuration, ligand, poses, ligand_file, protein, path):
    """Verdicts of PoseBusters itself on an SDF of the poses."""
    with Chem.SDWriter(str(path)) as writer:
        for pose in poses:
            writer.write(with_pose(ligand.molecule, pose))
    logging.disable()  # it logs what is undefined about each pose
    try:
        table = PoseBusters(configuration).bust([path], ligand_file, protein)
    finally:
        logging.disable(logging.NOTSET)
    table = table.drop(columns=[name for name in table if name.startswith("rmsd")])
    return [
        {
            name: None if verdict is None or math.isnan(verdict) else bool(verdict)
            for name, verdict in row.items()
        }
        for row in table.to_dict("records")
    ]


def compared(poses, ligand, ligand_file, protein, configuration, path):
    """Our verdicts and those of PoseBusters, by pose."""
    places = np.stack(list(poses.values()))
    surroundings = read_surroundings(protein, waters=True)
    mine = posebusters_checks(ligand.molecule, places, surroundings, ligand.pose)
    theirs = bust(configuration, ligand, places, ligand_file, protein, path)
    return dict(zip(poses, mine, strict=True)), dict(zip(poses, theirs, strict=True))


def failing(checks):
    return {name for name, verdict in checks.items() if verdict is False}


def test_the_verdicts_are_those_of_posebusters(case, few_conformers, tmp_path):
    poses = dict(list(spoiled(case[0]).items())[:4])
    mine, theirs = compared(poses, *case, few_conformers, tmp_path / "poses.sdf")
    assert mine == theirs
    assert all(tuple(checks) == check_names() for checks in mine.values())
    # two of the files hold a cofactor at the place of another copy of the ligand
    assert failing(mine["crystal"]) <= {
        "minimum_distance_to_organic_cofactors",
        "volume_overlap_with_organic_cofactors",
    }
    assert "volume_overlap_with_protein" in failing(mine["into the protein"])
    assert "bond_lengths" in failing(mine["bond stretched"])


@pytest.mark.slow
def test_the_verdicts_are_those_of_posebusters_as_it_comes(case, tmp_path):
    mine, theirs = compared(spoiled(case[0]), *case, CONFIGURATION, tmp_path / "poses.sdf")
    assert mine == theirs


@pytest.mark.parametrize("smiles", ["O", "CO", "C#N", "Cl[Pt]Cl"])
def test_so_are_those_on_ligands_with_nothing_to_measure(smiles, few_conformers, tmp_path):
    """One atom; no angle; a mean energy of 0; an element without a force field."""
    protein, other_file = complexes()["1of6"]
    other = read_ligand(other_file)
    near = cropped(protein, other.pose * 10, tmp_path / "near.pdb")
    mol = Chem.MolFromSmiles(smiles)
    pose = other.pose[[0, 3, 6][: mol.GetNumAtoms()]]
    ligand = Ligand("small", mol, pose)
    with Chem.SDWriter(str(tmp_path / "small.sdf")) as writer:
        writer.write(with_pose(mol, pose))
    case = ligand, tmp_path / "small.sdf", near
    mine, theirs = compared({"crystal": pose}, *case, few_conformers, tmp_path / "poses.sdf")
    assert mine == theirs


@pytest.fixture(scope="module")
def tyrosine(tmp_path_factory):
    """A ligand with a stereocentre, and what is about it."""
    protein, ligand_file = complexes()["1of6"]
    ligand = read_ligand(ligand_file)
    near = cropped(protein, ligand.pose * 10, tmp_path_factory.mktemp("tyrosine") / "near.pdb")
    return ligand, near


def test_each_pose_is_judged_as_if_alone(tyrosine):
    ligand, near = tyrosine
    surroundings = read_surroundings(near)
    poses = np.stack(list(spoiled(ligand).values())[5::-1])
    together = posebusters_checks(ligand.molecule, poses, surroundings, ligand.pose)
    alone = [
        posebusters_checks(ligand.molecule, pose[None], surroundings, ligand.pose)[0]
        for pose in poses
    ]
    assert together == alone


def test_without_a_reference_the_ligand_says_what_its_stereo_is(tyrosine):
    ligand, near = tyrosine
    surroundings = read_surroundings(near)
    poses = np.stack([spoiled(ligand)[name] for name in ("crystal", "mirrored")])
    right, wrong = posebusters_checks(ligand.molecule, poses, surroundings)
    assert is_valid(right)
    assert "tetrahedral_chirality" in failing(wrong)
    free = Chem.Mol(ligand.molecule)
    Chem.RemoveStereochemistry(free)
    either = posebusters_checks(free, poses, surroundings)
    assert all(checks["tetrahedral_chirality"] for checks in either)


@pytest.mark.parametrize(
    ("given", "made", "same"),
    [
        ("C/C(F)=C/[C@H](O)Cl", "C/C(F)=C/[C@H](O)Cl", (True, True)),
        ("C/C(F)=C/[C@H](O)Cl", "C/C(F)=C\\[C@H](O)Cl", (False, True)),
        ("C/C(F)=C/[C@H](O)Cl", "C/C(F)=C/[C@@H](O)Cl", (True, False)),
        ("CC(F)=C[C@H](O)Cl", "C/C(F)=C\\[C@H](O)Cl", (True, True)),
        ("CC(F)=C[C@H](O)Cl", "C/C(F)=C\\[C@@H](O)Cl", (True, False)),
        ("C/C(F)=C/C(O)Cl", "C/C(F)=C/[C@@H](O)Cl", (True, True)),
        ("C/C(F)=C/C(O)Cl", "C/C(F)=C\\[C@@H](O)Cl", (False, True)),
    ],
)
def test_stereo_that_is_open_may_be_any_and_the_rest_may_not(given, made, same, tyrosine):
    full = Chem.AddHs(Chem.MolFromSmiles(made))
    assert AllChem.EmbedMolecule(full, randomSeed=1) == 0
    pose = Chem.RemoveHs(full).GetConformer().GetPositions()[None] / 10
    surroundings = read_surroundings(tyrosine[1])
    checks = posebusters_checks(Chem.MolFromSmiles(given), pose, surroundings)[0]
    names = "double_bond_stereochemistry", "tetrahedral_chirality"
    assert tuple(checks[name] for name in names) == same


def test_mmcif_and_pdb_hold_the_same_atoms_and_waters_go_unless_asked_for(tmp_path):
    protein, ligand_file = complexes()["1ia1"]
    near = cropped(protein, read_ligand(ligand_file).pose * 10, tmp_path / "near.pdb")
    water = pdb_line("O", "HOH", 901, (5.0, 5.0, 5.0), het=True)
    near.write_text(water + near.read_text())
    cif = tmp_path / "näher.cif"
    gemmi.read_structure(str(near)).make_mmcif_document().write_file(str(cif))
    kinds = "protein", "organic_cofactors", "inorganic_cofactors", "waters"
    for waters in (True, False):
        one, other = (read_surroundings(path, waters=waters) for path in (near, cif))
        for kind in kinds:
            places = [
                sorted(found.positions[found.without({"hydrogens", *kinds} - {kind})].tolist())
                for found in (one, other)
            ]
            assert places[0] == places[1]
            assert bool(places[0]) == (kind in kinds[:2] or (kind == "waters" and waters))
        assert sorted(one.elements) == sorted(other.elements)


def test_what_posebusters_cannot_judge_does_not_count():
    assert is_valid({"bond_lengths": True, "internal_energy": None})
    assert not is_valid({"bond_lengths": False, "internal_energy": None})


def test_poses_of_other_atoms_and_files_without_atoms_are_refused(tyrosine, tmp_path):
    ligand, near = tyrosine
    surroundings = read_surroundings(near)
    for poses in (ligand.pose[None, 1:], np.full((2, 13, 3), np.nan), ligand.pose[None][:0]):
        with pytest.raises(MolgenError, match=r"poses to check must be numbers .* 13 atoms"):
            posebusters_checks(ligand.molecule, poses, surroundings)
    empty = tmp_path / "empty.pdb"
    empty.write_text("END\n")
    with pytest.raises(UsageError, match=r"empty\.pdb: holds no atoms"):
        read_surroundings(empty)
    with pytest.raises(UsageError, match="no such file"):
        read_surroundings(tmp_path / "none.pdb")
