"""`--likeliest`: the share of what is drawn that an energy finds likeliest, however it is drawn."""

import csv

import numpy as np
import pytest

from molgen import checkpoint as checkpoints
from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.files import read_json
from molgen.graphs import sample as sampling
from molgen.graphs.convert import load_graphs
from molgen.graphs.energy import energies
from molgen.graphs.sample import sample
from molgen.graphs.task import restore
from molgen.steering import SteerPlan
from tests.graphs.conftest import TABLES

ENERGY = {
    "model": {**TABLES["model"], "kind": "energy"},
    "loss": [{"kind": "denoising"}],
}


@pytest.mark.parametrize("pairs", [2_000_000, 8 * 4**2])
def test_the_likeliest_of_each_size_are_kept_and_the_rest_is_listed(
    pairs, graph_checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr(sampling, "PAIRS_A_PART", pairs)
    folder = graph_checkpoint(**ENERGY)
    common = {"batch_size": 8, "seed": 1, "steps": 5}
    sample(folder, count=32, output=tmp_path / "all.npz", **common)
    told = []
    sample(
        folder,
        count=16,
        output=tmp_path / "kept.npz",
        likeliest=0.5,
        progress=lambda *of: told.append(of[1:]),
        **common,
    )
    assert told[-1] == (32, 32)
    drawn, kept = load_graphs(tmp_path / "all.npz"), load_graphs(tmp_path / "kept.npz")
    with open(tmp_path / "kept.rejected.csv") as file:
        lost = {int(line["number"]): line["reason"] for line in csv.DictReader(file)}
    assert set(lost.values()) == {"not among the likeliest"}
    left = [number for number in range(32) if number not in lost]
    expected = drawn.take(left)
    for name in ("sizes", "nodes", "edges"):
        assert (getattr(kept, name) == getattr(expected, name)).all()
    model, statistics = restore(checkpoints.load(folder))
    energy = energies(model, statistics, drawn)
    part = np.arange(32) // (16 if pairs < 1000 else 32)  # each part keeps its own half
    for size, number in {(int(drawn.sizes[k]), int(part[k])) for k in left}:
        same = (drawn.sizes == size) & (part == number)
        worse = [k for k in lost if same[k]]
        assert not worse or energy[[k for k in left if same[k]]].max() <= energy[worse].min()
    said = read_json(tmp_path / "kept.json")
    assert said["cost"] == "32 drawn for the 16 likeliest"
    assert (said["drawn"], said["kept"], "stopped" in said) == (32, 16, False)


def test_a_likelihood_has_what_the_energy_says(graph_checkpoint, tmp_path):
    folder = str(graph_checkpoint(**ENERGY))
    (tmp_path / "m.smi").write_text("CO\nCCO\n")
    words = ["likelihood", folder, str(tmp_path / "m.smi"), "-o", str(tmp_path / "m.csv")]
    assert main(words) == 0
    with open(tmp_path / "m.csv") as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines] == ["CO", "CCO"]
    # untrained it knows frequencies alone, of which the bound is not far
    for line in lines:
        gap = float(line["log_p_by_energy"]) - float(line["log_p_at_least"])
        assert abs(gap) < 4


def test_what_has_no_energy_or_no_such_share_is_refused(graph_checkpoint, tmp_path, capsys):
    output = str(tmp_path / "x.npz")
    words = ["sample", "graphs", "-n", "4", "-o", output, "--likeliest"]
    assert main([*words, "0.5", "-m", str(graph_checkpoint())]) == 2
    assert "this model has none" in capsys.readouterr().err
    folder = graph_checkpoint(**ENERGY)
    assert main([*words, "1.5", "-m", str(folder)]) == 2
    assert "no share between 0 and 1" in capsys.readouterr().err
    for other in ({"likelihood": True}, {"steering": SteerPlan.of(["qed"])}):
        with pytest.raises(UsageError, match="leave it out"):
            sample(folder, count=4, output=output, likeliest=0.5, **other)
