import math
import shutil

import pytest
import torch

from molgen import resources
from molgen.errors import UsageError
from molgen.md.system import load_system
from molgen.md.system.beads import BeadMapping
from molgen.md.system.collective import Basin, dihedral

TOY = """
description = "a well"
kT = 1.0
timestep_ps = 0.01
friction_per_ps = 1.0
[potential]
kind = "double_well"
dims = 1
barrier = 1.0
half_width = 1.0
start = [0.5]
[collective_variables]
x = 0
"""


def write_toy(folder, text):
    folder.mkdir()
    (folder / "system.toml").write_text(text)
    return folder


def test_every_shipped_system_loads_with_finite_energy_at_its_start():
    for name in resources.names("systems"):
        system = load_system(name)
        energy = system.potential(torch.float64, compile=False).energy(system.start.unsqueeze(0))
        assert torch.isfinite(energy).all()
        assert system.masses.shape == (len(system.atoms),)


@pytest.mark.openmm
def test_energy_at_the_pdb_coordinates_is_that_of_openmm(ala2):
    energy = ala2.potential(torch.float64, compile=False).energy(ala2.start.unsqueeze(0)).item()
    assert energy == pytest.approx(ala2.answers["energy_kJ_per_mol"], rel=1e-6)


def test_backbone_beads_are_the_atoms_of_the_published_reference(ala2):
    backbone = ala2.mapping("backbone5")
    assert backbone.atoms == ala2.answers["backbone5_atoms"]
    assert [bead.name for bead in backbone.beads] == ["C", "N", "CA", "C", "N"]
    assert backbone.bonds == ((0, 1), (1, 2), (2, 3), (3, 4))
    assert ala2.mapping("six").atoms == [4, 6, 8, 10, 14, 16]
    assert len(ala2.mapping("all")) == ala2.answers["atoms"]


def test_heavy_atoms_keep_their_bonds(ala2):
    heavy = ala2.mapping("heavy")
    assert len(heavy) == 10
    assert len(heavy.bonds) == 9  # a tree: no rings in this molecule
    assert all(bead.element != "H" for bead in heavy.beads)


def test_beads_along_a_chain_are_bonded_through_dropped_atoms(ala2):
    carbons = ala2.atoms.choose("alpha", [1, 8, 18])  # CH3, CA, CH3
    assert carbons.bonds == ((0, 1), (1, 2))


def test_selection_picks_the_named_coordinates(ala2):
    x = ala2.start.unsqueeze(0)
    assert torch.equal(ala2.mapping("six").select(x)[0, 3], x[0, 10])
    again = BeadMapping.from_dict(ala2.mapping("six").to_dict())
    assert again == ala2.mapping("six")


def test_unknown_selection_gets_a_suggestion(ala2):
    with pytest.raises(UsageError, match="did you mean 'backbone5'"):
        ala2.mapping("backbone")


def test_molecule_is_the_L_enantiomer(ala2):
    n, ca, cb, c = (ala2.start[i] for i in (6, 8, 10, 14))
    assert torch.linalg.cross(n - ca, c - ca) @ (cb - ca) > 0


def test_basins_of_alanine_dipeptide_cover_the_plane_once(ala2, generator):
    angles = (torch.rand(2, 10_000, generator=generator) * 2 - 1) * math.pi
    variables = {"phi": angles[0], "psi": angles[1]}
    inside = torch.stack([basin.contains(variables) for basin in ala2.basins])
    assert (inside.sum(0) == 1).all()


def test_dihedral_has_the_iupac_sign_and_range():
    # Looking along z from b to c, d is clockwise from a by the angle: positive
    for degrees in (-179.0, -60.0, 0.0, 45.0, 180.0):
        angle = math.radians(degrees)
        a, b, c = [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]
        d = [math.cos(angle), math.sin(angle), 1.0]
        x = torch.tensor([[a, b, c, d]], dtype=torch.float64)
        assert dihedral(x, (0, 1, 2, 3)).item() == pytest.approx(angle, abs=1e-12)


