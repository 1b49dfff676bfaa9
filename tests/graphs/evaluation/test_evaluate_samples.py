"""An evaluation says what is known of the graphs that it is given."""

import csv
import json

import numpy as np
import pytest

from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.evaluation.results import load_results
from molgen.graphs.evaluation.verdict import judge_of, opened
from tests.graphs.evaluation.short import FEW, judged

BROKEN = ("C1CC", "C(C)(C)(C)(C)C", "C.C")


def values(results):
    return {line.name: line.measured.value for line in results.lines}


def test_the_training_molecules_themselves_are_at_the_floor(small_molecules, drawn_file, tmp_path):
    train = small_molecules.smiles("train")
    found = judged(drawn_file(train), small_molecules, tmp_path / "run")
    shares = {name: found[name].value for name in ("valid_and_connected", "unique", "novel")}
    assert shares == {"valid_and_connected": 1, "unique": 1, "novel": 0}
    for name in ("fcd", "nspdk", "logp", "qed", "sa", "weight", "heavy_atoms", "similarity"):
        measured = found[name]
        # the floor is of the whole training set, in another order
        assert measured.floor.n == len(train)
        assert measured.value == pytest.approx(measured.floor.mean, rel=1e-6, abs=1e-9), name
    assert any("0.0 % of the distinct molecules" in line for line in found.remarks)
    (told,) = (line for line in found.remarks if "memorisation" in line)
    assert told.startswith("100.00 ± ")  # of the training molecules, and of the others
    assert "and 0.00 ± " in told
    assert any(line.startswith("0 of the") for line in found.remarks)


