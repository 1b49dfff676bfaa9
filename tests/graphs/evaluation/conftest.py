"""Two small prepared data sets, and a file of drawn molecules of known quality."""

import pytest
from rdkit import Chem

from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.prepare import PrepareOptions, prepare
from molgen.graphs.data.prepare_plain import prepare_drawn

CORES = ("C", "CC", "CCC", "CCCC", "C1CC1", "C1CCC1", "c1ccccc1", "C1CC2CC2C1", "c1ccc2ccccc2c1")
ENDS = ("", "O", "N", "C=O", "C#N", "C(N)=O", "OC")


@pytest.fixture(scope="session")
def small_molecules(tmp_path_factory):
    """Sixty molecules of carbon, oxygen and nitrogen, prepared."""
    place = tmp_path_factory.mktemp("molecules")
    smiles = {Chem.CanonSmiles(core + end) for core in CORES for end in ENDS}
    (place / "small.smi").write_text("".join(f"{text}\n" for text in sorted(smiles)))
    return DataFolder.open(
        prepare(str(place / "small.smi"), place / "small", options=PrepareOptions(test_share=0.3))
    )


@pytest.fixture(scope="session")
def small_trees(tmp_path_factory):
    """Twenty trees, prepared."""
    folder = tmp_path_factory.mktemp("trees") / "tree"
    return DataFolder.open(prepare_drawn("tree", folder, graphs=20, seed=1))


@pytest.fixture
def drawn_file(tmp_path):
    """`drawn_file(lines)`: a file of SMILES."""

    def made(lines, name="drawn.smi"):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return made
