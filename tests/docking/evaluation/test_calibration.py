"""Confidence against numbers drawn from it."""

import numpy as np
import pytest

from molgen.docking.evaluation.calibration import auroc, calibration
from molgen.docking.evaluation.verdict import Verdict


def verdicts(confidence, right):
    return [
        Verdict("x", rmsd_nm=(0.3 - 0.2 * one).tolist(), scores={"confidence": own.tolist()})
        for own, one in zip(confidence, right, strict=True)
    ]


def test_a_true_probability_is_calibrated():
    random = np.random.default_rng(0)
    given = random.random((500, 40))
    found = calibration(verdicts(given, random.random((500, 40)) < given))
    # each of ten bins holds 2000 poses: its share is known to 0.011 at most
    assert found["error"] < 0.02
    assert found["brier"] == pytest.approx(1 / 6, abs=0.01)  # mean of p (1 - p)
    assert found["auroc"] == pytest.approx(5 / 6, abs=0.01)  # of uniform p
    assert sum(one["poses"] for one in found["diagram"]) == 20_000


def test_overconfidence_is_an_error():
    found = calibration(verdicts(np.full((10, 2), 0.9), np.zeros((10, 2))))
    assert found["error"] == pytest.approx(0.9)
    assert found["auroc"] is None
    assert found["top1"] == {"confidence": pytest.approx(0.9), "right": 0.0}


def test_a_program_without_confidence_has_no_calibration():
    assert calibration([Verdict("x", rmsd_nm=[0.1], scores={"affinity": [-7.0]})]) is None


def test_ties_count_half():
    assert auroc(np.array([0.0, 1, 1, 2]), np.array([False, True, False, True])) == 0.875
