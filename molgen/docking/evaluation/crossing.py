"""Cross-docking: ligands into other structures of the protein that they were found in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations

from molgen.chem.pocket import Pocket, cut_pocket
from molgen.chem.pocket_similarity import sequence, similarity
from molgen.chem.same_site import laid_upon
from molgen.docking.evaluation.cases import Case
from molgen.errors import UsageError

_ALIKE = 0.6
"""Similarity of pockets below which they need not be aligned; see `molgen.chem.pocket_similarity`,
by which one protein's are 0.8 at least."""


def crossed(cases: Sequence[Case]) -> list[Case]:
    """Each ligand of the cases in the receptor of each other case of the same protein.

    The pocket's centre is that of the receptor's own ligand, so nothing is known of where the other
    one lies. The known pose is that of the other structure, laid upon the receptor by the pocket's
    backbone; `molgen.chem.same_site` says when two pockets are of one protein.

    Raises:
        UsageError: there are no two.
    """
    found = list(_pairs(cases))
    if not found:
        raise UsageError(
            f"none of {len(cases)} complexes shares its protein and site with another, so there is "
            "nothing to dock crosswise"
        )
    return found


def _pairs(cases: Sequence[Case]) -> Iterator[Case]:
    pockets = {case.name: _pocket(case) for case in cases}
    texts = {name: sequence(pocket) for name, pocket in pockets.items() if pocket is not None}
    for one, other in permutations(cases, 2):
        pocket, place = pockets[one.name], pockets[other.name]
        if pocket is None or place is None:
            continue
        if similarity(texts[one.name], texts[other.name]) < _ALIKE:
            continue
        laid = laid_upon(pocket, place)
        if laid is not None:
            yield replace(
                other,
                name=f"{one.name} in {other.name}",
                ligand=one.ligand,
                reference=laid.moved(one.reference),
            )


def _pocket(case: Case) -> Pocket | None:
    try:
        return cut_pocket(case.receptor, case.centre)
    except UsageError:  # no protein about the centre: it is like no other
        return None
