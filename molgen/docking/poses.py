"""The poses of a ligand that a user gets: different ones, best first, with all that is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molgen.chem.contacts import polar_contacts
from molgen.chem.ligand import Ligand
from molgen.chem.pose_checks import check_names, is_valid, posebusters_checks
from molgen.chem.pose_files import pose_block, pose_records
from molgen.chem.rmsd import symmetric_rmsd
from molgen.docking.docked import Docked
from molgen.docking.target import Target
from molgen.likelihood import ERROR, LOG_Q, STEP
from molgen.steering import Record
from molgen.units import ANGSTROM

RECEPTOR, NAME, RANK, SURE, RMSD = "receptor", "name", "rank", "confidence", "rmsd_A"
VALID, CONTACTS, NOTES = "pb_valid", "polar_contacts", "notes"
LIKELIHOOD = (LOG_Q, ERROR, STEP)
"""Columns of how likely the model finds a pose; see `molgen.docking.likelihood`."""


@dataclass(frozen=True)
class Column:
    """A number of each pose.

    Attributes:
        name: as files have it, with the unit.
        places: decimals.
        of: the numbers [poses]; None where there are none.
    """

    name: str
    places: int
    of: Callable[[Docked], NDArray[Any] | None]


COLUMNS = (
    Column(SURE, 3, lambda docked: docked.confidence),
    Column("energy_kcal_mol", 3, lambda docked: docked.energy),
    Column("affinity_kcal_mol", 3, lambda docked: docked.affinity),
)
"""What docking says of a pose."""

BEST_BY = "affinity_kcal_mol"
"""By this ligands are ranked, the least first."""

MAIN = (RANK, RECEPTOR, NAME, *(column.name for column in COLUMNS), RMSD, VALID)
"""What a short table has of a pose; there may be less."""


@dataclass(frozen=True)
class Poses:
    """Poses of one ligand in one receptor, the best first.

    Attributes:
        ligand: with notes on it.
        positions: [poses, atoms, 3] nm.
        rows: of each pose what is known, as text by the name of a column; "" where nothing is.
        reference: [atoms, 3] nm, the known pose, if there is one.
        seconds: by stage.
        steering: what it said of the drawn poses; None where nothing steered them.
    """

    ligand: Ligand
    positions: NDArray[np.float64]
    rows: Sequence[Mapping[str, str]]
    reference: NDArray[np.float64] | None
    seconds: Mapping[str, float]
    steering: Record | None = None

    def with_columns(self, columns: Mapping[str, NDArray[np.float64]]) -> Poses:
        """The same with further numbers of each pose, by name: `[poses]`."""
        texts = {name: [f"{x:.3f}" for x in values] for name, values in columns.items()}
        rows = [
            {**row, **{name: values[k] for name, values in texts.items()}}
            for k, row in enumerate(self.rows)
        ]
        return replace(self, rows=rows)

    def sdf(self) -> str:
        """A record a pose."""
        return pose_records(self.ligand.molecule, self.ligand.name, self.positions, self.rows)

    @property
    def reference_block(self) -> str | None:
        """The MOL block of the known pose."""
        if self.reference is None:
            return None
        return pose_block(self.ligand.molecule, self.reference)


def column_names(
    *, checks: bool, reference: bool = True, confidence: bool = True, likelihood: bool = True
) -> tuple[str, ...]:
    """The names of the columns of a table, in order.

    Args:
        checks: poses are judged.
        reference: there is a known pose.
        confidence: there is one in each pose.
        likelihood: log q of the poses is found.
    """
    names = (*MAIN, *LIKELIHOOD, *(check_names() if checks else ()), CONTACTS, NOTES)
    there = {VALID: checks, RMSD: reference, SURE: confidence}
    there |= dict.fromkeys(LIKELIHOOD, likelihood)
    return tuple(name for name in names if there.get(name, True))


def distinct(docked: Docked, keep: int, apart_nm: float) -> NDArray[np.int64]:
    """Indices of the best poses that differ by an RMSD, at most `keep`.

    Args:
        docked: best first.
        keep: at most so many.
        apart_nm: poses within this RMSD of a better one are the same.
    """
    chosen: list[int] = []
    left = np.ones(len(docked.poses), bool)
    while left.any() and len(chosen) < keep:
        best = int(left.argmax())
        chosen.append(best)
        left &= symmetric_rmsd(docked.ligand.molecule, docked.poses, docked.poses[best]) > apart_nm
        left[best] = False
    return np.array(chosen)


def valid_first(verdicts: Sequence[Mapping[str, bool | None]]) -> NDArray[np.int64]:
    """The order of poses, best first, in which those that fail a check come after the others."""
    return np.argsort([not is_valid(one) for one in verdicts], kind="stable")


def handed_out(
    docked: Docked,
    target: Target,
    *,
    keep: int,
    apart_nm: float,
    checks: bool,
    reference: NDArray[np.float64] | None,
) -> Poses:
    """The best of the docked poses that differ, judged; those that fail a check come last.

    Args:
        docked: all poses.
        target: what they are in.
        keep: at most so many.
        apart_nm: poses within this RMSD of a better one are the same.
        checks: by PoseBusters' rules, in all of the receptor's file.
        reference: [atoms, 3] nm, a pose that the RMSD is from.
    """
    begun = time.perf_counter()
    ligand = docked.ligand
    verdicts: Sequence[Mapping[str, bool | None]] = []
    if checks:
        verdicts = posebusters_checks(ligand.molecule, docked.poses, target.surroundings)
        order = valid_first(verdicts)
        docked, verdicts = docked.take(order), [verdicts[k] for k in order]
    chosen = distinct(docked, keep, apart_nm)
    poses = docked.poses[chosen]
    name = " ".join(ligand.name.split())
    columns: dict[str, Sequence[str]] = {
        RECEPTOR: [target.name] * len(chosen),
        NAME: [name] * len(chosen),
        RANK: [str(rank) for rank in range(1, len(chosen) + 1)],
        NOTES: ["; ".join(ligand.notes)] * len(chosen),
    }
    contacts = polar_contacts(docked.pocket.receptor, ligand.molecule, poses)
    columns[CONTACTS] = ["; ".join(map(str, of_pose)) for of_pose in contacts]
    for column in COLUMNS:
        numbers = column.of(docked)
        if numbers is not None:
            columns[column.name] = [f"{x:.{column.places}f}" for x in numbers[chosen]]
    if reference is not None:
        rmsd = symmetric_rmsd(ligand.molecule, poses, reference) / ANGSTROM
        columns[RMSD] = [f"{x:.2f}" for x in rmsd]
    if checks:
        columns[VALID] = [str(is_valid(verdicts[k])) for k in chosen]
        for name in check_names():
            columns[name] = [_text(verdicts[k][name]) for k in chosen]
    names = [name for name in column_names(checks=checks) if name in columns]
    rows = [{name: columns[name][k] for name in names} for k in range(len(chosen))]
    seconds = {**docked.seconds, "checks": time.perf_counter() - begun}
    return Poses(ligand, poses, rows, reference, seconds, docked.steering)


def _text(verdict: bool | None) -> str:
    return "" if verdict is None else str(verdict)
