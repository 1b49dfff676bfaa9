"""One of the alternate locations that a crystal structure gives an atom or a whole residue."""

from collections import defaultdict
from collections.abc import Sequence

import gemmi

_EVERYWHERE = "\0"  # gemmi's label of an atom with one location


def one_location(residue: gemmi.Residue) -> tuple[list[gemmi.Atom], str]:
    """The heavy atoms of a residue, each once, and the label taken ("" if there is no choice).

    The label with the greatest sum of occupancies is taken for the whole residue, so that its atoms
    belong together; of equals the first of the alphabet. An atom without that label keeps the
    location that is occupied most.
    """
    atoms = [atom for atom in residue if not atom.is_hydrogen()]
    weight: dict[str, float] = defaultdict(float)
    for atom in atoms:
        if atom.altloc != _EVERYWHERE:
            weight[atom.altloc] += atom.occ
    label = min(weight, key=lambda name: (-weight[name], name)) if weight else ""
    best: dict[str, gemmi.Atom] = {}
    for atom in atoms:
        if atom.name not in best or _rank(atom, label) > _rank(best[atom.name], label):
            best[atom.name] = atom
    return list(best.values()), label if len(best) < len(atoms) else ""


def _rank(atom: gemmi.Atom, label: str) -> tuple[bool, float]:
    return atom.altloc in (label, _EVERYWHERE), atom.occ


def one_residue(alternatives: Sequence[gemmi.Residue]) -> gemmi.Residue:
    """Of different residues at one place of the chain, the one that is occupied most."""
    return max(alternatives, key=lambda residue: sum(atom.occ for atom in residue) / len(residue))
