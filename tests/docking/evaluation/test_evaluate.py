"""Evaluations with known answers: programs that give the crystal's pose, or one that is moved."""

import shutil
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from molgen.docking.evaluation.answers import Answer, Spent
from molgen.docking.evaluation.cases import read_cases
from molgen.docking.evaluation.evaluate import Protocol, evaluate
from molgen.docking.evaluation.results import load_results
from molgen.errors import MolgenError, UsageError


@dataclass
class Moved:
    """Gives the known pose, moved along x by so many nm, one pose each; fails where told."""

    row: str
    moves_nm: tuple[float, ...]
    fails: str = ""
    stops: str = ""
    docked: list[str] = field(default_factory=list)

    @property
    def rows(self):
        return (self.row,)

    @property
    def identity(self):
        return {"moves": self.moves_nm}

    def dock(self, case):
        if case.name == self.stops:
            raise KeyboardInterrupt
        if case.name == self.fails:
            raise MolgenError("no")
        self.docked.append(case.name)
        poses = np.stack([case.reference + np.array([move, 0, 0]) for move in self.moves_nm])
        spent = Spent({"search": 2.0}, 1.0)
        return {self.row: Answer(poses, {"moves": np.array(self.moves_nm)}, spent)}


def found(results, row):
    return next(one.found for one in results.rows if one.name == row)


def test_crystal_poses_are_right_and_valid_and_poses_3_A_away_are_neither(folder, tmp_path):
    programs = [Moved("crystal", (0.0,)), Moved("away", (0.3,)), Moved("second", (0.3, 0.1))]
    results = evaluate(programs, Protocol(folder), tmp_path / "out")
    crystal, away, second = (found(results, name) for name in ("crystal", "away", "second"))
    assert crystal["top1"] == crystal["top1_valid"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert crystal["median_rmsd_nm"] == 0
    assert away["top1"]["value"] == away["best_of_n"]["value"] == 0
    assert away["median_rmsd_nm"] == pytest.approx(0.3)
    assert second["best_of"] == [0, 1]
    assert second["poses_for_90"] == 2
    assert second["top1_valid"]["value"] == 0
    assert crystal["seconds"] == 2
    assert load_results(tmp_path / "out").rows == results.rows


def test_programs_see_neither_the_pose_nor_where_its_atoms_are(folder):
    for case in read_cases(folder, 0):
        assert case.ligand.pose is None
        assert case.ligand.molecule.GetNumConformers() == 0
        assert np.allclose(case.centre, case.reference.mean(0))
        own = case.conformer - case.conformer.mean(0)
        known = case.reference - case.centre
        assert np.sqrt(((own - known) ** 2).sum(-1).mean()) > 0.05


def test_an_interrupted_evaluation_goes_on_and_ends_like_one_that_was_not(folder, tmp_path):
    protocol = Protocol(folder, limit=3)
    whole = evaluate([Moved("row", (0.1,))], protocol, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        evaluate([Moved("row", (0.1,), stops="1of6")], protocol, tmp_path / "parts")
    rest = Moved("row", (0.1,))
    ended = evaluate([rest], protocol, tmp_path / "parts")
    assert rest.docked == ["1of6", "1s3v"]
    for numbers in (found(whole, "row"), found(ended, "row")):
        numbers["stages"].pop("checks")  # on the clock
    assert ended.rows == whole.rows


def test_a_failure_is_a_miss_and_is_named(folder, tmp_path):
    results = evaluate([Moved("row", (0.0,), fails="1of6")], Protocol(folder), tmp_path / "out")
    row = found(results, "row")
    assert row["failures"] == {"1of6": "no"}
    assert row["complexes"] == 4
    assert row["top1"]["value"] == 0.75
    assert row["valid"]["value"] == 1  # of the poses there are


def test_rows_of_two_commands_stand_in_one_table_unless_they_differ(folder, tmp_path):
    out, protocol = tmp_path / "out", Protocol(folder, limit=1)
    evaluate([Moved("one", (0.0,))], protocol, out)
    results = evaluate([Moved("other", (0.3,))], protocol, out)
    assert [row.name for row in results.rows] == ["one", "other"]
    with pytest.raises(UsageError, match="another run"):
        evaluate([Moved("one", (0.1,))], protocol, out)
    with pytest.raises(UsageError, match="another run"):
        evaluate([Moved("one", (0.0,))], replace(protocol, seed=1), out)


def test_a_shifted_centre_is_that_far_away_and_has_a_row_of_its_own(folder, tmp_path):
    case = next(read_cases(folder, 0))
    assert np.linalg.norm(case.shifted(0.2).centre - case.centre) == pytest.approx(0.2)
    assert np.array_equal(case.shifted(0.2).centre, case.shifted(0.2).centre)
    protocol = Protocol(folder, limit=1, shifts_angstrom=(0, 2))
    results = evaluate([Moved("row", (0.0,))], protocol, tmp_path / "out")
    assert [row.name for row in results.rows] == ["row", "row-shift2"]


def test_a_complex_that_cannot_be_read_is_listed_and_none_takes_its_place(folder, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(folder, mixed)
    (mixed / "1of6" / "1of6_ligand.sdf").write_text("nonsense\n")
    results = evaluate([Moved("row", (0.0,))], Protocol(mixed), tmp_path / "out")
    assert list(results.unusable) == ["1of6"]
    assert found(results, "row")["complexes"] == 3


def test_a_pocket_that_was_trained_on_is_not_among_the_unlike(folder, tmp_path):
    seen = tmp_path / "seen"
    shutil.copytree(folder / "1ia1", seen / "1ia1")
    protocol = Protocol(folder, training=(seen,))
    results = evaluate([Moved("row", (0.0,))], protocol, tmp_path / "out")
    (row,) = results.unlike
    assert row.found["complexes"] < 4
    again = evaluate([Moved("row", (0.0,))], protocol, tmp_path / "out")
    assert again.unlike == results.unlike
