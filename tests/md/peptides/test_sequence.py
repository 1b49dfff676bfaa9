import pytest

from molgen.errors import UsageError
from molgen.md.peptides.sequence import AMINO_ACIDS, Peptide


@pytest.mark.parametrize(
    ("text", "resnames"),
    [
        ("KS", ("LYS", "SER")),
        ("Ac-K-NHMe", ("ACE", "LYS", "NME")),
        ("Ac-KS-NHMe", ("ACE", "LYS", "SER", "NME")),
        ("Ac-GP", ("ACE", "GLY", "PRO")),
        ("HW-NHMe", ("HIS", "TRP", "NME")),
        ("ACDE", ("ALA", "CYS", "ASP", "GLU")),
    ],
)
def test_a_name_says_residues_and_caps_and_is_said_again(text, resnames):
    peptide = Peptide.parse(text)
    assert peptide.resnames == resnames
    assert peptide.text == text
    assert Peptide.parse(f" {peptide} ") == peptide


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("KB", "residue 2, 'B', is no amino acid"),
        ("K1", "residue 2, '1', is no amino acid"),
        ("Ks", "residue 2, 's', is lower case, which is a D-residue"),
        ("", "has no residue"),
        ("Ac--NHMe", "has no residue"),
        ("K", "a single residue needs both caps: Ac-K-NHMe"),
        ("Ac-K", "needs both caps"),
        ("AAAAA", "has 5 residues, at most 4"),
        ("ACE-KS", "caps are Ac-... and ...-NHMe"),
        ("KS-NH2", "no other is known"),
    ],
)
def test_what_is_no_peptide_is_refused_with_the_reason(text, reason):
    with pytest.raises(UsageError, match=reason.replace(".", r"\.")):
        Peptide.parse(text)


def test_there_are_twenty_amino_acids():
    assert len(AMINO_ACIDS) == len(set(AMINO_ACIDS.values())) == 20
