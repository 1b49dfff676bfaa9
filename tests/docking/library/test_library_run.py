"""Many ligands into a folder: whatever stops the run, each ligand is docked once, and the same."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import molgen
from molgen.cli.main import main
from molgen.errors import MolgenError, UsageError
from molgen.files import read_json
from tests.docking.complexes import complexes

PROTEIN, LIGAND = complexes()["1uou"]
QUICK = {"poses": 2, "search": 0, "steps": 2, "checks": False}
WORDS = ["--poses", "2", "--search", "0", "--steps", "2", "--no-checks"]

LIBRARY = """name,smiles
alcohol,CCO
unreadable,c1cc(
amine,CCN
strained,C1#CC1
alcohol,CCO
größe/..,CCC(=O)[O-]
salt,CC(=O)[O-].[Na+]
"""
DOCKED = ["alcohol", "amine", "alcohol_2", "größe/.."]
FAILED = {
    "unreadable": "not a SMILES",
    "strained": "no conformer can be embedded",
    "salt": "2 parts",
}


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def content(folder: Path) -> dict[str, bytes]:
    """All that does not tell the time."""
    names = ["poses.sdf", "poses.csv", "ranking.csv", "failures.csv", "manifest.csv", "pocket.pdb"]
    files = [*(folder / name for name in names), *(folder / "poses").iterdir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("Bücherei") / "library.csv"
    path.write_text(LIBRARY, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(library, docking_checkpoint):
    """The folder of a run that nothing stopped."""
    output, told = library.parent / "whole", []
    done = dock(library, output, docking_checkpoint, progress=lambda *what: told.append(what))
    assert len(done.rows) == len(DOCKED)
    assert told[0] == ("docking", 0, 7)
    assert told[-1] == ("docking", 7, 7)
    return output


def dock(ligand, output, model, jobs=2, receptor=PROTEIN, **options):
    settings = {**QUICK, **options}
    return molgen.dock(
        receptor, ligand, pocket=LIGAND, model=model, output=output, jobs=jobs, **settings
    )


def test_every_ligand_is_docked_or_listed(whole, library):
    manifest = rows(whole / "manifest.csv")
    assert [row["name"] for row in manifest] == [
        *("alcohol", "unreadable", "amine", "strained", "alcohol_2", "größe/..", "salt")
    ]
    failures = rows(whole / "failures.csv")
    assert {row["name"] for row in failures} == set(FAILED)
    for row in failures:
        assert FAILED[row["name"]] in row["reason"]
    docked = [row for row in manifest if row["name"] not in FAILED]
    files = {path.name for path in (whole / "poses").iterdir()}
    assert files == {Path(row["file"]).name for row in docked}
    together = "".join((whole / row["file"]).read_text() for row in docked)
    assert (whole / "poses.sdf").read_text() == together
    best = [row for row in rows(whole / "poses.csv") if row["rank"] == "1"]
    assert [row["name"] for row in best] == DOCKED
    ranking = rows(whole / "ranking.csv")
    affinities = [float(row["affinity_kcal_mol"]) for row in ranking]
    assert affinities == sorted(affinities)
    assert {row["name"] for row in ranking} == set(DOCKED)
    said = read_json(whole / "summary.json")
    assert (said["entries"], said["docked"], said["failed"]) == (7, 4, 3)
    assert said["seconds"]["network"] > 0


def test_a_ligand_does_not_know_its_neighbours(whole, docking_checkpoint, tmp_path):
    dock("CCN amine", tmp_path / "amine.sdf", docking_checkpoint)
    assert (tmp_path / "amine.sdf").read_bytes() == (whole / "poses/0003_amine.sdf").read_bytes()


def test_the_number_of_processes_does_not_matter(whole, library, docking_checkpoint, tmp_path):
    dock(library, tmp_path / "run", docking_checkpoint, jobs=1)
    assert content(tmp_path / "run") == content(whole)


def test_a_file_of_many_into_one_sdf(whole, library, docking_checkpoint, tmp_path):
    output = tmp_path / "all.sdf"
    done = dock(library, output, docking_checkpoint)
    assert output.read_bytes() == (whole / "poses.sdf").read_bytes()
    assert (tmp_path / "all.ranking.csv").read_bytes() == (whole / "ranking.csv").read_bytes()
    assert (tmp_path / "all.failures.csv").read_bytes() == (whole / "failures.csv").read_bytes()
    assert not (tmp_path / "all.sdf.parts").exists()
    assert {name for name, _ in done.failures} == set(FAILED)


def killed_when(words: list[str], moment, script: Path) -> None:
    """Run a command from a script, and kill it and nothing else once `moment()` holds."""
    # As people write them, with nothing to keep processes from running it again.
    script.write_text(f"from molgen.cli.main import main\nmain({words!r})\n", encoding="utf-8")
    root = Path(molgen.__file__).parent.parent
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, str(script)], env=environment)
    while not moment() and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"


def test_a_killed_run_goes_on_with_the_same_words(whole, library, docking_checkpoint, tmp_path):
    folder = tmp_path / "run"
    words = ["dock", "-r", str(PROTEIN), "-l", str(library), "-p", str(LIGAND), *WORDS]
    words += ["-m", str(docking_checkpoint), "-o", str(folder), "--jobs", "1"]
    killed_when(words, lambda: any(folder.glob("poses/*.sdf")), tmp_path / "script.py")
    assert not (folder / "poses.sdf").exists()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("poses/*.sdf")}
    assert 1 <= len(before) < len(DOCKED)
    with open(folder / "failures.csv", "a") as handle:
        handle.write('7,r,"cut in the mid')  # as a kill may leave it
    assert main(words) == 0
    assert content(folder) == content(whole)
    for path, time_ns in before.items():
        assert path.stat().st_mtime_ns == time_ns, "it was docked twice"
    assert main(words) == 0  # nothing is left to do
    assert content(folder) == content(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed is 0 there, 1 here"),
        ({"poses": 3}, "poses is 2 there, 3 here"),
        ({"radius_nm": 1.2}, r"receptors\.0\.radius_nm is 1\.5 there, 1\.2 here"),
    ],
)
def test_another_run_is_refused(whole, library, docking_checkpoint, change, message):
    with pytest.raises(UsageError, match=message):
        dock(library, whole, docking_checkpoint, **change)


def test_another_library_is_refused(whole, docking_checkpoint, tmp_path):
    other = tmp_path / "library.csv"
    other.write_text(LIBRARY + "more,C\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"ligands\.0\.sha256 is"):
        dock(other, whole, docking_checkpoint)


def test_several_receptors(docking_checkpoint, tmp_path):
    others = [complexes()[name] for name in ("1uou", "1s3v")]
    done = molgen.dock(
        [protein for protein, _ in others],
        "CCO alcohol",
        pocket=[ligand for _, ligand in others],
        model=docking_checkpoint,
        output=tmp_path / "run",
        jobs=1,
        **QUICK,
    )
    names = {"1uou_protein_one_lig_removed", "1s3v_protein_one_lig_removed"}
    assert {row["receptor"] for row in done.rows} == names
    assert {path.name for path in (tmp_path / "run").glob("*.pocket.pdb")} == {
        f"{name}.pocket.pdb" for name in names
    }


def test_a_run_without_any_pose_has_failed(docking_checkpoint, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("name,smiles\na,c1cc(\nb,CC.C\n")
    with pytest.raises(MolgenError, match=r"none of 2 ligands .*failures.csv; the first: a: .*not"):
        dock(path, tmp_path / "run", docking_checkpoint)
    assert [row["name"] for row in rows(tmp_path / "run" / "failures.csv")] == ["a", "b"]
