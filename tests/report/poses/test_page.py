"""The page of docked poses: whole and offline, with every pose in it."""

import csv
import json
from pathlib import Path

import pytest
from rdkit import Chem

import molgen
from molgen.cli.main import main
from tests.docking.complexes import complexes
from tests.docking.tiny import tiny_checkpoint

PROTEIN, LIGAND = complexes()["1uou"]


def docked(output: Path, ligand: str | Path, **options) -> Path:
    model = tiny_checkpoint(output.parent / "checkpoint")
    done = molgen.dock(
        PROTEIN,
        ligand,
        pocket=LIGAND,
        model=model,
        output=output,
        poses=2,
        search=0,
        steps=2,
        jobs=1,
        **options,
    )
    return done.output


def data_of(page: str) -> dict:
    return json.loads(page.split('id="docked">')[1].split("</script>")[0])


@pytest.fixture(scope="module")
def poses(tmp_path_factory):
    return docked(tmp_path_factory.mktemp("größe") / "poses.sdf", LIGAND, reference=LIGAND)


def test_the_page_of_a_ligand_holds_every_pose_and_loads_nothing(poses, assert_whole, capsys):
    assert main(["report", str(poses)]) == 0
    path = poses.with_suffix(".html")
    assert capsys.readouterr().out.strip() == str(path)
    page = path.read_text(encoding="utf-8")
    assert_whole(page)
    data = data_of(page)
    (ligand,) = data["ligands"]
    with open(poses.with_suffix(".csv"), newline="") as handle:
        table = list(csv.DictReader(handle))
    assert len(table) >= 1
    for pose, row in zip(ligand["poses"], table, strict=True):
        cells = dict(zip(data["heads"], pose["cells"], strict=True))
        assert cells["rank"] == row["rank"]
        assert cells["RMSD (Å)"] == row["rmsd_A"]
        assert cells["checks"] == {"True": "pass", "False": "fail"}[row["pb_valid"]]
        assert cells["affinity (kcal/mol)"] == row["affinity_kcal_mol"].replace("-", "−")
        assert Chem.MolFromMolBlock(pose["block"]).GetNumAtoms() == 16
    assert Chem.MolFromMolBlock(data["reference"]) is not None
    assert data["pockets"][ligand["receptor"]].startswith("ATOM")


def test_the_page_of_a_library_ranks_ligands_and_says_what_failed(tmp_path, assert_whole):
    library = tmp_path / "library.csv"
    library.write_text("name,smiles\n<b>,CCO\nc,CCN\nbad,c1cc(\n", encoding="utf-8")
    folder = docked(tmp_path / "run", library, checks=False)
    assert main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert_whole(page)
    assert "2 ligands in 1uou" in page
    assert "&lt;b&gt;" in page
    assert "not a SMILES" in page
    with open(folder / "ranking.csv", newline="") as handle:
        ranked = [row["name"] for row in csv.DictReader(handle)]
    assert [ligand["name"] for ligand in data_of(page)["ligands"]] == ranked
    assert sorted(ranked) == ["<b>", "c"]


def test_a_page_of_what_is_not_there_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path / "x.sdf")]) == 2
    assert "x.json: cannot be read" in capsys.readouterr().err
