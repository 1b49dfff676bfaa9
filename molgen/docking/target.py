"""What ligands are docked into: a receptor's file, and where its pocket is said to be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from molgen.chem.kinds import Kind
from molgen.chem.ligand import read_ligand
from molgen.chem.pocket import RADIUS_NM, Pocket, centre_of_ligand, centre_of_residues, cut_pocket
from molgen.chem.pose_surroundings import Surroundings, read_surroundings
from molgen.chem.receptor import Receptor, read_receptor, without_ligand
from molgen.errors import UsageError


@dataclass(frozen=True)
class Site:
    """Where the pocket is: by exactly one of the first three.

    Attributes:
        reference: file of a ligand that lies in it.
        centre_nm: its centre.
        residues: about it, as "A:45".
        radius_nm: of the sphere whose residues are the pocket.
        removed: residues that are taken out of the receptor, such as another ligand.
    """

    reference: Path | None = None
    centre_nm: tuple[float, float, float] | None = None
    residues: tuple[str, ...] = ()
    radius_nm: float = RADIUS_NM
    removed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = (self.reference is not None) + (self.centre_nm is not None) + bool(self.residues)
        if given != 1:
            said = "nothing says" if not given else "more than one option says"
            raise UsageError(
                f"{said} where the pocket is: give a ligand that lies in it (--pocket), its "
                "centre (--center) or residues (--residues)"
            )


@dataclass(frozen=True)
class Target:
    """A receptor, ready to be docked into.

    Attributes:
        name: of the receptor.
        pocket: the part of it that is looked at.
        repairs: a line for each thing that was changed in reading it.
        guests: what the pocket holds besides protein, as "A:301 ZN".
        surroundings: all of the file, for the checks of poses.
    """

    name: str
    pocket: Pocket
    repairs: tuple[str, ...]
    guests: tuple[str, ...]
    surroundings: Surroundings

    @classmethod
    def of(cls, path: Path, site: Site, *, waters: bool = False) -> Target:
        """The receptor in a file. What lies where the reference ligand does is left out.

        Raises:
            UsageError: a file cannot be read, or there is no protein in the pocket.
        """
        whole = read_receptor(path, waters=waters)
        receptor = _without(whole, site.removed)
        if site.reference is not None:
            ligand = read_ligand(site.reference)
            centre = centre_of_ligand(ligand)
            assert ligand.pose is not None  # it has a centre
            receptor = without_ligand(receptor, ligand.pose)
        elif site.centre_nm is not None:
            centre = np.array(site.centre_nm)
        else:
            centre = centre_of_residues(receptor, site.residues)
        pocket = cut_pocket(receptor, centre, site.radius_nm)
        kept = np.isin(whole.residue_ids, receptor.residue_ids)
        return cls(
            receptor.name,
            pocket,
            receptor.repairs,
            _guests(pocket.receptor),
            read_surroundings(
                path, waters=waters, without=whole.coordinates[~kept[whole.residues]]
            ),
        )


def _without(receptor: Receptor, places: tuple[str, ...]) -> Receptor:
    """The receptor without some residues."""
    if not places:
        return receptor
    centre_of_residues(receptor, places)  # complains of those that are not there
    gone = np.array([place in places for place in receptor.residue_ids])
    lines = tuple(f"{place}: taken out, as asked" for place in places)
    return replace(receptor.take(~gone[receptor.residues]), repairs=(*receptor.repairs, *lines))


def _guests(receptor: Receptor) -> tuple[str, ...]:
    """Cofactors and metals of a pocket."""
    found = dict.fromkeys(
        f"{receptor.residue_ids[residue]} {name}"
        for residue, name, kind in zip(
            receptor.residues, receptor.residue_names, receptor.kinds, strict=True
        )
        if kind in (Kind.COFACTOR, Kind.METAL)
    )
    return tuple(found)
