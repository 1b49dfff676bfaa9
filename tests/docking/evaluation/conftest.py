"""Complexes as a user would lay them out."""

import shutil
from pathlib import Path

import pytest

from tests.docking.complexes import complexes


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four complexes, a folder each."""
    here = tmp_path_factory.mktemp("complexes")
    for name, (protein, ligand) in complexes().items():
        (here / name).mkdir()
        shutil.copy(protein, here / name / f"{name}_protein.pdb")
        shutil.copy(ligand, here / name / f"{name}_ligand.sdf")
    return here
