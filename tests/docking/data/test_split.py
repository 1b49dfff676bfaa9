"""Complexes held apart: some share, the same each time, never none."""

import pytest

from molgen.docking.data.split import held_apart
from molgen.errors import UsageError


def test_a_share_is_held_apart_at_random_and_the_rest_trains():
    names = [f"{k:02d}" for k in range(40)]
    apart, others = held_apart(names, 0.25, "a.toml")
    assert len(apart) == 10
    assert sorted([*apart, *others]) == names
    assert sorted(apart) != names[:10]
    assert held_apart(names, 0.25, "b.toml") == (apart, others)


def test_something_must_be_left_to_train_on():
    with pytest.raises(UsageError, match=r"a\.toml \[data\]: 1 complexes are too few to train"):
        held_apart(["a"], 0.5, "a.toml")
