"""`molgen dock` as a user meets it: files, faults, and a page."""

import csv
import json
from pathlib import Path

import pytest
from rdkit import Chem

import molgen
from molgen.cli.main import main
from molgen.docking import desk
from molgen.errors import MolgenError, UsageError
from tests.docking.complexes import complexes

PROTEIN, LIGAND = map(str, complexes()["1uou"])
QUICK = {"poses": 2, "search": 0, "steps": 2}
WORDS = ["--poses", "2", "--search", "0", "--steps", "2"]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def poses(docking_checkpoint, tmp_path_factory):
    """An SDF of poses, with what lies beside it."""
    output = tmp_path_factory.mktemp("größe") / "out" / "poses.sdf"
    words = ["dock", "-r", PROTEIN, "-l", LIGAND, "-p", LIGAND, "-m", str(docking_checkpoint)]
    assert main([*words, *WORDS, "--reference", LIGAND, "-o", str(output)]) == 0
    return output


def test_poses_are_the_ligand_as_it_was_given_with_what_is_known_of_each(poses):
    given = Chem.MolToSmiles(Chem.MolFromMolFile(LIGAND))
    records = list(Chem.SDMolSupplier(str(poses)))
    table = rows(poses.with_suffix(".csv"))
    assert 1 <= len(records) <= 2
    for rank, (record, row) in enumerate(zip(records, table, strict=True), 1):
        assert Chem.MolToSmiles(record) == given
        values = record.GetPropsAsDict()
        assert values["rank"] == rank == int(row["rank"])
        assert record.GetProp("_Name") == values["name"] == row["name"]
        for key in ("energy_kcal_mol", "affinity_kcal_mol", "rmsd_A"):
            assert values[key] == pytest.approx(float(row[key]))
        assert row["pb_valid"] == str(
            "False" not in [value for key, value in row.items() if key != "pb_valid"]
        )
    energies = [float(row["energy_kcal_mol"]) for row in table]
    assert energies == sorted(energies)


def test_the_json_says_how_and_from_what(poses, docking_checkpoint):
    said = json.loads(poses.with_suffix(".json").read_text())
    assert said["settings"]["seed"] == 0
    assert said["settings"]["weights"] == molgen.load_checkpoint(docking_checkpoint).fingerprint
    assert set(said["seconds"]) >= {"preparation", "network", "physics", "checks"}
    (receptor,) = said["receptors"]
    assert receptor["radius_A"] == 15
    assert (poses.parent / receptor["pocket"]).read_text().startswith("ATOM")
    assert said["provenance"]["molgen"] == molgen.__version__


def test_the_same_seed_gives_the_same_file_and_python_the_same_as_the_command(
    poses, docking_checkpoint, tmp_path
):
    done = molgen.dock(
        PROTEIN,
        LIGAND,
        pocket=LIGAND,
        model=docking_checkpoint,
        reference=LIGAND,
        output=tmp_path / "again.sdf",
        **QUICK,
    )
    assert done.output.read_bytes() == poses.read_bytes()
    assert [row["rank"] for row in done.rows] == [str(k + 1) for k in range(len(done.rows))]


