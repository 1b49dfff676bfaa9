import os

import pytest

from molgen.docking.evaluation.isolated import Isolated
from molgen.errors import MolgenError


def test_a_crash_is_one_failure_and_the_next_call_works():
    isolated = Isolated("it")
    with pytest.raises(MolgenError, match="it crashed"):
        isolated(os._exit, 3)
    assert isolated(abs, -2) == 2
    with pytest.raises(MolgenError, match=r"it: .*'a'"):
        isolated(int, "a")
