"""Runs of training that are interrupted, and what makes two runs the same."""

import json

import torch

from molgen import checkpoint


class Interrupted(Exception):
    pass


def interrupt_at(step):
    def progress(what, done, total):
        if done == step:
            raise Interrupted

    return progress


def log_of(folder):
    """The log without its clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def assert_same(left, right):
    if isinstance(left, torch.Tensor):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, list | tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


def assert_same_run(left, right):
    """Weights, averages, optimiser, random numbers, metrics and log of two run folders."""
    one, other = checkpoint.load(left), checkpoint.load(right)
    assert_same(one.weights, other.weights)
    assert_same(*({**saved.train_state(), "seconds": None} for saved in (one, other)))
    assert one.meta["metrics"] == other.meta["metrics"]
    assert one.meta["metrics"]
    assert log_of(left) == log_of(right)
