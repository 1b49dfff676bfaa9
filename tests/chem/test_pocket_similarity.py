"""Longest common subsequences against the textbook's table."""

import random

from molgen.chem.pocket import cut_pocket
from molgen.chem.pocket_similarity import common, most_alike, sequence, similarity
from molgen.chem.receptor import read_receptor
from tests.docking.complexes import complexes


def textbook(one, other):
    row = [0] * (len(other) + 1)
    for a in one:
        before = row[:]
        for k, b in enumerate(other):
            row[k + 1] = before[k] + 1 if a == b else max(before[k + 1], row[k])
    return row[-1]


def test_common_subsequences_are_as_long_as_the_table_says():
    random.seed(0)
    for _ in range(200):
        one = "".join(random.choices("ACDE", k=random.randrange(90)))
        other = "".join(random.choices("ACDE", k=random.randrange(90)))
        assert common(one, other) == textbook(one, other)


def test_a_sequence_is_wholly_like_itself_and_like_one_that_holds_it():
    assert similarity("ACDE", "AXCXDXE") == 1
    assert similarity("", "ACD") == 0
    assert most_alike("ACDE", ["AC", "XXXX"]) == 1
    assert most_alike("ACDE", []) == 0


def test_the_sequence_of_a_pocket_has_a_letter_a_residue():
    receptor = read_receptor(complexes()["1ia1"][0])
    pocket = cut_pocket(receptor, receptor.coordinates.mean(0), 1.0)
    names = dict(zip(pocket.receptor.residue_ids, sequence(pocket), strict=False))
    assert len(names) == len(sequence(pocket))
    assert "X" not in names.values()