def test_centre_and_smiles_do_too_and_stereo_that_is_open_is_said(
    docking_checkpoint, tmp_path, capsys
):
    x, y, z = 10 * desk.Target.of(Path(PROTEIN), desk.Site(reference=Path(LIGAND))).pocket.centre
    words = ["dock", "-r", PROTEIN, "-l", "CC(F)O", "--center", f"{x},{y},{z}", "--no-checks"]
    output = str(tmp_path / "x.sdf")
    assert main([*words, *WORDS, "-m", str(docking_checkpoint), "-o", output]) == 0
    said = capsys.readouterr()
    assert "stereo of atom C2 is not given" in said.err
    assert said.out.strip().endswith("x.sdf")
    (row, *_) = rows(tmp_path / "x.csv")
    assert "pb_valid" not in row
    assert "stereo of atom C2" in row["notes"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"-r": "missing.pdb"}, "missing.pdb: no such file"),
        ({"-r": "EMPTY.pdb"}, "EMPTY.pdb: is empty"),
        ({"-l": "missing.sdf"}, "missing.sdf: no such file"),
        ({"-l": "EMPTY.sdf"}, "EMPTY.sdf: holds no ligand"),
        ({"-l": "c1cc("}, "not a SMILES"),
        ({"-l": "CC.O"}, "2 parts"),
        ({"-p": "EMPTY.sdf"}, "EMPTY.sdf: holds no ligand"),
        ({"-p": "FLAT.smi"}, "no 3-D coordinates that could say where the pocket is"),
        ({"-p": None}, "nothing says where the pocket is"),
        ({"--center": "1,2,3"}, "more than one option says"),
        ({"-p": None, "--center": "1,2"}, "centre must be three numbers"),
        ({"-p": None, "--center": "a,b,c"}, "give three numbers in Å"),
        ({"-p": None, "--center": "900,0,0"}, "no protein atom within 15.0 Å"),
        ({"-p": None, "--residues": "Z:1"}, "has no residue Z:1"),
        ({"--reference": "EMPTY.sdf"}, "EMPTY.sdf: holds no ligand"),
        ({"-m": "no_such_model"}, "no checkpoint named 'no_such_model'"),
        ({"--scoring": "gold"}, "gold"),
        ({"--solver": "magic"}, "magic"),
        ({"--device": "abacus"}, "device abacus"),
        ({"-o": "poses.mol2"}, "poses are written as .sdf, or into a folder"),
    ],
    ids=lambda value: " ".join(map(str, next(iter(value.items())))) if type(value) is dict else "",
)
def test_input_that_cannot_be_used_is_one_line(
    docking_checkpoint, tmp_path, monkeypatch, capsys, change, message
):
    monkeypatch.chdir(tmp_path)
    for name in ("EMPTY.pdb", "EMPTY.sdf"):
        (tmp_path / name).touch()
    (tmp_path / "FLAT.smi").write_text("CCO\n")
    options = {
        "-r": PROTEIN,
        "-l": "CCO",
        "-p": LIGAND,
        "-m": str(docking_checkpoint),
        "-o": "poses.sdf",
        **change,
    }
    words = [word for key, value in options.items() if value for word in (key, value)]
    assert main(["dock", *words, *WORDS]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "poses.sdf").exists()


def test_a_ligand_that_cannot_be_embedded_is_a_failed_run(docking_checkpoint, tmp_path, capsys):
    words = ["dock", "-r", PROTEIN, "-l", "C1#CC1 ring", "-p", LIGAND]
    output = str(tmp_path / "x.sdf")
    assert main([*words, "-m", str(docking_checkpoint), "-o", output]) == 1
    assert "ring: no conformer can be embedded" in capsys.readouterr().err


def test_too_little_memory_is_said_in_words(docking_checkpoint, tmp_path, monkeypatch):
    def full(*_, **__):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(desk.Docker, "dock", full)
    with pytest.raises(MolgenError, match=r"not enough memory for 2 poses .* smaller radius"):
        molgen.dock(
            PROTEIN,
            "CCO",
            pocket=LIGAND,
            model=docking_checkpoint,
            output=tmp_path / "x.sdf",
            **QUICK,
        )


def test_a_pocket_larger_than_memory_is_refused(docking_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(desk, "available_memory", lambda: 10_000_000)
    words = ["dock", "-r", PROTEIN, "-l", "CCO", "-p", LIGAND, "-m", str(docking_checkpoint)]
    assert main([*words, "--radius", "30", "-o", str(tmp_path / "x.sdf")]) == 2
    said = capsys.readouterr().err
    assert "choose a smaller radius" in said
    assert said.count("\n") == 1


def test_a_reference_of_another_molecule_is_said_and_gives_no_rmsd(docking_checkpoint, tmp_path):
    done = molgen.dock(
        PROTEIN,
        "CCO",
        pocket=LIGAND,
        model=docking_checkpoint,
        reference=LIGAND,
        output=tmp_path / "x.sdf",
        checks=False,
        **QUICK,
    )
    assert "is another molecule" in done.rows[0]["notes"]
    assert "rmsd_A" not in done.rows[0]


@pytest.mark.parametrize(
    ("receptor", "options", "message"),
    [
        ([], {}, "nothing to dock into"),
        (PROTEIN, {"poses": 0}, "poses = 0"),
        (PROTEIN, {"keep": 0}, "keep = 0"),
        (PROTEIN, {"search": -1}, "steps = -1"),
    ],
)
def test_numbers_are_checked_in_python_too(
    docking_checkpoint, tmp_path, receptor, options, message
):
    with pytest.raises(UsageError, match=message):
        molgen.dock(
            receptor,
            "CCO",
            pocket=LIGAND,
            model=docking_checkpoint,
            output=tmp_path / "x.sdf",
            **options,
        )


def test_the_number_of_pockets_is_that_of_receptors_or_one(docking_checkpoint, tmp_path):
    with pytest.raises(UsageError, match="2 pockets for 3 receptors"):
        molgen.dock(
            [PROTEIN] * 3, "CCO", pocket=[LIGAND] * 2, model=docking_checkpoint, output=tmp_path
        )
