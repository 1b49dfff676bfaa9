"""How alike pockets are by their residues: what a model has seen of a pocket before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from molgen.chem.kinds import Kind
from molgen.chem.pocket import Pocket

_LETTERS = {
    **{"ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E"},
    **{"GLY": "G", "HIS": "H", "ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F"},
    **{"PRO": "P", "SER": "S", "THR": "T", "TRP": "W", "TYR": "Y", "VAL": "V"},
}


def sequence(pocket: Pocket) -> str:
    """The residues of the protein in a pocket, a letter each, in the order of the file."""
    receptor = pocket.receptor
    protein = receptor.kinds == Kind.PROTEIN
    _, first = np.unique(receptor.residues[protein], return_index=True)
    names = [receptor.residue_names[k] for k in np.flatnonzero(protein)[first]]
    return "".join(_LETTERS.get(name, "X") for name in names)


def most_alike(own: str, others: Iterable[str]) -> float:
    """The greatest `similarity` to any of other sequences; 0 where there is none."""
    return max((similarity(own, other) for other in others), default=0.0)


def similarity(one: str, other: str) -> float:
    """Longest common subsequence over the shorter length; unrelated pockets have 0.4 to 0.6."""
    shorter = min(len(one), len(other))
    return common(one, other) / shorter if shorter else 0.0


def common(one: str, other: str) -> int:
    """Length of the longest common subsequence, a machine word of it at a time (Hyyrö 2004)."""
    places: dict[str, int] = defaultdict(int)
    for k, letter in enumerate(one):
        places[letter] |= 1 << k
    everywhere = (1 << len(one)) - 1
    row = everywhere  # a zero where the subsequence grows
    for letter in other:
        here = row & places[letter]
        row = ((row + here) | (row - here)) & everywhere
    return len(one) - row.bit_count()