def test_a_basin_may_run_through_180_degrees():
    basin = Basin("b", {"phi": (3.0, -3.0)})
    inside = basin.contains({"phi": torch.tensor([3.1, -3.1, 0.0, -3.0])})
    assert inside.tolist() == [True, True, False, False]


@pytest.mark.openmm
def test_a_user_adds_a_system_by_a_folder(tmp_path, ala2):
    shutil.copytree(ala2.folder, tmp_path / "mine")
    mine = load_system(tmp_path / "mine")
    assert mine.name == "mine"
    assert mine.fingerprint == ala2.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("kT = 1.0", "temperatureK = 1.0"),
            "unknown key 'temperatureK'; did you mean 'temperature_K'",
        ),
        (
            ("barrier = 1.0", "bariere = 1.0"),
            r"unknown key 'potential.bariere'; did you mean 'barr",
        ),
        (("kT = 1.0", "kT = -1.0"), "kT: input should be greater than 0"),
        (("kT = 1.0", "temperature_K = 300.0"), "needs kT"),
        (('kind = "double_well"', 'kind = "tripple_well"'), "potential: input tag 'tripple_well'"),
        (("start = [0.5]", "start = [0.5, 0.1]"), "potential.start needs 1 coordinates"),
        (("x = 0", "x = 3"), "collective_variables.x: no coordinate 3"),
        (("x = 0", "x = 0\n[basins.left]\ny = [0.0, 1.0]"), "basins.left: no collective variable"),
        (("x = 0", "x = 0\n[sampling]\nladders = [1.0]"), "'sampling.ladders'; did you mean 'ladd"),
        (("x = 0", "x 0"), "not valid TOML"),
    ],
)
def test_mistakes_in_a_system_file_are_one_line(tmp_path, change, message):
    folder = write_toy(tmp_path / "toy", TOY.replace(*change))
    with pytest.raises(UsageError, match=message) as caught:
        load_system(folder)
    assert "system.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.openmm
@pytest.mark.parametrize(
    ("pdb", "message"),
    [
        (lambda text: None, "no such PDB file"),
        (lambda text: "hello", "cannot be read as PDB"),
        (
            lambda text: "\n".join(
                line for line in text.replace("ALA", "XYZ").splitlines() if " HB3 " not in line
            ),
            r"residue 2 \(XYZ\) matches no residue",
        ),
        (
            lambda text: "\n".join(line for line in text.splitlines() if " HB3 " not in line),
            r"residue 2 \(ALA\) has 9 atoms .* template 10 .*add missing hydrogens",
        ),
        (lambda text: text.replace("-1.155", "    nan", 1), "not a number|cannot be read"),
    ],
)
def test_a_pdb_that_does_not_fit_is_one_line(tmp_path, ala2, pdb, message):
    shutil.copytree(ala2.folder, tmp_path / "mine")
    path = tmp_path / "mine" / "ala2.pdb"
    text = path.read_text()
    text = text.replace(text.splitlines()[7][30:38], f"{'-1.155':>8s}", 1)
    text = pdb(text)
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_system(tmp_path / "mine")
    assert "\n" not in str(caught.value)


@pytest.mark.openmm
def test_a_dihedral_of_atoms_that_are_not_there_gets_a_suggestion(tmp_path, ala2):
    shutil.copytree(ala2.folder, tmp_path / "mine")
    path = tmp_path / "mine" / "system.toml"
    path.write_text(path.read_text().replace('phi = ["1:C"', 'phi = ["1:CC"'))
    with pytest.raises(UsageError, match=r"phi: no atom '1:CC'; did you mean '1:C"):
        load_system(tmp_path / "mine")


def test_peptide_at_another_temperature_is_the_same_molecule():
    system, warm = load_system("peptide:AG"), load_system("peptide:AG@350")
    assert (warm.name, warm.temperature_K) == ("peptide:AG@350", 350.0)
    assert warm.kT == pytest.approx(system.kT * 350 / 310)
    assert warm.atoms == system.atoms
    with pytest.raises(UsageError, match="'warm' is no temperature"):
        load_system("peptide:AG@warm")
