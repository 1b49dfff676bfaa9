"""Frames of peptides, made by hand."""

import pytest

from tests.md.peptides.frames import backbone_frames, write_frames


@pytest.fixture(scope="session")
def made():
    """`made(peptide, count)`: backbones `[count, beads, 3]` nm."""
    return backbone_frames


@pytest.fixture(scope="session")
def peptide_folder(tmp_path_factory):
    """Frames of a few peptides on disk."""
    folder = tmp_path_factory.mktemp("peptides")
    for text in ("AS", "SA", "GA", "AG", "SS", "Ac-A-NHMe", "Ac-AS-NHMe", "KS"):
        write_frames(folder, text, 400)
    return folder
