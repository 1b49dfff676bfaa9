"""Complexes as a user would lay them out."""

from pathlib import Path

import pytest

from tests.docking.complexes import lay_out


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four complexes, a folder each."""
    return lay_out(tmp_path_factory.mktemp("evaluation") / "complexes")
