"""Peptides by name: `KS` with charged ends, `Ac-KS-NHMe` with caps."""

import re
from dataclasses import dataclass

from molgen.errors import UsageError

AMINO_ACIDS = {
    "A": "ALA",
    "C": "CYS",
    "D": "ASP",
    "E": "GLU",
    "F": "PHE",
    "G": "GLY",
    "H": "HIS",
    "I": "ILE",
    "K": "LYS",
    "L": "LEU",
    "M": "MET",
    "N": "ASN",
    "P": "PRO",
    "Q": "GLN",
    "R": "ARG",
    "S": "SER",
    "T": "THR",
    "V": "VAL",
    "W": "TRP",
    "Y": "TYR",
}
"""The twenty amino acids: one letter to three."""

LONGEST = 4
ACETYL, AMIDE = "Ac-", "-NHMe"


@dataclass(frozen=True)
class Peptide:
    """A short peptide of L-amino acids as it is at pH 7.

    Without caps its ends are charged: NH3+ and COO-. Lysine and arginine are protonated, aspartate
    and glutamate not; histidine is neutral with its hydrogen at NE2; cysteine is reduced.

    Attributes:
        residues: One letter a residue.
        acetyl: CH3-CO- (ACE) at the start rather than a charge.
        amide: -NH-CH3 (NME) at the end rather than a charge.
    """

    residues: str
    acetyl: bool = False
    amide: bool = False

    def __post_init__(self) -> None:
        for number, letter in enumerate(self.residues, start=1):
            where = f"peptide '{self.text}': residue {number}, '{letter}',"
            if letter in AMINO_ACIDS:
                continue
            if letter.upper() in AMINO_ACIDS:
                raise UsageError(
                    f"{where} is lower case, which is a D-residue; only L-residues are known: "
                    f"write {letter.upper()}"
                )
            raise UsageError(
                f"{where} is no amino acid (they are {' '.join(AMINO_ACIDS)}; "
                f"caps are written {ACETYL}KS{AMIDE})"
            )
        if not self.residues:
            raise UsageError(f"peptide '{self.text}': has no residue; write one such as KS")
        if len(self.residues) > LONGEST:
            raise UsageError(
                f"peptide '{self.text}': has {len(self.residues)} residues, at most {LONGEST}"
            )
        if len(self.residues) == 1 and not (self.acetyl and self.amide):
            raise UsageError(
                f"peptide '{self.text}': a single residue needs both caps: "
                f"{ACETYL}{self.residues}{AMIDE}"
            )

    @classmethod
    def parse(cls, text: str) -> "Peptide":
        """The peptide of a name such as `KS`, `Ac-K-NHMe` or `KS-NHMe`.

        Raises:
            UsageError: it is none, with the reason.
        """
        caps = re.fullmatch(rf"({ACETYL})?([^-]*)({AMIDE})?", text.strip())
        if caps is None:
            raise UsageError(
                f"peptide '{text}': caps are {ACETYL}... and ...{AMIDE}, "
                f"as in {ACETYL}KS{AMIDE}; no other is known"
            )
        return cls(caps[2], caps[1] is not None, caps[3] is not None)

    @property
    def text(self) -> str:
        """Its name, which `parse` reads; fit for a folder's name."""
        return f"{ACETYL * self.acetyl}{self.residues}{AMIDE * self.amide}"

    @property
    def resnames(self) -> tuple[str, ...]:
        """Three-letter names from end to end, caps (ACE, NME) included."""
        inner = (AMINO_ACIDS[letter] for letter in self.residues)
        return (*("ACE",) * self.acetyl, *inner, *("NME",) * self.amide)

    def __len__(self) -> int:
        return len(self.residues)

    def __str__(self) -> str:
        return self.text
