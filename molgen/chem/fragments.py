"""A ligand as rigid fragments: where it is cut, and what holds the fragments together.

After SigmaDock (arXiv 2511.04854): every torsional bond is cut, then as many cuts as can be are
taken back. The fragment that a torsional bond stays in must still be rigid as far as its atoms
go: one end of the bond keeps no other bond. Also no atom keeps two of them. Both together say that
the bonds left whole are a matching (no two share an atom) of those torsional bonds of which one
end has torsional bonds only, so the fewest fragments come from a largest matching of a forest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.matching import draw_matching
from molgen.chem.superposition import superpose
from molgen.chem.torsional import torsional_bonds
from molgen.errors import UsageError

Reduction = Literal["random", "canonical", "smallest", "largest", "all"]
"""Which of the smallest sets of cuts: any, the one that spares stereocentres, fragments of even
or uneven size; or all torsional bonds."""

BOND, ANGLE, ANCHOR = 0, 1, 2
"""Kinds of links."""

_DRAWS = 64  # of smallest sets of cuts, to find the ones of even or uneven size among


@dataclass(frozen=True)
class Fragmentation:
    """Rigid fragments of a molecule and the distances that join them.

    Points are the atoms in their order, then two dummies a cut: a copy of its second atom that
    moves with the first one's fragment, and a copy of the first that moves with the second's.

    Attributes:
        cuts: [cuts, 2] atom pairs, the bonds that were cut.
        atom: [points] the atom that each point is, or copies.
        fragment: [points] the fragment that each point moves with.
        active: [points] False for a dummy that would fix a torsion its fragment should leave open
            (it is bonded to the outer end of a torsional bond that was not cut).
        links: [links, 2] points of two fragments; their distances do not depend on any torsion.
        link_kinds: [links] bond (across a cut), angle (to a neighbour across a cut) or anchor
            (an atom and its copy, whose distance is 0 when the fragments fit).
    """

    cuts: NDArray[np.int64]
    atom: NDArray[np.int64]
    fragment: NDArray[np.int64]
    active: NDArray[np.bool_]
    links: NDArray[np.int64]
    link_kinds: NDArray[np.int64]

    @property
    def fragments(self) -> int:
        """How many there are."""
        return int(self.fragment.max(initial=-1)) + 1

    @property
    def atoms(self) -> int:
        """How many points are atoms: the first ones."""
        return len(self.atom) - 2 * len(self.cuts)


def fragment(
    molecule: Chem.Mol,
    *,
    how: Reduction = "canonical",
    generator: np.random.Generator,
    among: NDArray[np.int64] | None = None,
) -> Fragmentation:
    """Cut a ligand into rigid fragments.

    Args:
        molecule: sanitised, one connected structure of heavy atoms.
        how: which cuts. "random" is uniform over the smallest sets; "canonical" is always the
            same one, and cuts the fewest bonds of stereocentres; "smallest" and "largest" are the
            best of 64 random ones.
        generator: draws among equally good ones.
        among: [bonds, 2]: cut no other torsional bonds than these, such as those that Vina turns,
            which leave amides flat.

    Raises:
        UsageError: `how` names no reduction.
    """
    if how not in get_args(Reduction):
        raise UsageError(f"no reduction '{how}'; there are {', '.join(get_args(Reduction))}")
    torsions = [(int(i), int(j)) for i, j in torsional_bonds(molecule)]
    if among is not None:
        allowed = {frozenset(pair) for pair in among.tolist()}
        torsions = [pair for pair in torsions if frozenset(pair) in allowed]
    whole = set() if how == "all" else _left_whole(molecule, torsions, how, generator)
    cuts = [torsions[k] for k in range(len(torsions)) if k not in whole]
    return _fragmentation(molecule, cuts, [torsions[k] for k in sorted(whole)])


def reference_distances(
    fragmentation: Fragmentation, conformer: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Lengths [links], in the unit of a conformer [atoms, 3]: the same in all its torsions."""
    ends = conformer[fragmentation.atom[fragmentation.links]]
    return np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)


