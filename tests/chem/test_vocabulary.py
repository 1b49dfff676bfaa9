import pytest

from molgen.chem.vocabulary import AtomType, Vocabulary
from molgen.errors import UsageError


@pytest.mark.parametrize(
    ("text", "atom"),
    [
        ("C", AtomType("C", 0)),
        ("N+", AtomType("N", 1)),
        ("O-", AtomType("O", -1)),
        ("Cl+3", AtomType("Cl", 3)),
        ("S-2", AtomType("S", -2)),
    ],
)
def test_an_atom_type_is_written_and_read_the_same(text, atom):
    assert AtomType.parse(text) == atom
    assert str(atom) == text


@pytest.mark.parametrize("text", ["", "c", "N++", "+N", "*", "C1"])
def test_what_spells_no_atom_type_is_refused(text):
    with pytest.raises(UsageError, match="is no atom type"):
        AtomType.parse(text)


def test_a_vocabulary_survives_json():
    for vocabulary in (Vocabulary.of(["C", "N+"]), Vocabulary.of(["C"], aromatic=True)):
        assert Vocabulary.from_dict(vocabulary.to_dict()) == vocabulary


def test_an_atom_is_found_by_element_and_charge():
    vocabulary = Vocabulary.of(["C", "N", "N+"])
    assert [vocabulary.atom_index("N"), vocabulary.atom_index("N", 1)] == [1, 2]
    with pytest.raises(UsageError, match=r"atom N- is not in the vocabulary \(C, N, N\+\)"):
        vocabulary.atom_index("N", -1)


def test_a_broken_vocabulary_is_refused():
    with pytest.raises(UsageError, match="twice"):
        Vocabulary.of(["C", "N", "C"])
    with pytest.raises(UsageError, match="1 to 127"):
        Vocabulary.of([])
    with pytest.raises(UsageError, match="bonds are none, single"):
        Vocabulary((AtomType("C"),), ("none", "double"))
    with pytest.raises(UsageError, match="not a vocabulary"):
        Vocabulary.from_dict({"atoms": ["C"]})
