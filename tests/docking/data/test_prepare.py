"""Complexes of a folder as a file to train on, and what is left out."""

import csv

from molgen.cli.main import main
from molgen.docking.data.system_set import SystemSet
from tests.docking.complexes import complexes


def laid_out(folder):
    """Two complexes, a half of one, and one whose ligand is none."""
    for name in ("1uou", "1s3v"):
        protein, ligand = complexes()[name]
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}_protein.pdb").write_bytes(protein.read_bytes())
        (folder / name / f"{name}_ligand.sdf").write_bytes(ligand.read_bytes())
    for name in ("half", "empty"):
        (folder / name).mkdir()
        (folder / name / "x_protein.pdb").write_bytes(complexes()["1s3v"][0].read_bytes())
    (folder / "empty" / "x_ligand.sdf").touch()
    (folder / "other").mkdir()
    return folder


def test_complexes_become_a_file_and_what_is_left_out_is_listed(tmp_path, capsys):
    folder, output = laid_out(tmp_path / "Komplexe ü"), tmp_path / "out" / "set.npz"
    assert (
        main(["data", "prepare-complexes", str(folder), "-o", str(output), "--variants", "2"]) == 0
    )
    found = SystemSet.load(output)
    assert list(found.names) == ["1s3v", "1uou"]
    assert [len(own) for own in found.variants] == [2, 2]
    with open(output.with_suffix(".skipped.csv"), newline="") as handle:
        skipped = {row["name"]: row["reason"] for row in csv.DictReader(handle)}
    assert "no *_ligand.sdf beside x_protein.pdb" in skipped.pop("half")
    assert "x_ligand.sdf: holds no ligand" in skipped.pop("empty")
    assert skipped == {}
    said = capsys.readouterr()
    assert "2 complexes, 2 skipped" in said.out
    assert said.err.count("skipped: ") == 2


def test_a_crystal_that_still_holds_its_ligand_does_not_give_it_away(tmp_path):
    protein, ligand = complexes()["1uou"]
    folder = laid_out(tmp_path / "in")
    lines = ligand.read_text().splitlines()
    count = int(lines[3][:3])
    records = [
        f"HETATM{k:5d}  {line.split()[3]}{k:<2} LIG Z 900    "
        + "".join(f"{float(x):8.3f}" for x in line.split()[:3])
        + f"  1.00  0.00          {line.split()[3]:>2}\n"
        for k, line in enumerate(lines[4 : 4 + count], 1)
    ]
    text = "".join(x for x in protein.read_text().splitlines(True) if not x.startswith("END"))
    (folder / "1uou" / "1uou_protein.pdb").write_text(text + "".join(records) + "END\n")
    sizes = []
    for source in (folder, laid_out(tmp_path / "bare")):
        output = tmp_path / "set.npz"
        assert (
            main(["data", "prepare-complexes", str(source), "-o", str(output), "--variants", "1"])
            == 0
        )
        found = SystemSet.load(output)
        sizes.append(len(found.variants[list(found.names).index("1uou")][0].pocket))
    assert sizes[0] == sizes[1]


def test_folders_that_hold_nothing_are_refused(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "missing"):
        assert main(["data", "prepare-complexes", str(folder), "-o", str(tmp_path / "x.npz")]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["data", "prepare-complexes", str(tmp_path), "-o", str(tmp_path / "x.csv")]) == 2
    assert "complexes are written as .npz" in capsys.readouterr().err
