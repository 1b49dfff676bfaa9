"""Many graphs in parts: whatever stops the run, the file is that of a run that nothing stopped."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from molgen.cli.main import main
from molgen.errors import MolgenError, UsageError
from molgen.files import read_json
from molgen.graphs import output as writing
from molgen.graphs import sample as sampling
from molgen.graphs.graph_set import GraphSet
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


KILLED = """
import sys
from molgen.cli.main import main
from molgen.graphs import sample
sample.PAIRS_A_PART = 128
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_run_goes_on_with_the_same_words(graph_checkpoint, tmp_path):
    words = ["sample", "graphs", "-m", str(graph_checkpoint()), "-n", "200", "--batch-size", "4"]
    (tmp_path / "killed").mkdir()
    whole, killed = tmp_path / "whole" / "m.smi", tmp_path / "killed" / "m.smi"
    assert main([*words, "-o", str(whole)]) == 0
    command = [sys.executable, "-c", KILLED, *words, "-o", str(killed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    parts = Parts(killed.with_name("m.smi.parts"))
    with subprocess.Popen(command, env=environment) as process:
        while not parts.done(3) and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"
    assert not killed.exists()
    subprocess.run(command, env=environment, check=True, capture_output=True)
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


def test_few_graphs_leave_nothing_beside_their_files(graph_checkpoint, tmp_path):
    output = tmp_path / "out" / "m.smi"
    with pytest.raises(Stopped):
        sample(graph_checkpoint(), output=output, progress=stop_at(20), **COMMON)
    assert list(output.parent.iterdir()) == []
