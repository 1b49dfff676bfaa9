"""A ligand in a pocket as physics sees it: how it moves, and where its energy is lowest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from molgen.chem.holding import Held
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.chem.vina_ligand import vina_ligand
from molgen.chem.vina_receptor import receptor_types
from molgen.docking.held import free_rotors
from molgen.docking.options import DockTable
from molgen.docking.physics import Scoring
from molgen.docking.physics.field import PocketField
from molgen.docking.physics.terms import TERMS
from molgen.docking.search import Found, Searched, distinct, search, spread
from molgen.docking.search.minimise import minimise
from molgen.docking.search.tree import Tree, build_tree

SCATTER_NM = 0.5
"""Half the edge of the box for the middles of random poses."""

_HALF_BOX_NM = 1.125
"""Half the edge of the box that is searched, that in which Vina is judged: 22.5 Å."""


@dataclass(frozen=True)
class Physics:
    """A ligand's physical energy in a pocket, and how it moves.

    Attributes:
        tree: of its rotors.
        scoring: of poses about the pocket's centre.
        second: the other scoring function, whose opinion counts in ranking.
        field: of the pocket in a box about its centre, for the search.
    """

    tree: Tree
    scoring: Scoring
    second: Scoring
    field: Callable[[], PocketField]

    @classmethod
    def of(
        cls,
        pocket: Pocket,
        ligand: Ligand,
        function: str,
        like: Tensor,
        held: Held | None = None,
    ) -> Physics:
        """That of a ligand in a pocket, perhaps with atoms that do not move."""
        typed = vina_ligand(ligand.molecule)
        atoms, rotors, root = ligand.molecule.GetNumAtoms(), typed.rotors, None
        if held is not None:
            rotors, root = free_rotors(typed, held.atoms)
        own = atoms - (held.bonded if held is not None else 0)
        tree = build_tree(atoms, typed.bonds, rotors, held=root)
        positions = pocket.receptor.coordinates - pocket.centre
        types = receptor_types(pocket.receptor)
        scoring, second = (
            Scoring(
                positions,
                types,
                typed.types,
                tree.pairs,
                typed.torsions,
                function=name,
                own=own,
                like=like,
            )
            for name in (function, next(name for name in TERMS if name != function))
        )
        field = partial(
            PocketField,
            positions,
            types,
            typed.types[:own],
            np.zeros(3),
            _HALF_BOX_NM,
            function=function,
            like=like,
        )
        return cls(tree.to(like), scoring, second, field)

    def searched(self, start: Tensor, shapes: Tensor, table: DockTable, seed: int) -> Searched:
        """Different minima, the lowest first, that are found from some poses and from random ones.

        Args:
            start: `[b, atoms, 3]` nm about the pocket's centre.
            shapes: `[c, atoms, 3]` nm, conformers; where atoms are held, in place.
            table: how long is searched.
            seed: of the chains.
        """
        if table.steps == 0:
            ends = minimise(self.tree, start, self.scoring.energy_and_gradient)
            found = distinct(ends.poses, ends.energy, table.found)
            return Searched(found.poses, found.energy, Found(ends.poses, ends.energy))
        generator = torch.Generator().manual_seed(seed)
        return search(
            self.tree,
            spread(self.tree, start, shapes, table.chains, SCATTER_NM, generator),
            self.field(),
            self.scoring,
            steps=table.steps,
            count=table.found,
            generator=generator,
        )
