"""One of the alternate locations that a crystal structure gives an atom or a whole residue."""

from collections import defaultdict
from collections.abc import Sequence

import gemmi

_ANYWHERE = "\0"  # gemmi's label of an atom without one
_SAME_A = 0.5  # no two atoms are so near


def one_location(residue: gemmi.Residue) -> tuple[list[gemmi.Atom], str]:
    """The heavy atoms of a residue at one location, and its label ("" if there was no choice).

    The label with the greatest sum of occupancies is taken for the whole residue, so that its atoms
    belong together; of equals the first of the alphabet. An atom without that label keeps the
    location that is occupied most.
    """
    atoms = [atom for atom in residue if not atom.is_hydrogen()]
    if all(atom.altloc == _ANYWHERE for atom in atoms):
        return atoms, ""
    weight: dict[str, float] = defaultdict(float)
    for atom in atoms:
        if atom.altloc != _ANYWHERE:
            weight[atom.altloc] += atom.occ
    label = min(weight, key=lambda name: (-weight[name], name))
    best: dict[str, gemmi.Atom] = {}
    for atom in atoms:
        if atom.name not in best or _rank(atom, label) > _rank(best[atom.name], label):
            best[atom.name] = atom
    return list(best.values()), label if len(best) < len(atoms) else ""


def _rank(atom: gemmi.Atom, label: str) -> tuple[bool, float]:
    return atom.altloc in (label, _ANYWHERE), atom.occ


def places(chain: gemmi.Chain) -> list[list[gemmi.Residue]]:
    """The residues of a chain; those that share one place as alternatives come together.

    A number alone does not make them so: two ligands may bear the same one by mistake.
    """
    found: list[list[gemmi.Residue]] = []
    for residue in chain:
        if found and found[-1][0].seqid == residue.seqid and _alternatives(found[-1][0], residue):
            found[-1].append(residue)
        else:
            found.append([residue])
    return found


def _alternatives(one: gemmi.Residue, other: gemmi.Residue) -> bool:
    """Whether both are labelled, or an atom of one lies on an atom of the other."""
    if all(any(atom.altloc != _ANYWHERE for atom in residue) for residue in (one, other)):
        return True
    return any(a.pos.dist(b.pos) < _SAME_A for a in one for b in other)


def one_residue(alternatives: Sequence[gemmi.Residue]) -> gemmi.Residue:
    """Of different residues at one place of the chain, the one that is occupied most."""
    return max(alternatives, key=lambda residue: sum(atom.occ for atom in residue) / len(residue))
