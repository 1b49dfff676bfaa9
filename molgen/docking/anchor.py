"""What is held in place while a ligand is docked: a scaffold, atoms, the end of a bond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from molgen.chem.covalent import Tail, bonded, bonded_atom, tail_of
from molgen.chem.holding import Held, Part, held_by, held_in_place, part_of
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.chem.substructure import Pattern
from molgen.docking.target import Target
from molgen.errors import UsageError


@dataclass(frozen=True)
class Anchor:
    """What a user wants held: a scaffold, perhaps part of it, atoms of the ligand, or a bond.

    Attributes:
        hold: file of a scaffold in the frame of the receptors.
        smarts: which atoms are held: of the scaffold, or without one of the ligand's own pose.
        covalent: atom of the receptors that the ligand is bonded to, as "A:145:SG".
        attach: the ligand's atom that is: its number, from 1, or a SMARTS.
    """

    hold: Path | None = None
    smarts: str | None = None
    covalent: str | None = None
    attach: str | None = None

    @classmethod
    def of(
        cls,
        hold: str | Path | None,
        smarts: str | None,
        covalent: str | None,
        attach: str | int | None,
    ) -> Anchor | None:
        """The anchor of the options of a command; None where nothing is held.

        Raises:
            UsageError: options that do not go together.
        """
        if (covalent is None) != (attach is None):
            raise UsageError(
                "a covalent bond has two ends: give the receptor's atom (--covalent A:145:SG) and "
                "the ligand's (--attach, a number or a SMARTS)"
            )
        if hold is None and smarts is None and covalent is None:
            return None
        if covalent is not None and (hold is not None or smarts is not None):
            raise UsageError(
                "hold a scaffold or bond the ligand: --hold does not go with --covalent"
            )
        path = None if hold is None else Path(hold)
        return cls(path, smarts, covalent, None if attach is None else str(attach))

    def check(self) -> None:
        """Nothing, where scaffold and pattern can be read.

        Raises:
            UsageError: one cannot.
        """
        _ = self.pattern, self.part

    @cached_property
    def pattern(self) -> Pattern | None:
        """Of the atoms to hold."""
        return None if self.smarts is None else Pattern.of(self.smarts)

    @cached_property
    def part(self) -> Part | None:
        """What is held, where it comes from a file."""
        return None if self.hold is None else part_of(self.hold, self.pattern)

    def identity(self, checksum: Callable[[Path], str]) -> dict[str, Any]:
        """What makes two anchors the same, as JSON has it."""
        said = {
            "hold": self.hold and checksum(self.hold),
            "smarts": self.smarts,
            "covalent": self.covalent,
            "attach": self.attach,
        }
        return {key: value for key, value in said.items() if value is not None}

    def on(self, ligand: Ligand, target: Target) -> list[Anchored]:
        """What is docked of a ligand, one entry for each set of atoms that can be what is held.

        Raises:
            UsageError: the ligand does not have it, or the target has not the atom of the bond.
        """
        if self.covalent is not None and self.attach is not None:
            tail = self.tail(target)
            whole = bonded(ligand, bonded_atom(ligand, self.attach), tail)
            first, count = ligand.molecule.GetNumAtoms(), len(tail.rows)
            held = Held(np.arange(first, first + count), tail.positions[None], count)
            left = np.ones(len(target.pocket.receptor), bool)
            left[tail.rows] = False
            pocket = replace(target.pocket, receptor=target.pocket.receptor.take(left))
            return [Anchored(whole, pocket, held)]
        if self.part is not None:
            ways = held_by(self.part, ligand)
        else:
            assert self.pattern is not None  # there is something to hold
            ways = held_in_place(self.pattern, ligand)
        number = sum(len(held.places) for held in ways)
        note = f"{len(ways[0].atoms)} atoms are held" + (f", in {number} ways" * (number > 1))
        noted = replace(ligand, notes=(*ligand.notes, note))
        return [Anchored(noted, target.pocket, held) for held in ways]

    def tail(self, target: Target) -> Tail:
        """The side chain that ligands are bonded to, rows being those of the target's pocket.

        Raises:
            UsageError: it is not in the pocket.
        """
        assert self.covalent is not None
        return tail_of(target.pocket.receptor, self.covalent)

    def prepared(self, targets: Sequence[Target]) -> list[Target]:
        """Targets whose surroundings are without what a bond brings near, so that it is no clash.

        Raises:
            UsageError: it is not in the pocket of one.
        """
        if self.covalent is None:
            return list(targets)
        return [
            replace(one, surroundings=one.surroundings.without_atoms(self.tail(one).touching))
            for one in targets
        ]


@dataclass(frozen=True)
class Anchored:
    """A ligand to dock some atoms of which do not move.

    Attributes:
        ligand: with the atoms of the receptor that it is bonded to, if it is.
        pocket: without them.
        held: what does not move.
    """

    ligand: Ligand
    pocket: Pocket
    held: Held
