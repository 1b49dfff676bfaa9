"""Other programs where they are installed: they find the pose of a ligand they are known to."""

import pytest

from molgen.chem.rmsd import symmetric_rmsd
from molgen.docking.evaluation.cases import read_cases
from molgen.docking.evaluation.peers import PEERS, peers
from molgen.errors import UsageError


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_finds_the_pose_of_trimetrexates_cousin(name, folder):
    pytest.importorskip("meeko")
    pytest.importorskip(name)
    case = next(case for case in read_cases(folder, 0) if case.name == "1s3v")
    (program,) = peers([name], threads=1)
    answer = program.dock(case)[name]
    assert 1 <= len(answer.poses) <= 9
    assert symmetric_rmsd(case.ligand.molecule, answer.poses, case.reference).min() < 0.2
    assert set(answer.spent.seconds) == {"preparation", "search"}
    assert answer.spent.processor > 1


def test_a_peer_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="no peer 'vinna'; did you mean 'vina'"):
        peers(["vinna"], 1)