def place(
    fragmentation: Fragmentation, conformer: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points [points, 3] of a conformer's fragments, each laid upon the same atoms of another.

    Args:
        fragmentation: of the molecule.
        conformer: [atoms, 3], the shape of each fragment.
        target: [atoms, 3], where the active points of each are laid as near as they get.
    """
    points, aims = conformer[fragmentation.atom], target[fragmentation.atom]
    placed = np.empty_like(points)
    for k in range(fragmentation.fragments):
        mine = fragmentation.fragment == k
        fitted = mine & fragmentation.active
        rotation, shift = superpose(points[fitted], aims[fitted])
        placed[mine] = points[mine] @ rotation.T + shift
    return placed


def _left_whole(
    molecule: Chem.Mol,
    torsions: list[tuple[int, int]],
    how: Reduction,
    generator: np.random.Generator,
) -> set[int]:
    """Indices of the torsional bonds that need not be cut, as many as can be."""
    turning = np.bincount(np.array(torsions, np.int64).ravel(), minlength=molecule.GetNumAtoms())
    degree = np.array([atom.GetDegree() for atom in molecule.GetAtoms()], np.int64)
    loose = turning == degree
    candidates = [k for k, (i, j) in enumerate(torsions) if loose[i] or loose[j]]
    edges = [torsions[k] for k in candidates]
    weights = _canonical_weights(molecule, edges) if how == "canonical" else [1] * len(edges)
    draws = _DRAWS if how in ("smallest", "largest") else 1
    sets = [{candidates[k] for k in draw_matching(edges, weights, generator)} for _ in range(draws)]
    power = 0.5 if how == "smallest" else 2.0

    def size_score(whole: set[int]) -> float:
        cuts = [pair for k, pair in enumerate(torsions) if k not in whole]
        return float((np.bincount(_components(molecule, cuts)) ** power).sum())

    return max(sets, key=size_score)


def _canonical_weights(molecule: Chem.Mol, edges: list[tuple[int, int]]) -> list[int]:
    """Weights of bonds that make the most whole ones, then the most stereocentres' ones, win.

    What is still equal falls to the order of the canonical ranks: no two sets weigh the same.
    """
    found = Chem.FindMolChiralCenters(
        molecule, includeUnassigned=True, useLegacyImplementation=False
    )
    centres = {atom for atom, _ in found}
    ranks = Chem.CanonicalRankAtoms(molecule)
    order = sorted(range(len(edges)), key=lambda k: sorted(ranks[atom] for atom in edges[k]))
    one = 2 * len(edges) + 1
    return [
        ((one + len(centres & set(edge))) << len(edges)) + (1 << order.index(k))
        for k, edge in enumerate(edges)
    ]


def _components(molecule: Chem.Mol, cuts: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """The fragment [atoms] of each atom, numbered by their first atoms."""
    cut = {frozenset(pair) for pair in cuts}
    fragment = np.full(molecule.GetNumAtoms(), -1, np.int64)
    count = 0
    for atom in range(len(fragment)):
        waiting = [atom] if fragment[atom] < 0 else []
        count += len(waiting)
        while waiting:
            here = waiting.pop()
            fragment[here] = count - 1
            waiting.extend(
                near
                for near in _neighbours(molecule, here)
                if fragment[near] < 0 and frozenset((here, near)) not in cut
            )
    return fragment


def _neighbours(molecule: Chem.Mol, atom: int) -> list[int]:
    return [other.GetIdx() for other in molecule.GetAtomWithIdx(atom).GetNeighbors()]


def _fragmentation(
    molecule: Chem.Mol, cuts: list[tuple[int, int]], whole: list[tuple[int, int]]
) -> Fragmentation:
    count = molecule.GetNumAtoms()
    ends = np.array(cuts, np.int64).reshape(-1, 2)
    atoms = np.concatenate([np.arange(count), ends[:, ::-1].ravel()])
    components = _components(molecule, cuts)
    fragments = np.concatenate([components, components[ends.ravel()]])
    copies: dict[int, dict[int, int]] = {atom: {} for atom in range(count)}
    for k, (i, j) in enumerate(cuts):
        copies[i][j], copies[j][i] = count + 2 * k, count + 2 * k + 1
    active = np.ones(len(atoms), np.bool_)
    for pair in whole:
        active[list(copies[_outer_end(molecule, pair, copies)].values())] = False
    links = dict(_links(molecule, cuts, copies, active))
    return Fragmentation(
        cuts=ends,
        atom=atoms,
        fragment=fragments,
        active=active,
        links=np.array(list(links), np.int64).reshape(-1, 2),
        link_kinds=np.array(list(links.values()), np.int64),
    )


def _outer_end(molecule: Chem.Mol, pair: tuple[int, int], copies: dict[int, dict[int, int]]) -> int:
    """The end of a torsional bond left whole that has no other bond left; with fewer copies."""
    free = [i for i in pair if len(copies[i]) == molecule.GetAtomWithIdx(i).GetDegree() - 1]
    return min(free, key=lambda i: len(copies[i]))


def _links(
    molecule: Chem.Mol,
    cuts: list[tuple[int, int]],
    copies: dict[int, dict[int, int]],
    active: NDArray[np.bool_],
) -> Iterator[tuple[tuple[int, int], int]]:
    """Pairs of points and their kinds; of an inactive copy the atom itself is linked."""
    for cut in cuts:
        yield (cut[0], cut[1]), BOND
        for i, j in (cut, cut[::-1]):
            for atom in _neighbours(molecule, j):
                if atom != i:
                    copy = copies[j].get(atom, atom)
                    other = copy if active[copy] else atom
                    yield (min(i, other), max(i, other)), ANGLE
            if active[copies[j][i]]:
                yield (i, copies[j][i]), ANCHOR
