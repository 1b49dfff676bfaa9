"""Ligands in other structures of their protein, made of one that is known."""

from dataclasses import replace

import numpy as np
import pytest

from molgen.docking.evaluation.cases import Case, read_cases
from molgen.docking.evaluation.crossing import crossed
from molgen.docking.evaluation.evaluate import Protocol, evaluate
from molgen.errors import UsageError
from tests.chem.test_same_site import SHIFT, TURN


def turned(case: Case, name: str) -> Case:
    """The same complex in another frame, the pocket said to be 0.1 nm beside."""
    coordinates = case.receptor.coordinates @ TURN.T + SHIFT
    return replace(
        case,
        name=name,
        receptor=replace(case.receptor, coordinates=coordinates),
        centre=case.centre @ TURN.T + SHIFT + [0.1, 0, 0],
        reference=case.reference @ TURN.T + SHIFT,
    )


@pytest.fixture
def cases(folder):
    return {case.name: case for case in read_cases(folder, 0)}


def test_pairs_of_one_protein_are_docked_both_ways(cases):
    one, other = cases["1uou"], turned(cases["1uou"], "copy")
    found = {case.name: case for case in crossed([one, cases["1s3v"], other])}
    assert list(found) == ["1uou in copy", "copy in 1uou"]
    there = found["1uou in copy"]
    assert there.ligand is one.ligand
    assert there.receptor is other.receptor
    np.testing.assert_array_equal(there.centre, other.centre)
    np.testing.assert_allclose(there.reference, other.reference, atol=1e-6)
    np.testing.assert_allclose(found["copy in 1uou"].reference, one.reference, atol=1e-6)


def test_where_none_share_a_protein_that_is_said(cases, folder, tmp_path):
    with pytest.raises(UsageError, match="none of 4 complexes shares its protein"):
        crossed(list(cases.values()))
    with pytest.raises(UsageError, match="nothing to dock crosswise"):
        evaluate([], Protocol(folder, cross=True), tmp_path / "out")
    assert not (tmp_path / "out").exists()
