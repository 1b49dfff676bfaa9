"""What real graphs score is worked out once for a size, and kept beside the user's data."""

import json

import pytest

from molgen.graphs.evaluation import floors as floors_module
from molgen.graphs.evaluation.floors import floors, kept_folder, rounded
from molgen.graphs.evaluation.verdict import judge_of
from tests.graphs.evaluation.short import FEW


def test_floors_are_worked_out_once_for_a_size(small_molecules, monkeypatch, tmp_path):
    judge = judge_of(small_molecules, FEW)
    first = floors(judge, 11, draws=2, kept=tmp_path)

    def never(*_):
        raise AssertionError("worked out again")

    monkeypatch.setattr(floors_module, "_measured", never)
    assert floors(judge, 11, draws=2, kept=tmp_path) == first
    with pytest.raises(AssertionError):
        floors(judge, 12, draws=2, kept=tmp_path)


def test_floors_of_evaluations_at_the_same_time_are_all_kept(
    small_molecules, monkeypatch, tmp_path
):
    judge = judge_of(small_molecules, FEW)
    measure = floors_module._measured

    def meanwhile(*given):
        monkeypatch.setattr(floors_module, "_measured", measure)
        floors(judge, 12, draws=2, kept=tmp_path)
        return measure(*given)

    monkeypatch.setattr(floors_module, "_measured", meanwhile)
    floors(judge, 11, draws=2, kept=tmp_path)
    assert len(json.loads((tmp_path / "floors.json").read_text())) == 2


def test_nothing_is_kept_in_a_shipped_data_set(small_trees, monkeypatch, tmp_path):
    monkeypatch.setenv("MOLGEN_DATA", str(tmp_path / "user"))
    assert kept_folder(small_trees) == small_trees.folder / "evaluation"
    monkeypatch.setattr(floors_module, "shipped", lambda _: small_trees.folder.parent)
    assert kept_folder(small_trees) == tmp_path / "user" / "evaluation" / "tree"


def test_sizes_of_floors_have_two_digits():
    assert [rounded(n) for n in (2, 99, 104, 9912, 9950, 10_000)] == [
        2,
        99,
        100,
        9900,
        10_000,  # rounds to even digits
        10_000,
    ]
