"""The lists of peptides that data are made of."""

import pytest

from molgen import resources
from molgen.md.peptides.sequence import AMINO_ACIDS, Peptide

PUBLISHED = "KS AT LW KQ NY IM TD HT NF RL ET AC RV HP AP".split()


@pytest.fixture(scope="module")
def lists():
    folder = resources.shipped("data") / "dipeptides"
    return {
        name: [
            Peptide.parse(line)
            for line in (folder / f"{name}.txt").read_text().splitlines()
            if not line.startswith("#")
        ]
        for name in ("train", "validation", "test")
    }


def test_no_ordered_pair_and_no_peptide_is_shared(lists):
    for a, b in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not set(lists[a]) & set(lists[b])
        pairs = [{p.residues for p in lists[name] if len(p) == 2} for name in (a, b)]
        assert not pairs[0] & pairs[1]


def test_test_begins_with_the_published_and_has_what_they_left_out(lists):
    assert [p.text for p in lists["test"][:15]] == PUBLISHED
    more = lists["test"][15:]
    assert len(more) == 15
    assert sum("G" in p.residues for p in more) >= 3
    assert sum("P" in p.residues for p in more) >= 2
    assert sum(p.acetyl for p in more) >= 4


def test_every_beginning_of_the_training_list_is_balanced(lists):
    """Each twenty have every amino acid once at either place."""
    for begin in (0, 20):
        block = lists["train"][begin : begin + 20]
        for place in (0, 1):
            assert sorted(p.residues[place] for p in block) == sorted(AMINO_ACIDS)
    assert len(lists["train"]) >= 76
    assert sum(p.acetyl or p.amide for p in lists["train"][:40]) >= 4
    assert sum(len(p) == 1 for p in lists["train"]) >= 10
    assert len(lists["validation"]) == 12
