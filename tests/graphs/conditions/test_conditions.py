"""Graphs drawn under conditions, by models that know nothing of chemistry."""

import dataclasses

import numpy as np
import pytest
import torch

import molgen
from molgen import checkpoint
from molgen.chem.molecules import MolecularGraph, molecule_of
from molgen.chem.validity import check_graph
from molgen.cli.main import main
from molgen.core.random import Streams
from molgen.core.steering.guidance import OfProbabilities
from molgen.errors import MolgenError, UsageError
from molgen.files import read_json
from molgen.graphs.conditions import Conditions
from molgen.graphs.conditions.scaffold import KeptScaffold
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import rows_of
from molgen.graphs.drawing import draw, sizes_of
from molgen.graphs.sample import sample
from molgen.graphs.task import restore
from molgen.sampler import SampleTable
from tests.graphs.drawn import FEW, equal


def ready(folder, **conditions):
    """Model, statistics and conditions made ready."""
    model, statistics = restore(checkpoint.load(folder))
    return model, statistics, Conditions(**conditions).ready(model, statistics)


@pytest.mark.parametrize("kind", ["transformer", "gdss"])
def test_every_graph_is_the_scaffold_and_what_grew_where_it_may(graph_checkpoint, kind):
    folder = graph_checkpoint(model={"kind": kind}) if kind == "gdss" else graph_checkpoint()
    model, statistics, given = ready(folder, scaffold="N(*)C=O")
    drawn = draw(model, statistics, 60, given=given, table=FEW)
    assert set(drawn.sizes.tolist()) == {3, 4}
    for k in range(len(drawn)):
        nodes, edges = drawn.graph(k)
        assert nodes[:3].tolist() == [2, 0, 1]
        assert edges[:3, :3].tolist() == [[0, 1, 0], [1, 0, 2], [0, 2, 0]]
        assert not edges[1:3, 3:].any()  # only the nitrogen may grow
    assert any(drawn.graph(k)[1][0, 3:].any() for k in range(len(drawn)))
    valid = [check_graph(MolecularGraph(*drawn.graph(k)), drawn.vocabulary) for k in range(60)]
    kept = [given.scaffold.scaffold.match(v.sanitised) for v in valid if v.valid_and_connected]
    assert kept
    assert all(kept)


def test_graph_k_is_the_same_in_any_batch_under_conditions(graph_checkpoint, predictor):
    folder = graph_checkpoint()
    model, statistics, given = ready(
        folder,
        scaffold="CO",
        atoms=(2, 4),
        properties={"size": 3.0},
        guidance=100.0,
        predictor=str(predictor),
    )
    options = {"given": given, "table": FEW, "seed": 5}
    whole = draw(model, statistics, 30, **options)
    parts = [draw(model, statistics, 10, first=k, batch_size=3, **options) for k in (0, 10, 20)]
    assert equal(whole, GraphSet.joined(parts))
    unguided = ready(folder, scaffold="CO", atoms=(2, 4))[2]
    assert not equal(whole, draw(model, statistics, 30, given=unguided, table=FEW, seed=5))


def test_sizes_are_as_frequent_as_in_training_within_the_range(graph_checkpoint):
    model, statistics, given = ready(graph_checkpoint(), atoms=(2, 3))
    drawn = draw(model, statistics, 400, given=given, table=SampleTable(steps=1))
    counts = np.bincount(drawn.sizes, minlength=5)
    assert counts[[0, 1, 4]].sum() == 0
    assert abs(counts[2] / 400 - 3 / 7) < 5 * 0.5 / 400**0.5  # of 2, 3, 4, 1 graphs of 1 to 4 nodes


def test_sizes_and_noise_know_nothing_of_each_other():
    n = sizes_of((0.0, 1.0, 1.0), 0, 0, 4000)
    noise = Streams.of(0, 0, 4000).normal(torch.zeros(4000, 2, 1), rows_of(n, 2)["x"])[:, 0, 0]
    gap = noise[n == 1].mean() - noise[n == 2].mean()
    assert abs(gap) < 4 * (2 / 2000) ** 0.5  # four standard errors of two means


