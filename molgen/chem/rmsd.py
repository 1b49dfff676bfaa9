"""How far poses are from a reference, whichever of its equivalent atoms are which."""

from collections import defaultdict
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

_AT_ONCE = 1 << 22  # squared distances summed at a time


def symmetric_rmsd(
    molecule: Chem.Mol,
    poses: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    most_symmetries: int = 100_000,
) -> NDArray[np.float64]:
    """Root mean square distances [poses], of heavy atoms where they stand, least over symmetries.

    Symmetries are the maps of the molecule onto itself that keep elements and neighbours; bond
    orders and charges do not count, so the oxygens of a carboxylate are the same (Meli and Biggin
    2020, spyrmsd). End atoms of one element on one neighbour (methyls of tert-butyl, oxygens of a
    phosphate) are assigned among themselves, so they do not multiply the maps of the rest.

    Args:
        molecule: heavy atoms only.
        poses: [poses, atoms, 3].
        reference: [atoms, 3], in the same unit, which is that of the result.
        most_symmetries: of the rest are tried; with more of them, as in large dendrimers, the
            results are upper bounds.
    """
    squared = ((poses[:, :, None] - reference) ** 2).sum(-1)
    leaves = _leaves(molecule)
    inner = [atom for atom in range(molecule.GetNumAtoms()) if atom not in leaves]
    groups = _groups(molecule, leaves)
    kinds = [
        (
            molecule.GetAtomWithIdx(i).GetAtomicNum(),
            *sorted((z, len(g)) for z, g in groups[i].items()),
        )
        for i in inner
    ]
    cost = np.full((len(poses), len(inner), len(inner)), np.inf)
    for a, i in enumerate(inner):
        for b, j in enumerate(inner):
            if kinds[a] == kinds[b]:
                cost[:, a, b] = squared[:, i, j] + sum(
                    _assigned(squared, group, groups[j][element])
                    for element, group in groups[i].items()
                )
    maps = _maps(molecule, inner, kinds, most_symmetries)
    best = np.full(len(poses), np.inf)
    step = max(1, _AT_ONCE // (len(poses) * len(inner)))
    for start in range(0, len(maps), step):
        sums = cost[:, np.arange(len(inner)), maps[start : start + step]].sum(-1)
        best = np.minimum(best, sums.min(-1))
    return np.sqrt(best / molecule.GetNumAtoms())


def _leaves(molecule: Chem.Mol) -> set[int]:
    """Atoms with one neighbour that itself has others."""
    return {
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetDegree() == 1 and atom.GetNeighbors()[0].GetDegree() > 1
    }


def _groups(molecule: Chem.Mol, leaves: set[int]) -> dict[int, dict[int, list[int]]]:
    """The leaves of each atom by their element."""
    groups: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for leaf in sorted(leaves):
        atom = molecule.GetAtomWithIdx(leaf)
        groups[atom.GetNeighbors()[0].GetIdx()][atom.GetAtomicNum()].append(leaf)
    return groups


def _assigned(
    squared: NDArray[np.float64], mine: list[int], theirs: list[int]
) -> NDArray[np.float64]:
    """Least sums [poses] of squared distances from some atoms to as many others."""
    orders = np.array(list(permutations(theirs)))
    return squared[:, mine, orders].sum(-1).min(-1)


def _maps(molecule: Chem.Mol, inner: list[int], kinds: list[tuple], most: int) -> NDArray[np.int64]:
    """Maps [maps, inner] of the inner atoms onto themselves that keep kinds and neighbours."""
    isotope = {kind: k + 1 for k, kind in enumerate(dict.fromkeys(kinds))}
    place = {atom: a for a, atom in enumerate(inner)}
    graph = Chem.RWMol()
    for kind in kinds:
        atom = Chem.Atom(kind[0])
        atom.SetIsotope(isotope[kind])
        graph.AddAtom(atom)
    for bond in molecule.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if ends[0] in place and ends[1] in place:
            graph.AddBond(place[ends[0]], place[ends[1]], Chem.BondType.SINGLE)
    found = graph.GetSubstructMatches(graph, uniquify=False, maxMatches=most)
    return np.array(found, np.int64)
