import json

import pytest

from molgen.errors import UsageError
from molgen.run import Run, open_run

IDENTITY = {"recipe": {"train": {"steps": 10}}, "seed": 0}


def test_a_run_is_continued_and_another_is_refused(tmp_path):
    assert not Run.start(tmp_path / "a", IDENTITY).resumed
    assert Run.start(tmp_path / "a", IDENTITY).resumed
    with pytest.raises(UsageError, match="another run"):
        Run.start(tmp_path / "a", {**IDENTITY, "seed": 1})
    starts = (tmp_path / "a" / "starts.jsonl").read_text().splitlines()
    assert len(starts) == 2
    assert json.loads(starts[0])["molgen"]


def test_a_log_rewound_to_a_step_has_no_line_twice(tmp_path):
    run = Run.start(tmp_path / "a", IDENTITY)
    for step in range(1, 6):
        run.log(step, loss=1.0 / step)
    with open(tmp_path / "a" / "log.jsonl", "a") as handle:
        handle.write('{"step": 6, "lo')  # cut short by a kill
    run.rewind(3)
    run.log(4, loss=9.0)
    assert [record["step"] for record in run.records()] == [1, 2, 3, 4]


def test_numbers_that_json_lacks_become_null(tmp_path):
    run = Run.start(tmp_path / "a", IDENTITY)
    run.log(1, loss=float("nan"))
    run.finish({"js": float("inf"), "table": {"nested": [float("nan"), 1.0]}})
    assert list(run.records()) == [{"step": 1, "loss": None}]
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary == {"js": None, "table": {"nested": [None, 1.0]}}


def test_stages_of_a_run_add_to_one_summary(tmp_path):
    run = Run.start(tmp_path / "a", IDENTITY)
    run.finish({"train_seconds": 1.0})
    open_run(tmp_path / "a").finish({"js": 0.01})
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary == {"train_seconds": 1.0, "js": 0.01}


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="not a run folder"):
        open_run(tmp_path)
