"""What tests of docking share."""

from pathlib import Path

import pytest

from tests.docking.tiny import tiny_checkpoint


@pytest.fixture(scope="session")
def docking_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of poses with random weights."""
    return tiny_checkpoint(tmp_path_factory.mktemp("docking") / "checkpoint")
