"""Training is to the bit the same after any interruption, and never worse for one."""

import signal
import subprocess
import sys
import textwrap

import pytest

from molgen import checkpoint
from molgen.config import Recipe
from molgen.train import train
from tests.runs import Interrupted, assert_same_run, interrupt_at, log_of


@pytest.mark.parametrize("step", [3, 12, 30, 38])  # before the first checkpoint, at one, after it
def test_resume_equals_an_uninterrupted_run_bitwise(well_recipe, tmp_path, step):
    train(well_recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(well_recipe, tmp_path / "torn", progress=interrupt_at(step))
    train(well_recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


def test_resume_after_several_interruptions_and_experts(well_tables, tmp_path):
    well_tables["model"]["experts"] = [0.5]
    recipe = Recipe.parse(well_tables, "well.toml")
    train(recipe, tmp_path / "whole")
    for step in (11, 15, 33):
        with pytest.raises(Interrupted):
            train(recipe, tmp_path / "torn", resume=True, progress=interrupt_at(step))
    train(recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


def test_a_curriculum_resumes_to_the_same_bit(well_tables, tmp_path):
    tables = {**well_tables, "loss": [{"kind": "denoising", "curriculum": 0.8}]}
    recipe = Recipe.parse(tables, "well.toml")
    train(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "torn", progress=interrupt_at(13))
    train(recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")
    plain = {**well_tables, "loss": [{"kind": "denoising"}]}
    train(Recipe.parse(plain, "well.toml"), tmp_path / "plain")
    assert log_of(tmp_path / "plain")[0] != log_of(tmp_path / "whole")[0]


KILLED = """
import os, signal, sys
from molgen import checkpoint
from molgen.config import load_recipe
from molgen.train import train

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def progress(what, done, total):
    if {where!r} == "between steps" and done == 27:
        kill()

def flush(path, flush=checkpoint._flush, calls=[]):
    calls.append(path)
    if {where!r} == "while saving" and len(calls) == 7:  # five calls a checkpoint: in the second
        kill()
    flush(path)

checkpoint._flush = flush
train(load_recipe(sys.argv[1]), sys.argv[2], progress=progress)
"""


@pytest.mark.parametrize("where", ["between steps", "while saving"])
def test_a_killed_run_continues_to_the_same_end(well_recipe, write_recipe, tmp_path, where):
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED.format(where=where)))
    words = [sys.executable, str(script), write_recipe(), str(tmp_path / "torn")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    steps = checkpoint.load(tmp_path / "torn").meta["step"]
    assert steps == (20 if where == "between steps" else 10)
    train(well_recipe, tmp_path / "torn", resume=True)
    train(well_recipe, tmp_path / "whole")
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


@pytest.mark.slow
@pytest.mark.parametrize("experts", [[], [0.5]])
def test_resume_of_a_compiled_run_equals_an_uninterrupted_one(well_tables, tmp_path, experts):
    well_tables["train"]["compile"] = True
    well_tables["model"]["experts"] = experts
    recipe = Recipe.parse(well_tables, "well.toml")
    train(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "torn", progress=interrupt_at(25))
    train(recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


def test_resuming_a_finished_run_changes_nothing(well_recipe, tmp_path):
    train(well_recipe, tmp_path / "a")
    before = checkpoint.load(tmp_path / "a").meta, (tmp_path / "a" / "summary.json").read_text()
    train(well_recipe, tmp_path / "a", resume=True)
    assert before[0] == checkpoint.load(tmp_path / "a").meta
    assert before[1] == (tmp_path / "a" / "summary.json").read_text()
