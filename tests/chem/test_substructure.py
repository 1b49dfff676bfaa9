import numpy as np
import pytest
from rdkit import Chem, rdBase

from molgen.chem.molecules import MolecularGraph, molecule_of
from molgen.chem.substructure import Pattern, patterns_in, scaffold_of
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError

VOCABULARY = Vocabulary.of(["C", "N", "O", "N+", "O-"])
AROMATIC = Vocabulary.of(["C", "N", "O", "N+", "O-"], aromatic=True)


def found(scaffold: str, smiles: str) -> bool:
    mol = Chem.MolFromSmiles(smiles)
    match = scaffold_of(scaffold, VOCABULARY).match(mol)
    return match is not None


@pytest.mark.parametrize(
    ("scaffold", "inside", "outside"),
    [
        ("c1ccccc1", ["Cc1ccccc1", "c1ccc2ccccc2c1"], ["C1CCCCC1", "c1ccncc1", "C1=CCC=CC1"]),
        ("c1ccc(*)cc1", ["c1ccccc1", "CCc1ccccc1"], ["Cc1ccc(C)cc1", "c1ccc2ccccc2c1"]),
        ("c1ccc([*:1])cc1", ["CCc1ccccc1"], ["Cc1cccc(C)c1"]),
        ("*c1cc[nH]c1", ["Cc1cc[nH]c1"], ["Cn1cccc1", "Cc1cc[nH]c1C"]),
        ("c1ccn(*)c1", ["Cn1cccc1", "c1cc[nH]c1"], ["Cc1ccc[nH]1"]),
        ("CC(=O)N", ["CC(=O)NC", "CCC(=O)N"], ["CC(=O)O", "CC(N)O"]),
        ("C[N+](=O)[O-]", ["CC[N+](=O)[O-]"], ["CN", "C[N+](C)(C)C"]),
        ("N", ["CN", "CC#N"], ["C[N+](C)(C)C"]),  # another charge is another atom
        ("C=C", ["CC=CC", "c1ccccc1"], ["CC", "C#C"]),  # it may have grown into a ring
        ("C#N.c1ccccc1", ["N#CCc1ccccc1"], ["c1ccccc1", "CC#N"]),
    ],
)
def test_a_scaffold_is_found_where_it_is(scaffold, inside, outside):
    assert [found(scaffold, smiles) for smiles in inside] == [True] * len(inside)
    assert [found(scaffold, smiles) for smiles in outside] == [False] * len(outside)


@pytest.mark.parametrize("vocabulary", [VOCABULARY, AROMATIC], ids=["kekulised", "aromatic"])
@pytest.mark.parametrize(
    "text", ["c1ccccc1", "Cc1cc(*)c[nH]1", "c1ccn(*)c1", "O=C1CCCN1", "C[N+](=O)[O-]", "CC.c1cnco1"]
)
def test_the_graph_of_a_scaffold_draws_it(text, vocabulary):
    scaffold = scaffold_of(text, vocabulary)
    mol = molecule_of(scaffold.graph, vocabulary)
    if vocabulary is AROMATIC and text == "c1ccn(*)c1":
        assert scaffold.graph.bonds.max() == 4  # as in substituted pyrroles; alone it lacks its H
        return
    Chem.SanitizeMol(mol)
    plain = text.replace("(*)", "") if "n(*)" not in text else "c1cc[nH]c1"
    assert Chem.MolToSmiles(mol) == Chem.CanonSmiles(plain)
    assert sorted(scaffold.match(mol)) == list(range(len(scaffold)))


def test_it_may_grow_at_attachment_points_else_at_hydrogens():
    assert scaffold_of("CC(=O)N", VOCABULARY).open.tolist() == [True, False, False, True]
    assert scaffold_of("CC(=O)N*", VOCABULARY).open.tolist() == [False, False, False, True]
    assert scaffold_of("*CC(=O)N*", VOCABULARY).open.tolist() == [True, False, False, True]


def test_a_graph_that_grew_from_the_scaffold_contains_it():
    """Whatever is bonded to the open atoms of a fixed part, sanitised or not aromatic any more."""
    rng = np.random.default_rng(0)
    grown = 0
    for text in ("C1=CC=CC=C1", "CC(=O)N*", "C=CC=C", "c1cc[nH]c1"):
        scaffold = scaffold_of(text, VOCABULARY)
        n = len(scaffold)
        for _ in range(200):
            size = n + int(rng.integers(1, 4))
            bonds = np.zeros((size, size), np.int8)
            bonds[:n, :n] = scaffold.graph.bonds
            for new in range(n, size):
                ends = [*np.flatnonzero(scaffold.open), *range(n, new)]
                for end in rng.choice(ends, rng.integers(1, 3)):
                    bonds[new, end] = bonds[end, new] = rng.integers(1, 3)
            atoms = np.append(scaffold.graph.atoms, np.zeros(size - n, np.int8))  # carbons
            mol = molecule_of(MolecularGraph(atoms, bonds), VOCABULARY)
            with rdBase.BlockLogs():
                if Chem.SanitizeMol(mol, catchErrors=True) != Chem.SANITIZE_NONE:
                    continue
            assert scaffold.match(mol) is not None, Chem.MolToSmiles(mol)
            grown += 1
    assert grown > 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c1ccccc", "scaffold 'c1ccccc' cannot be read as SMILES"),
        ("C(C)(C)(C)(C)C", "cannot be read as SMILES"),
        ("[C,N]1CCC1", "is a pattern of several structures; write one as SMILES"),
        ("CCS", r"scaffold 'CCS': atom S is not in the vocabulary \(C, N, O, N\+, O-\)"),
        ("C[CH]C", "unusual hydrogens"),
        ("", "it has no atoms"),
        ("**", "it has no atoms"),
    ],
)
def test_what_is_no_scaffold_is_one_line(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        scaffold_of(text, VOCABULARY)
    assert "\n" not in str(caught.value)


def test_a_scaffold_needs_room():
    benzene = scaffold_of("c1ccccc1", VOCABULARY)
    benzene.require_room(6)
    benzene.require_room(20)
    with pytest.raises(UsageError, match="has 6 heavy atoms: it does not fit into a molecule of 5"):
        benzene.require_room(5)
    closed = scaffold_of("O=C=O", VOCABULARY)
    closed.require_room(3)
    with pytest.raises(UsageError, match="no atom that could bear another bond"):
        closed.require_room(4)


def test_forbidden_patterns_are_named_where_they_match():
    forbidden = [Pattern.of(text) for text in ("[OX2][OX2]", "C(=O)[F,Cl]", "[N+]", "[r3]")]
    matched = patterns_in(Chem.MolFromSmiles("COOC1CC1"), forbidden)
    assert [pattern.text for pattern in matched] == ["[OX2][OX2]", "[r3]"]
    assert patterns_in(Chem.MolFromSmiles("CCO"), forbidden) == []


@pytest.mark.parametrize("text", ["", "  ", "[C", "C1CC"])
def test_what_is_no_pattern_is_one_line(text):
    with pytest.raises(UsageError, match="is not a SMARTS pattern"):
        Pattern.of(text)
