"""Graph to molecule to graph over many molecules that nobody chose."""

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.molecules import MolecularGraph, graph_of, molecule_of
from molgen.chem.validity import check_graph, repair
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError
from molgen.graphs.data.folder import DataFolder

TYPES = ["C", "N", "O", "F", "S", "P", "Cl", "B", "N+", "O-", "N-", "S-", "C-", "O+", "S+", "P+"]


@pytest.mark.parametrize("aromatic", [False, True], ids=["kekulised", "aromatic"])
def test_hundreds_of_random_molecules_come_back(aromatic):
    """Random rings, chains and cages of any elements and charges, made possible by repair."""
    vocabulary = Vocabulary.of(TYPES, aromatic=aromatic)
    rng = np.random.default_rng(3)
    tried = 0
    for _ in range(400):
        count = int(rng.integers(2, 14))
        atoms = rng.choice(len(TYPES), count, p=np.array([9, *[1] * 15]) / 24).astype(np.int8)
        kinds = rng.choice([1, 2, 3], (count, count), p=[0.7, 0.25, 0.05])
        bonds = np.triu(kinds * (rng.random((count, count)) < 2.3 / count), 1).astype(np.int8)
        mol = repair(molecule_of(MolecularGraph(atoms, bonds + bonds.T), vocabulary)).molecule
        back = molecule_of(graph_of(mol, vocabulary), vocabulary)
        Chem.SanitizeMol(back)
        assert Chem.MolToSmiles(back) == Chem.MolToSmiles(mol)
        tried += mol.GetNumAtoms() > 2
    assert tried > 320


def test_two_thousand_molecules_of_prepared_qm9_come_back():
    try:
        data = DataFolder.open("qm9")
    except UsageError:
        pytest.skip("molgen data prepare qm9 makes the set that this test reads")
    graphs, smiles = data.test, data.smiles("test")
    for index in range(0, len(graphs), max(1, len(graphs) // 2000)):
        found = check_graph(MolecularGraph(*graphs.graph(index)), graphs.vocabulary)
        assert found.valid_and_connected
        assert found.uncorrected
        assert Chem.MolToSmiles(found.sanitised) == smiles[index]
