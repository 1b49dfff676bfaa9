"""Many graphs in parts: whatever stops the run, the file is that of a run that nothing stopped."""

import csv
import errno
import multiprocessing
import signal
import time
from pathlib import Path

import pytest

import molgen
from molgen.chem import writing as writing_molecules
from molgen.cli.main import main
from molgen.errors import MolgenError, UsageError
from molgen.files import read_json
from molgen.graphs import output as writing
from molgen.graphs import sample as sampling
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.sample import sample
from molgen.parts import Parts

COMMON = {"count": 50, "batch_size": 4, "seed": 2}


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(sampling, "PAIRS_A_PART", 8 * 4**2)  # 8 graphs of up to 4 nodes


class Stopped(Exception):
    pass


def stop_at(graphs):
    def progress(what, done, total):
        assert total == COMMON["count"]
        if done >= graphs:
            raise Stopped

    return progress


def content(folder):
    """Every file but the JSON, which tells the time."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}


def counts(path):
    said = read_json(path)
    return {key: said[key] for key in ("drawn", "valid and connected", "rejected")}


@pytest.mark.parametrize("name", ["m.smi", "m.sdf", "m.npz"])
def test_an_interrupted_run_goes_on_to_the_same_file(graph_checkpoint, small_parts, tmp_path, name):
    model = graph_checkpoint()
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    sample(model, output=whole / name, **COMMON)
    for graphs in (3, 20, 37, 50):
        with pytest.raises(Stopped):
            sample(model, output=broken / name, progress=stop_at(graphs), **COMMON)
    assert Parts(broken / f"{name}.parts").done(2)
    seen = []
    sample(model, output=broken / name, progress=lambda *told: seen.append(told[1]), **COMMON)
    assert min(seen) > 40  # what was done is not drawn again
    assert content(broken) == content(whole)
    if name == "m.npz":
        assert len(GraphSet.load(broken / name)) == COMMON["count"]
    else:
        assert counts(broken / "m.json") == counts(whole / "m.json")


def test_parts_join_to_what_is_drawn_at_once(graph_checkpoint, tmp_path, monkeypatch):
    model = graph_checkpoint()
    at_once, joined = tmp_path / "once", tmp_path / "joined"
    sample(model, output=at_once / "m.smi", **COMMON)
    monkeypatch.setattr(sampling, "PAIRS_A_PART", 8 * 4**2)
    sample(model, output=joined / "m.smi", **COMMON)
    assert content(joined) == content(at_once)
    assert counts(joined / "m.json") == counts(at_once / "m.json")
    assert counts(joined / "m.json")["drawn"] == COMMON["count"]
    said = read_json(joined / "m.json")
    assert not {"kept", "cost", "stopped"} & said.keys()  # nothing was chosen
    assert said["graphs_per_s"] == pytest.approx(COMMON["count"] / said["seconds"], rel=0.05)


def test_a_killed_run_goes_on_with_the_same_words(graph_checkpoint, small_parts, tmp_path):
    words = ["sample", "graphs", "-m", str(graph_checkpoint()), "-n", "60", "--batch-size", "4"]
    whole, killed = tmp_path / "whole" / "m.smi", tmp_path / "killed" / "m.smi"
    assert main([*words, "-o", str(whole)]) == 0
    context = multiprocessing.get_context("fork")  # spawning would take seconds of importing
    process = context.Process(target=main, args=([*words, "-o", str(killed)],))
    process.start()
    parts = Parts(killed.with_name("m.smi.parts"))
    while not parts.done(2) and process.is_alive():
        time.sleep(0.001)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it was done before it could be killed"
    assert not killed.exists()
    assert main([*words, "-o", str(killed)]) == 0
    assert content(killed.parent) == content(whole.parent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 3}, r"m\.smi\.parts: holds another run \(seed is 2 there, 3 here\)"),
        ({"steps": 9}, "steps is 4 there, 9 here"),
        ({"count": 60}, "count is 50 there, 60 here"),
        ({"count": 2}, "count is 50 there, 2 here"),
    ],
)
def test_other_settings_are_refused_while_a_run_is_unfinished(
    graph_checkpoint, small_parts, tmp_path, change, message
):
    model, output = graph_checkpoint(), tmp_path / "m.smi"
    with pytest.raises(Stopped):
        sample(model, output=output, progress=stop_at(20), **COMMON)
    with pytest.raises(UsageError, match=message):
        sample(model, output=output, **{**COMMON, **change})


def test_a_full_disk_keeps_what_is_done(graph_checkpoint, small_parts, tmp_path, monkeypatch):
    model, output = graph_checkpoint(), tmp_path / "out" / "m.smi"
    write, written = writing.write_text, []

    def until_full(path: Path, text: str):
        written.append(path)
        if len(written) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, text)

    monkeypatch.setattr(writing, "write_text", until_full)
    with pytest.raises(
        MolgenError, match=r"part-00000\d: cannot be written: No space left"
    ) as full:
        sample(model, output=output, **COMMON)
    assert "\n" not in str(full.value)
    assert [path.name for path in output.parent.iterdir()] == ["m.smi.parts"]
    monkeypatch.undo()
    monkeypatch.setattr(sampling, "PAIRS_A_PART", 8 * 4**2)
    sample(model, output=output, **COMMON)
    sample(model, output=tmp_path / "whole" / "m.smi", **COMMON)
    assert content(output.parent) == content(tmp_path / "whole")


def lines(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_repaired_molecules_are_told_from_drawn_ones(graph_checkpoint, tmp_path):
    """Of one seed, so that what is repaired is what was rejected without it."""
    model = graph_checkpoint()
    sample(model, output=tmp_path / "plain.smi", **COMMON)
    sample(model, output=tmp_path / "m.smi", repair=True, **COMMON)
    drawn = (tmp_path / "plain.smi").read_text().splitlines()
    molecules = dict(
        reversed(line.split("\t")) for line in (tmp_path / "m.smi").read_text().splitlines()
    )
    own = [f"{smiles}\t{name}" for name, smiles in molecules.items() if name.isdigit()]
    assert own == drawn
    repaired, rejected = lines(tmp_path / "m.repaired.csv"), lines(tmp_path / "m.rejected.csv")
    assert repaired
    for line in repaired:
        assert molecules[f"{line['number']}-repaired"] == line["smiles"]
        assert "." not in line["smiles"]
        assert int(line["bonds lowered"]) + int(line["atoms lost"]) > 0
        assert line["reason"]
    assert len(repaired) + len(own) == len(molecules)
    before = lines(tmp_path / "plain.rejected.csv")
    assert {line["number"] for line in before} == {line["number"] for line in repaired + rejected}
    said = read_json(tmp_path / "m.json")
    assert (said["valid and connected"], said["repaired"]) == (len(own), len(repaired))
    assert said["stereo"] == "not modelled"


def test_molecules_have_coordinates_in_space_or_are_listed(graph_checkpoint, tmp_path, monkeypatch):
    space = writing_molecules.placed_in_space

    def but_the_last(mol, *, seed):
        if mol.GetNumAtoms() == 1:
            raise UsageError("no coordinates obey its geometry")
        return space(mol, seed=seed)

    monkeypatch.setattr(writing_molecules, "placed_in_space", but_the_last)
    sample(graph_checkpoint(), output=tmp_path / "m.sdf", three_d=True, repair=True, **COMMON)
    flat = lines(tmp_path / "m.flat.csv")
    written = (tmp_path / "m.sdf").read_text().split("$$$$\n")[:-1]
    in_space = [entry for entry in written if "3D" in entry.splitlines()[1]]
    assert {line["name"] for line in flat} == {
        entry.splitlines()[0] for entry in written if entry not in in_space
    }
    assert in_space
    assert flat[0]["reason"] == "no coordinates obey its geometry"
    assert read_json(tmp_path / "m.json")["without coordinates in space"] == len(flat)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("m.npz", {"repair": True}, "holds graphs as drawn; repair them into .smi or .sdf"),
        ("m.smi", {"three_d": True}, "only .sdf has room for coordinates in three dimensions"),
        ("m.xyz", {}, "graphs are written as .smi, .sdf, .npz"),
    ],
)
def test_files_that_have_no_room_are_refused(graph_checkpoint, tmp_path, name, options, message):
    with pytest.raises(UsageError, match=message):
        sample(graph_checkpoint(), output=tmp_path / name, **options, **COMMON)


def test_plain_graphs_are_no_molecules(graph_checkpoint, tmp_path):
    model = graph_checkpoint(plain=True)
    with pytest.raises(UsageError, match=r"these graphs are no molecules; write them as .npz"):
        sample(model, output=tmp_path / "m.smi", **COMMON)
    sample(model, output=tmp_path / "m.npz", **COMMON)
    assert "stereo" not in read_json(tmp_path / "m.json")


def test_drawn_graphs_are_three_lines_from_other_libraries(graph_checkpoint, tmp_path):
    path = molgen.sample(graph_checkpoint(), output=tmp_path / "m.npz", **COMMON)
    graphs = molgen.load_graphs(path)
    atoms = [graph.number_of_nodes() for graph in molgen.to_networkx(graphs)]
    assert atoms == graphs.sizes.tolist()
    valid = [mol for mol in molgen.to_rdkit(graphs) if mol is not None]
    assert 0 < len(valid) <= len(graphs) == COMMON["count"]


def test_few_graphs_leave_nothing_beside_their_files(graph_checkpoint, tmp_path):
    output = tmp_path / "out" / "m.smi"
    with pytest.raises(Stopped):
        sample(graph_checkpoint(), output=output, progress=stop_at(20), **COMMON)
    assert list(output.parent.iterdir()) == []
