"""`molgen dock`: poses of one ligand or of a library, in one receptor or several, as files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from molgen import checkpoint as checkpoints
from molgen.chem.library import read_library
from molgen.chem.ligand import Ligand, Unreadable
from molgen.chem.pocket import RADIUS_NM
from molgen.chem.writing import smiles_of
from molgen.core.threads import cpu_threads, processors
from molgen.docking.anchor import Anchor
from molgen.docking.desk import DockPlan
from molgen.docking.library import dock_library
from molgen.docking.library.gather import write_poses, write_ranking
from molgen.docking.library.manifest import FAILURES, csv_text
from molgen.docking.options import DockTable
from molgen.docking.place import RANKING, SDF, TABLE, Place
from molgen.docking.poses import column_names
from molgen.docking.summary import remarks_on, write_summary
from molgen.docking.target import Site
from molgen.errors import MolgenError, UsageError
from molgen.files import write_text
from molgen.likelihood import LikelihoodTable
from molgen.run import provenance
from molgen.steering import SteerPlan
from molgen.steering import summary as summary_of

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DockResult:
    """What was docked.

    Attributes:
        output: the SDF, or the folder.
        rows: of one ligand its poses, of a library its ligands by their best pose: the lines of the
            table or of the ranking.
        failures: name and reason of each ligand that has no pose.
        remarks: a line for each thing that was changed in reading, or looks amiss.
        summary: what is also in the JSON.
    """

    output: Path
    rows: Sequence[Mapping[str, str]]
    failures: Sequence[tuple[str, str]]
    remarks: Sequence[str]
    summary: Mapping[str, Any]


def dock(
    receptor: str | Path | Sequence[str | Path],
    ligand: str | Path,
    *,
    output: str | Path,
    pocket: str | Path | Sequence[str | Path] | None = None,
    centre_nm: Sequence[float] | None = None,
    residues: Sequence[str] = (),
    radius_nm: float = RADIUS_NM,
    removed: Sequence[str] = (),
    hold: str | Path | None = None,
    hold_smarts: str | None = None,
    covalent: str | None = None,
    attach: str | int | None = None,
    model: str | Path = "docking",
    poses: int | None = None,
    keep: int = 10,
    apart_nm: float = 0.1,
    search: int | None = None,
    scoring: str | None = None,
    confidence: str | Path | None = None,
    steps: int | None = None,
    solver: str | None = None,
    grid: str | None = None,
    teleport: float | None = None,
    checks: bool = True,
    reference: str | Path | None = None,
    waters: bool = False,
    seed: int = 0,
    jobs: int | None = None,
    threads: int = 1,
    device: str = "cpu",
    likelihood: LikelihoodTable | None = None,
    steering: SteerPlan | None = None,
    progress: Progress | None = None,
) -> DockResult:
    """Poses of a ligand, or of many, in the pocket of a receptor.

    An output `poses.sdf` has all poses, one record each; `poses.csv` and `poses.json` beside it
    tell the same in a table, and how they were made. Any other output is a folder with
    poses.sdf, poses.csv, ranking.csv, failures.csv and summary.json; many ligands are docked into a
    folder in any case, one file each, so that the same call continues after an interruption (where
    an SDF is asked for it is `poses.sdf.parts`, and goes when all is done).

    Args:
        receptor: PDB or mmCIF; or several.
        ligand: a SMILES, a file of one or many (.sdf, .mol2, .smi, .csv), or a folder of files.
        output: .sdf, or a folder.
        pocket: file of a ligand that lies in it; one for all receptors, or one each.
        centre_nm: or its centre.
        residues: or residues about it, as "A:45".
        radius_nm: of the sphere that is looked at.
        removed: residues to take out of the receptors, such as another ligand.
        hold: file of a scaffold in the frame of the receptors, whose atoms do not move; where no
            pocket is said, it is about this.
        hold_smarts: which of its atoms; without a scaffold, of the ligand where its file has it.
        covalent: atom of the receptors that ligands are bonded to, as "A:145:SG".
        attach: the ligands' atom that is, by its number from 1 or a SMARTS whose first atom it is;
            ligands are given as they are once bonded, with a hydrogen in the bond's place.
        model: a shipped name, a checkpoint, or a run folder.
        poses: drawn for each ligand; as many as the recipe says if None.
        keep: of them that are written, at most.
        apart_nm: poses within this RMSD of a better one are the same.
        search: Monte Carlo steps from each pose; 0: it is minimised and nothing else; as many as
            docking is judged with if None.
        scoring: vinardo or vina; as the recipe says if None.
        confidence: checkpoint of the model that ranks; that of the recipe if None; if empty the
            energy ranks.
        steps: of the solver; the recipe's if None.
        solver: its name; the recipe's if None.
        grid: of its times, see `SampleTable`; the recipe's if None.
        teleport: see `SampleTable`; the recipe's if None.
        checks: judge poses by PoseBusters' rules.
        reference: file of known poses, from which RMSDs are.
        waters: of the files are part of the receptors.
        seed: of all random numbers.
        jobs: processes for many ligands, each on one thread; one a processor if None.
        threads: of the processor, for a single ligand.
        device: where the model runs.
        likelihood: tell log q of each pose, found like this; see `molgen.docking.likelihood`.
        steering: by what the drawn poses are steered, and how; see `molgen.steering`.
        progress: told (what, done, total).

    Raises:
        UsageError: an input cannot be used.
        MolgenError: no ligand could be docked, or the disk is full.
    """
    receptors = tuple(Path(one) for one in _several(receptor))
    if not receptors or keep < 1:
        raise UsageError("nothing to dock into" if not receptors else f"keep = {keep}: at least 1")
    anchor = Anchor.of(hold, hold_smarts, covalent, attach)
    if pocket is None and centre_nm is None and not residues:
        pocket = hold
    pockets: list[Path | None] = [Path(one) for one in _several(pocket)] or [None]
    if len(pockets) not in (1, len(receptors)):
        raise UsageError(f"{len(pockets)} pockets for {len(receptors)} receptors: give one, or all")
    centre = None if centre_nm is None else tuple(map(float, centre_nm))
    if centre is not None and len(centre) != 3:
        raise UsageError(f"the pocket's centre must be three numbers, not {len(centre)}")
    sites = [
        Site(one, centre, tuple(residues), radius_nm, tuple(removed))
        for one in pockets * (len(receptors) // len(pockets))
    ]
    plan = DockPlan(
        receptors,
        tuple(sites),
        model=str(model),
        table=_table(model, poses, keep, search, scoring, confidence),
        steps=steps,
        solver=solver,
        grid=grid,
        teleport=teleport,
        keep=keep,
        apart_nm=apart_nm,
        checks=checks,
        reference=None if reference is None else Path(reference),
        waters=waters,
        seed=seed,
        device=device,
        likelihood=likelihood,
        steering=steering,
        anchor=anchor,
    )
    plan.check()
    place = Place.of(Path(output))
    first, *more = islice(read_library(ligand), 2)
    if place.is_folder or more or len(receptors) > 1:
        if jobs is None:
            jobs = 1 if device != "cpu" else processors()
        return _many(plan, ligand, place, jobs, progress)
    if isinstance(first, Unreadable):
        raise UsageError(first.reason)
    with cpu_threads(threads):
        return _one(plan, first, place)


def _one(plan: DockPlan, ligand: Ligand, place: Place) -> DockResult:
    """A ligand in a receptor, in this process."""
    started = provenance()
    desk = plan.open()
    poses = desk.dock(ligand)
    columns = _columns(plan)
    lines = [[row.get(name, "") for name in columns] for row in poses.rows]
    write_text(place[TABLE], csv_text(columns, lines))
    said = None
    if plan.steering is not None and poses.steering is not None:
        said = summary_of(plan.steering, [poses.steering])
    summary = write_summary(
        plan,
        place,
        desk.targets,
        counts={"poses": len(poses.rows)},
        ligand={
            "name": ligand.name,
            "smiles": smiles_of(ligand.molecule),
            "notes": poses.ligand.notes,
            "reference": poses.reference_block,
        },
        steering=said,
        seconds=poses.seconds,
        started=started,
        files={"file": SDF},
    )
    write_text(place[SDF], poses.sdf())
    remarks = [*remarks_on(desk.targets), *(f"{ligand.name}: {n}" for n in poses.ligand.notes)]
    return DockResult(place.output, poses.rows, (), remarks, summary)


def _many(
    plan: DockPlan, source: str | Path, place: Place, jobs: int, progress: Progress | None
) -> DockResult:
    """A library, in processes of their own."""
    started = provenance()
    library = dock_library(plan, source, place.work, jobs=jobs, progress=progress)
    failures = library.ledger.reasons
    if not place.is_folder:
        shutil.copyfile(place.work / FAILURES, place[FAILURES])
    if len(failures) == len(library.entries):
        _, name, reason = next(iter(failures.values()))
        place.clear()
        raise MolgenError(
            f"none of {len(failures)} ligands could be docked, see {place[FAILURES]}; the first: "
            f"{name}: {reason}"
        )
    columns = _columns(plan)
    rows = write_ranking(library, place[RANKING], columns)
    write_poses(library, place[SDF], place[TABLE], columns)
    summary = write_summary(
        plan,
        place,
        library.targets,
        counts={"entries": len(library.entries), "docked": len(rows), "failed": len(failures)},
        seconds=library.seconds,
        started=started,
        files={"file": SDF, "ranking": RANKING, "failures": FAILURES},
    )
    place.clear()
    return DockResult(
        place.output,
        rows,
        list(dict.fromkeys((name, reason) for _, name, reason in failures.values())),
        remarks_on(library.targets),
        summary,
    )


def _table(
    model: str | Path,
    poses: int | None,
    keep: int,
    search: int | None,
    scoring: str | None,
    confidence: str | Path | None,
) -> DockTable:
    table = DockTable.of(
        checkpoints.load(model).recipe,
        poses=poses,
        steps=search,
        scoring=scoring,
        confidence=None if confidence is None else str(confidence),
    )
    return table.model_copy(update={"found": max(keep, table.found)})


def _columns(plan: DockPlan) -> tuple[str, ...]:
    """Of the tables."""
    return column_names(
        checks=plan.checks,
        reference=plan.reference is not None,
        confidence=bool(plan.table.confidence),
        likelihood=plan.likelihood is not None,
    )


def _several(value: str | Path | Sequence[str | Path] | None) -> Sequence[str | Path]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str | Path) else tuple(value)
