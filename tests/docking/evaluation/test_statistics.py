"""Shares and their intervals against binomial formulas and hand counts."""

import numpy as np
import pytest

from molgen.docking.evaluation.statistics import best_of, difference, poses_for, share
from molgen.docking.evaluation.verdict import Verdict


def verdict(*rmsd_nm, valid=True):
    return Verdict("x", rmsd_nm=list(rmsd_nm), failed=[[] if valid else ["clash"]])


def test_the_interval_of_a_share_is_that_of_a_binomial():
    found = share(np.arange(400) < 100)
    half = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert found["value"] == 0.25
    # 2000 repeats give a quantile near 2.5 % to about 5 % of the half width
    assert found["low"] == pytest.approx(0.25 - half, abs=0.15 * half)
    assert found["high"] == pytest.approx(0.25 + half, abs=0.15 * half)


def test_a_share_of_nothing_is_none():
    assert share([]) is None
    assert share([0, 0], [0, 0]) is None


def test_a_share_of_parts_weighs_complexes_by_their_poses():
    assert share([1, 0], [1, 4])["value"] == pytest.approx(0.2)


def test_the_poses_needed_are_counted_by_rank():
    verdicts = [verdict(0.1, 0.1), verdict(0.5, 0.1), verdict(0.5, 0.5), verdict(0.5)]
    assert best_of(verdicts) == [0.25, 0.5]
    assert poses_for(verdicts, 0.5) == 2
    assert poses_for(verdicts, 0.9) is None


def test_the_difference_of_a_program_from_itself_is_0_without_doubt():
    verdicts = [verdict(0.1), verdict(0.5), verdict(0.1, valid=False)]
    assert difference(verdicts, verdicts) == {"value": 0, "low": 0, "high": 0}
    assert difference([verdict(0.1)] * 3, verdicts)["value"] == pytest.approx(2 / 3)