def test_sizes_are_as_likely_as_what_steers_makes_them(graph_checkpoint):
    """With p(y | n) ~ 3^n the four sizes of 2, 3, 4, 1 training graphs are 6 : 27 : 108 : 81."""
    model, statistics = restore(checkpoint.load(graph_checkpoint()))

    def term(batch, t):
        return np.log(3) * batch.rows["x"].count(batch.state["x"])

    given = Conditions().ready(model, statistics, terms=[term])
    assert given.sizes == pytest.approx(np.array([0, 6, 27, 108, 81]) / 222, rel=1e-5)
    squared = Conditions(guidance=2.0, atoms=(3, 4)).ready(model, statistics, terms=[term])
    assert squared.sizes == pytest.approx(np.array([0, 0, 0, 4, 9]) / 13, rel=1e-5)
    drawn = draw(model, statistics, 300, given=given, table=SampleTable(steps=1))
    assert abs((drawn.sizes == 3).mean() - 108 / 222) < 5 * 0.5 / 300**0.5


def test_graphs_come_nearer_to_what_a_function_of_their_types_wants(graph_checkpoint):
    """More oxygen, by a likelihood of the denoised types."""
    model, statistics = restore(checkpoint.load(graph_checkpoint()))
    term = OfProbabilities(model, lambda p, batch: 4 * batch.rows["x"].total(p["x"])[:, 1])
    shares = []
    for terms in ((), (term,)):
        given = Conditions().ready(model, statistics, terms=terms)
        drawn = draw(model, statistics, 100, given=given, table=SampleTable(steps=20))
        shares.append((drawn.nodes == 1).mean())
    assert shares[1] > 2 * shares[0]


def test_any_likelihood_steers_the_graphs_of_a_file(graph_checkpoint, tmp_path):
    folder = graph_checkpoint()
    model, statistics = restore(checkpoint.load(folder))
    term = OfProbabilities(model, lambda p, batch: 4 * batch.rows["x"].total(p["x"])[:, 1])
    path = molgen.sample(
        folder, count=30, steps=5, solver="ancestral", output=tmp_path / "o.npz", terms=[term]
    )
    given = Conditions().ready(model, statistics, terms=[term])
    assert equal(GraphSet.load(path), draw(model, statistics, 30, given=given, table=FEW))
    assert not equal(GraphSet.load(path), draw(model, statistics, 30, table=FEW))
    assert read_json(tmp_path / "o.json")["terms"] == 1


@pytest.mark.parametrize("suffix", [".smi", ".npz"])
def test_files_hold_what_is_allowed_and_say_what_it_cost(
    graph_checkpoint, tmp_path, monkeypatch, suffix
):
    folder = graph_checkpoint()
    conditions = Conditions(forbid=("O",), atoms=(2, 4), scaffold="C")
    options = {"count": 12, "seed": 1, "conditions": conditions, "batch_size": 4}
    at_once, joined = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    sample(folder, output=at_once, **options)
    monkeypatch.setattr("molgen.graphs.sample.PAIRS_A_PART", 4 * 4**2)
    sample(folder, output=joined, **options)
    assert at_once.read_bytes() == joined.read_bytes()
    said, in_parts = (read_json(path.with_suffix(".json")) for path in (at_once, joined))
    assert said["kept"] == 12
    assert {k: said[k] for k in ("drawn", "cost")} == {k: in_parts[k] for k in ("drawn", "cost")}
    assert said["conditions"] == {"scaffold": "C", "atoms": [2, 4], "forbid": ["O"]}
    rejected = (tmp_path / "a.rejected.csv").read_text().splitlines()[1:]
    assert len(rejected) == said["drawn"] - 12
    if suffix == ".npz":
        assert not (GraphSet.load(at_once).nodes == 1).any()
    else:
        assert "O" not in at_once.read_text()


