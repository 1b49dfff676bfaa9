"""Worker processes: every task has one outcome, whatever becomes of those who are at it."""

from functools import partial

import pytest

from molgen.docking.library.workers import in_processes
from molgen.errors import MolgenError


def outcomes(function, tasks, count=2):
    """By task; functions as text, because a process of its own cannot import this file."""
    found = list(in_processes(partial(eval, function), tasks, count))
    assert sorted(one.task for one in found) == sorted(tasks)
    return {one.task: (one.result, one.error) for one in found}


def test_each_task_has_its_result_and_errors_are_one_line():
    found = outcomes("lambda x: 6 // x", [0, 1, 2, 3])
    assert found == {
        0: (None, "ZeroDivisionError: integer division or modulo by zero"),
        1: (6, ""),
        2: (3, ""),
        3: (2, ""),
    }


def test_a_death_costs_one_task_alone():
    found = outcomes(
        "lambda x: __import__('os').kill(__import__('os').getpid(), 9) if x == 2 else x",
        [1, 2, 3, 4, 5],
    )
    assert found.pop(2) == (
        None,
        "the process at it was ended by SIGKILL (out of memory?), 2 times",
    )
    assert found == {x: (x, "") for x in (1, 3, 4, 5)}


def test_who_dies_once_is_tried_again(tmp_path):
    mark = tmp_path / "mark"
    function = (
        "lambda x: x if __import__('os').path.exists(x) else "
        "(open(x, 'w').close(), __import__('os')._exit(3))"
    )
    assert outcomes(function, [str(mark)]) == {str(mark): (str(mark), "")}


def test_a_start_that_fails_ends_the_run():
    with pytest.raises(MolgenError, match="ZeroDivisionError"):
        list(in_processes(partial(eval, "1 / 0"), [1, 2], 2))


def test_no_task_needs_no_process():
    assert outcomes("1 / 0", []) == {}
