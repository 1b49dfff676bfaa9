"""Whether poses have sound bonds, angles and rings: PoseBusters' checks of geometry, at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posebusters.modules.distance_geometry import check_geometry
from rdkit import Chem

from molgen.chem.posed import Posed, Verdicts


def distance_geometry(
    posed: Posed,
    *,
    threshold_bad_bond_length: float,
    threshold_bad_angle: float,
    threshold_clash: float,
    **bounds: Any,
) -> Verdicts:
    """Distances within the bounds of distance geometry, which are the same for every pose.

    Args:
        posed: The ligand in its poses.
        threshold_bad_bond_length: share by which a bond may leave its bounds.
        threshold_bad_angle: the same of the distance across an angle.
        threshold_clash: the same of other pairs, and only below.
        bounds: how PoseBusters finds the bounds.
    """
    first = check_geometry(posed.copies[0], **bounds)
    if "details" not in first:  # one atom, or no bounds
        names = ("bond_lengths_within_bounds", "bond_angles_within_bounds", "no_internal_clash")
        given = {name: first["results"][name] for name in names}
        return {name: posed.all(True if value is True else None) for name, value in given.items()}
    tables = first["details"]
    bond, angle, other = (_excess(posed, tables[name]) for name in ("bonds", "angles", "clash"))
    return {
        "bond_lengths_within_bounds": _each(np.abs(bond) <= threshold_bad_bond_length),
        "bond_angles_within_bounds": _each(np.abs(angle) <= threshold_bad_angle),
        "no_internal_clash": _each(other >= -threshold_clash),
    }


def flatness(
    posed: Posed,
    *,
    flat_systems: Mapping[str, str],
    threshold_flatness: float,
    check_nonflat: bool = False,
) -> Verdicts:
    """Groups of atoms near their plane, or not all of them.

    Args:
        posed: The ligand in its poses.
        flat_systems: SMARTS of the groups by name.
        threshold_flatness: the farthest from the plane, in Å, on the side that its normal points
            to.
        check_nonflat: it is the nearest that the farthest may be.
    """
    sane = Chem.Mol(posed.copies[0])
    Chem.SanitizeMol(sane)
    passes = np.ones(len(posed), np.bool_)
    for smarts in flat_systems.values():
        for group in sane.GetSubstructMatches(Chem.MolFromSmarts(smarts)):
            farthest = _heights(posed.positions[:, list(group)]).max(-1)
            if check_nonflat:
                passes &= farthest >= threshold_flatness
            else:
                passes &= farthest <= threshold_flatness
    return {"flatness_passes": [bool(one) for one in passes]}


def _excess(posed: Posed, table: Any) -> NDArray[np.float64]:
    """Share [poses, pairs] by which distances leave their bounds: below negative, within 0."""
    pairs = np.array(table["atom_pair"].tolist(), np.int64).reshape(-1, 2)
    low, high = (table[bound].to_numpy(float) for bound in ("lower_bound", "upper_bound"))
    ends = posed.positions[:, pairs]
    distance = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)
    short, long = (distance - low) / low, (distance - high) / high
    return np.where(distance < low, short, np.where(distance > high, long, 0.0))


def _each(passes: NDArray[np.bool_]) -> list[bool | None]:
    """Whether all of a pose pass: [poses, pairs] to one verdict a pose."""
    return [bool(pose.all()) for pose in passes]


def _heights(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distances [poses, points] from the plane through points [poses, points, 3]."""
    centred = points - points.mean(-2, keepdims=True)
    normal = np.linalg.svd(centred)[2][:, -1]
    return (centred @ normal[:, :, None])[..., 0]
