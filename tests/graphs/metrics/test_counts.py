import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.molecules import graph_of
from molgen.chem.vocabulary import Vocabulary
from molgen.graphs.graph_set import GraphSet
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
    assert drawn.reasons.keys() == {3, 4}
    assert "disconnected" in drawn.reasons[3]
    shares = {k: v["value"] for k, v in drawn.counts({"CC", "CO"}).to_dict().items()}
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
