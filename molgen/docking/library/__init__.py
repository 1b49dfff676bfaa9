"""Many ligands, docked in worker processes: a folder that can be continued after any interruption.

run.json        which run it is: settings and checksums
manifest.csv    what is to be docked
poses/          one file a ligand and receptor, each of which appeared at once
failures.csv    what could not be docked, and why
log.jsonl       how long each took
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from molgen.chem.library import library_files, read_library
from molgen.chem.ligand import Ligand, Unreadable
from molgen.chem.writing import smiles_of
from molgen.docking.desk import DockPlan, sha256
from molgen.docking.library.manifest import (
    FAILURES,
    Entry,
    Ledger,
    read_manifest,
    write_manifest,
)
from molgen.docking.library.workers import in_processes
from molgen.docking.target import Target
from molgen.files import locked, write_text
from molgen.run import Run

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Library:
    """A finished run.

    Attributes:
        folder: of it.
        targets: the receptors.
        entries: all that was to be docked.
        ledger: what was not.
        seconds: by stage, of all ligands.
    """

    folder: Path
    targets: list[Target]
    entries: list[Entry]
    ledger: Ledger
    seconds: dict[str, float]

    def files(self) -> Iterator[tuple[Entry, Path]]:
        """What was docked, and the file of its poses, in order."""
        for entry in self.entries:
            if entry.number not in self.ledger.reasons:
                yield entry, self.folder / entry.file(len(self.entries))


def dock_library(
    plan: DockPlan,
    source: str | Path,
    folder: Path,
    *,
    jobs: int,
    progress: Progress | None = None,
) -> Library:
    """Dock what is not yet docked of a library; each ligand the same in any company.

    Args:
        plan: into what, and how.
        source: see `molgen.chem.library.read_library`.
        folder: of this run, new or begun.
        jobs: processes, each on one thread of the processor.
        progress: told (what, done, total).

    Raises:
        UsageError: an input cannot be used, or the folder holds another run.
        MolgenError: the disk is full.
    """
    targets = plan.targets()
    files = library_files(source)
    ligands = [{"file": file.name, "sha256": sha256(file)} for file in files] or str(source)
    run = Run.start(folder, {"kind": "docking", "ligands": ligands, **plan.identity()})
    with locked(folder):
        ledger = Ledger(folder / FAILURES)
        entries = read_manifest(folder)
        if entries is None:
            entries = _listed(source, targets)
            write_manifest(folder, entries)
        total = len(entries)
        done = {e.number for e in entries if (folder / e.file(total)).is_file()}

        def tell() -> int:
            settled = len(done | ledger.reasons.keys())
            if progress:
                progress("docking", settled, total)
            return total - settled

        if left := tell():
            tasks = _pending(source, len(targets), entries, done, ledger)
            for outcome in in_processes(partial(_clerk, plan), tasks, min(jobs, left)):
                entry = entries[outcome.task.number - 1]
                if outcome.error:
                    ledger.add(entry, outcome.error)
                else:
                    text, seconds = outcome.result
                    path = folder / entry.file(total)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_text(path, text)
                    run.log(entry.number, **seconds)
                    done.add(entry.number)
                tell()
        ledger.settle()
    seconds = Counter[str]()
    for record in run.records():
        seconds.update({key: value for key, value in record.items() if key != "step"})
    return Library(folder, targets, entries, ledger, dict(seconds))


def _listed(source: str | Path, targets: list[Target]) -> list[Entry]:
    """Every ligand in each receptor."""
    entries: list[Entry] = []
    for found in read_library(source):
        smiles = "" if isinstance(found, Unreadable) else smiles_of(found.molecule)
        for target in targets:
            entries.append(Entry(len(entries) + 1, target.name, found.name, smiles))
    return entries


class _Task(NamedTuple):
    """A ligand to dock, with the number of its entry and that of the receptor, from 0."""

    number: int
    target: int
    ligand: Ligand


def _pending(
    source: str | Path, targets: int, entries: list[Entry], done: set[int], ledger: Ledger
) -> Iterator[_Task]:
    """What is neither done nor in the ledger; ligands that are none go there."""
    for index, found in enumerate(read_library(source)):
        for target in range(targets):
            number = 1 + index * targets + target
            if number in done or number in ledger.reasons:
                continue
            if isinstance(found, Unreadable):
                ledger.add(entries[number - 1], found.reason)
            else:
                yield _Task(number, target, found)


def _clerk(plan: DockPlan) -> Callable[[_Task], tuple[str, dict[str, Any]]]:
    """In a process of its own: what makes a task a file's text, with the seconds it took."""
    torch.set_num_threads(1)
    desk = plan.open()

    def work(task: _Task) -> tuple[str, dict[str, Any]]:
        poses = desk.dock(task.ligand, task.target)
        return poses.sdf(), dict(poses.seconds)

    return work
