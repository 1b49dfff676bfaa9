import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.molecules import graph_of
from molgen.chem.smiles_files import Row
from molgen.chem.vocabulary import Vocabulary
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.counts import Drawn

VOCABULARY = Vocabulary.of(["C", "O"])


def molecules(*smiles):
    """GraphSet of SMILES, sensible or not."""
    graphs = []
    for text in smiles:
        mol = Chem.MolFromSmiles(text, sanitize=False)
        mol.UpdatePropertyCache(strict=False)
        graph = graph_of(mol, VOCABULARY)
        graphs.append((graph.atoms, graph.bonds))
    meta = {"kind": "molecules", "vocabulary": VOCABULARY.to_dict()}
    return GraphSet.of(graphs, meta=meta)


def test_shares_by_hand():
    drawn = Drawn.check(
        molecules(
            "CCO",
            "OCC",  # the same again
            "CC",
            "C.C",  # valid, in two parts
            "C=O=C",  # oxygen with four bonds
            "CCCO",
        )
    )
    assert drawn.smiles == ("CCO", "CCO", "CC", "CCCO")
    assert [one.number for one in drawn.rejected] == [3, 4]
    assert "disconnected" in drawn.rejected[0].reason
    assert [one.smiles for one in drawn.rejected] == ["C.C", "C=O=C"]
    assert {str(atom): count for atom, count in drawn.atoms.items()} == {"C": 4, "O": 3}
    shares = {k: measured.value for k, measured in vars(drawn.counts({"CC", "CO"})).items()}
    assert shares == pytest.approx(
        {
            "valid": 5 / 6,
            "valid_and_connected": 4 / 6,
            "uncorrected": 5 / 6,
            "unique": 3 / 4,
            "novel": 2 / 3,  # CCO and CCCO of the three distinct ones
            "usable": 2 / 6,
        }
    )


def test_shares_of_nothing_valid():
    found = Drawn.check(molecules("C=O=C")).counts(set())
    assert (found.valid.value, found.unique.value, found.unique.n) == (0, 0, 0)
    assert np.isclose(found.unique.high, 1)


def test_lines_of_a_file_are_judged_as_they_stand():
    lines = ["OCC", "C[C@H](O)[2H]", "", "C1CC", "C=O=C", "C.O", "c1ccccc1", "C(C)(C)(C)(C)C"]
    drawn = Drawn.read([Row(k, k + 1, text) for k, text in enumerate(lines)])
    # stereo, isotopes and written hydrogens have no place in a graph
    assert drawn.smiles == ("CCO", "CCO", "c1ccccc1")
    assert (drawn.n, drawn.valid, drawn.uncorrected) == (8, 4, 4)
    assert [one.number for one in drawn.rejected] == [2, 3, 4, 5, 7]
    reasons = [one.reason for one in drawn.rejected]
    assert reasons[:2] == ["line 3: empty line", "line 4: not a SMILES"]
    assert reasons[2].startswith("line 5: Explicit valence for atom # 1 O, 4")
    assert reasons[3] == "line 6: disconnected: 2 parts"