def test_a_set_with_30_percent_broken_molecules_says_70_percent(
    small_molecules, drawn_file, tmp_path
):
    lines = [*small_molecules.smiles("test")[:7], *BROKEN]
    found = judged(drawn_file(lines), small_molecules, tmp_path / "run")
    assert found["valid_and_connected"].value == pytest.approx(0.7)
    assert found["valid"].value == pytest.approx(0.8)  # C.C is two valid molecules
    assert found["novel"].value == 1
    assert found["usable"].value == pytest.approx(0.7)
    assert (found.drawn, found.refused, found["fcd"].n) == (10, 3, 7)
    with open(tmp_path / "run" / "rejected.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["drawn"] for row in rows] == list(BROKEN)
    assert [row["number"] for row in rows] == ["7", "8", "9"]
    assert rows[0]["reason"] == "line 8: not a SMILES"


def test_no_share_of_scaffolds_may_be_more_than_all(small_molecules, drawn_file, tmp_path):
    found = judged(drawn_file(small_molecules.smiles("test")), small_molecules, tmp_path / "run")
    for name in ("coverage", "similarity"):
        assert found[name].value == found[name].high == 1, name


def test_sizes_are_compared_in_atoms(small_molecules, drawn_file, tmp_path):
    found = judged(drawn_file(["C" * 30, "C" * 30 + "O"]), small_molecules, tmp_path / "run")
    judge = judge_of(small_molecules, FEW)
    # all are larger than any test molecule: W1 is the difference of the means
    expected = 30.5 - judge.test.properties["heavy_atoms"].mean()
    assert found["heavy_atoms"].value == pytest.approx(expected)


def test_the_same_seed_gives_the_same_numbers(small_molecules, drawn_file, tmp_path):
    path = drawn_file(small_molecules.smiles("test")[:12])
    first, again, other = (
        judged(path, small_molecules, tmp_path / f"run{k}", seed=seed)
        for k, seed in enumerate((0, 0, 1))
    )
    assert first.lines == again.lines
    assert values(first) == values(other)
    assert first["nspdk"].high != other["nspdk"].high


def test_results_survive_saving_and_loading(small_molecules, drawn_file, tmp_path):
    path = drawn_file([*small_molecules.smiles("test")[:6], "C1CC"])
    found = judged(path, small_molecules, tmp_path / "run")
    loaded = load_results(tmp_path / "run")
    assert loaded.lines == found.lines
    assert (loaded.examples, loaded.rejected) == (found.examples, found.rejected)
    for source, quantities in found.distributions.items():
        for name, numbers in quantities.items():
            kept = loaded.distributions[source][name]
            np.testing.assert_allclose(kept, numbers, rtol=1e-6)  # float32


def test_trees_are_told_from_other_graphs(small_trees, tmp_path):
    train = small_trees.train
    ring = np.roll(np.eye(64, dtype=np.int8), 1, axis=1)
    cycle = (np.zeros(64, np.int8), ring + ring.T)
    test = [small_trees.test.graph(k) for k in range(2)]
    drawn = GraphSet.of([*(train.graph(k) for k in range(3)), *test, cycle, cycle])
    drawn.save(tmp_path / "drawn.npz")
    found = judged(tmp_path / "drawn.npz", small_trees, tmp_path / "run")
    # 5 of 7 are trees, 1 cycle is there twice, 3 trees are for training
    shares = {name: found[name].value for name in ("valid", "unique", "novel", "vun")}
    assert shares == pytest.approx({"valid": 5 / 7, "unique": 6 / 7, "novel": 4 / 7, "vun": 2 / 7})
    assert [one.reason for one in found.rejected] == ["is not a tree"] * 2
    assert found["size"].value == 0
    mean = np.mean([found[f"emd_{name}"].value for name in ("degree", "clustering", "orbit")])
    assert found["emd_mean"].value == pytest.approx(mean)
    assert "0 of 4 test graphs" in found.remarks[1]


def test_the_test_set_is_at_distance_0_from_itself(small_trees, tmp_path):
    small_trees.test.save(tmp_path / "drawn.npz")
    found = judged(tmp_path / "drawn.npz", small_trees, tmp_path / "run")
    distances = {k: v for k, v in values(found).items() if k not in ("valid", "unique", "novel")}
    assert distances.pop("vun") == 1
    assert set(distances.values()) == {0.0}


def test_what_cannot_be_used_is_refused_in_one_line(
    small_molecules, small_trees, drawn_file, tmp_path
):
    def refused(path, data=small_molecules, folder="run"):
        with pytest.raises(UsageError) as error:
            judged(path, data, tmp_path / folder)
        return str(error.value)

    assert "empty.smi: is empty" in refused(drawn_file([], "empty.smi"))
    assert "no such file" in refused(tmp_path / "none.smi")
    few = refused(drawn_file(["CC", "C1CC"]))
    assert "1 of 2 graphs can be compared" in few
    assert "the first: line 2: not a SMILES" in few
    strange = refused(drawn_file(["CS", "CCS", "CC"]))
    assert "2 of 3 molecules have S, which no molecule of small has" in strange
    assert "holds graphs without chemistry, which are read from .npz" in refused(
        drawn_file(["CC"]), small_trees
    )
    small_molecules.test.save(tmp_path / "molecules.npz")
    assert "holds molecules, but tree holds graphs without chemistry" in refused(
        tmp_path / "molecules.npz", small_trees
    )
    with pytest.raises(
        UsageError, match=r"no data set named 'qm9'.*molgen data prepare qm9 --from"
    ):
        opened("qm9")
    with pytest.raises(UsageError, match=r"molgen data prepare planar$"):
        opened("planar")
    with pytest.raises(UsageError, match="no validity of graphs 'plannar'; did you mean 'planar'"):
        judge_of(small_trees, EvaluateTable(validity="plannar")).check(small_trees.test)


def test_a_folder_of_other_samples_is_refused(small_molecules, drawn_file, tmp_path):
    smiles = small_molecules.smiles("test")
    judged(drawn_file(smiles[:5]), small_molecules, tmp_path / "run")
    with pytest.raises(UsageError, match="holds another run"):
        judged(drawn_file(smiles[:6], "other.smi"), small_molecules, tmp_path / "run")


def test_a_few_strange_atoms_are_remarked_on(small_molecules, drawn_file, tmp_path):
    lines = [*small_molecules.smiles("test")[:5], "CS"]
    found = judged(drawn_file(lines), small_molecules, tmp_path / "run")
    assert "Molecules with S, which none of the data has: 1." in found.remarks


def test_the_command_prints_every_number_and_its_folder(
    small_molecules, drawn_file, tmp_path, capsys
):
    path = drawn_file(small_molecules.smiles("test")[:6])
    words = ["evaluate", "graphs", "--samples", str(path), "--data", str(small_molecules.folder)]
    few = ["--set", "repeats=3", "--set", "floor_draws=2", "-o", str(tmp_path / "run")]
    assert main([*words, *few]) == 0
    printed = capsys.readouterr().out
    for text in ("valid and connected", "FCD", "NSPDK", "SA score", "100.0 %", "memorisation"):
        assert text in printed
    assert printed.rstrip().endswith(str(tmp_path / "run"))
    content = json.loads((tmp_path / "run" / "summary.json").read_text())["report"]
    assert content["pillar"] == "graphs"
    assert main(["evaluate", "graphs", "--samples", str(path)]) == 2
    assert main(["evaluate", "graphs"]) == 2
    assert main([*words, "--model", "a"]) == 2
    assert "either --model or --samples" in capsys.readouterr().err