def test_the_command_line_takes_them_all_and_prints_the_cost(graph_checkpoint, tmp_path, capsys):
    words = ["sample", "graphs", "-m", str(graph_checkpoint()), "-n", "6", "--steps", "3"]
    words += ["--scaffold", "C*", "--atoms", "2-3", "--forbid", "[OH]", "--forbid", "C=N"]
    assert main([*words, "-o", str(tmp_path / "m.smi")]) == 0
    assert " drawn for 6 kept; " in capsys.readouterr().err
    assert len((tmp_path / "m.smi").read_text().splitlines()) == 6
    words += ["--forbid", "[#6]", "--most-draws", "20"]
    assert main([*words, "-o", str(tmp_path / "none.smi")]) == 0
    assert "stopped: 0 of 6 after 20 draws" in capsys.readouterr().err
    assert (tmp_path / "none.smi").read_text() == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scaffold", "CBr"], "scaffold 'CBr': atom Br is not in the vocabulary (C, O, N)"),
        (["--scaffold", "C1CC"], "scaffold 'C1CC' cannot be read as SMILES"),
        (["--scaffold", "CCCCC"], "has 5 heavy atoms: it does not fit into a molecule of 4"),
        (["--scaffold", "CCC", "--atoms", "2"], "does not fit into a molecule of 2"),
        (["--scaffold", "O=C=O", "--atoms", "4"], "has no atom that could bear another bond"),
        (["--atoms", "3-5"], "atoms 3-5: the model draws graphs of 1 to 4 nodes"),
        (["--atoms", "0"], "write a number such as 9, or a range such as 7-9"),
        (["--atoms", "4-3"], "atoms '4-3': 3 is less than 4"),
        (["--property", "logp"], "property 'logp': write it as logp=2.0"),
        (["--property", "logp=nan"], "finite"),
        (["--property", "logp=1", "--property", "logp=2"], "'logp' is asked to be 1 and 2"),
        (["--property", "logp=1"], "tiny_properties"),
        (["--forbid", "[OH"], "'[OH' is not a SMARTS pattern"),
        (["--most-draws", "9"], "a limit of draws is for what is forbidden"),
        (["--predictor", "p"], "a predictor is for properties"),
        (["--guidance", "2"], "guidance 2 is for properties (or terms); none is asked for"),
        (["--scaffold", "C", "--repair"], "repairing may break a scaffold"),
    ],
)
def test_conditions_that_cannot_be_met_are_one_line(
    graph_checkpoint, tmp_path, capsys, words, message
):
    model = str(graph_checkpoint())
    assert main(["sample", "graphs", "-m", model, "-o", str(tmp_path / "m.smi"), *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "m.smi").exists()


def test_properties_beyond_what_was_learned_are_refused(graph_checkpoint, predictor):
    model, statistics = restore(checkpoint.load(graph_checkpoint()))

    def asked(**properties):
        Conditions(properties=properties, predictor=str(predictor)).ready(model, statistics)

    asked(size=2.0)
    with pytest.raises(UsageError, match="size=9: among the training graphs it is from 1 to 4"):
        asked(size=9.0)
    with pytest.raises(UsageError, match=r"no property 'sise'.*size"):
        asked(sise=2.0)
    with pytest.raises(UsageError, match="draws graphs and predicts no properties"):
        Conditions(properties={"size": 2.0}, predictor=str(graph_checkpoint())).ready(
            model, statistics
        )
    with pytest.raises(UsageError, match="trained on other graphs than the model, by their types"):
        Conditions(properties={"size": 2.0}, predictor=str(predictor)).ready(
            model, dataclasses.replace(statistics, nodes=(0.5, 0.5))
        )
    with pytest.raises(UsageError, match="predicts properties of graphs and draws none"):
        restore(checkpoint.load(predictor))
    model, statistics = restore(checkpoint.load(graph_checkpoint(model={"kind": "gdss"})))
    with pytest.raises(UsageError, match="field 'adj' has other coordinates than the model's"):
        asked(size=2.0)
    other = {"x": {"kind": "VP", "beta_max": 9.0}, "adj": {"kind": "VP"}}
    model, statistics = restore(checkpoint.load(graph_checkpoint(process=other)))
    with pytest.raises(UsageError, match="field 'x' is noised otherwise"):
        asked(size=2.0)


def test_plain_graphs_have_sizes_but_no_chemistry(graph_checkpoint):
    model, statistics, given = ready(graph_checkpoint(plain=True), atoms=(4, 4))
    assert set(draw(model, statistics, 5, given=given, table=FEW).sizes) == {4}
    with pytest.raises(UsageError, match="these graphs are none"):
        Conditions(scaffold="C").ready(model, statistics)


def test_the_scaffold_may_be_all_there_is(graph_checkpoint):
    model, statistics, given = ready(graph_checkpoint(), scaffold="O=C=O")
    drawn = draw(model, statistics, 3, given=given, table=FEW)
    mol = molecule_of(MolecularGraph(*drawn.graph(2)), drawn.vocabulary)
    assert mol.GetNumAtoms() == 3
    with pytest.raises(UsageError, match="no atom that could bear another bond"):
        draw(model, statistics, 2, sizes=torch.tensor([3, 4]), given=given, table=FEW)


def test_what_cannot_be_known_by_itself_is_refused(graph_checkpoint, monkeypatch):
    model, statistics, given = ready(graph_checkpoint(), scaffold="CO", atoms=(3, 3))
    types = KeptScaffold.types

    def one_way(self, batch):
        found, known = types(self, batch)
        return found, known | {"adj": known["adj"].triu()}

    monkeypatch.setattr(KeptScaffold, "types", one_way)
    with pytest.raises(MolgenError, match="known rows of 'adj' must move alone"):
        draw(model, statistics, 2, given=given, table=FEW)
