"""What a library run is to dock, one line each, and what could not be docked: files of its folder.

manifest.csv    every ligand of the input, in each receptor, with the file that its poses go to
failures.csv    those that have none, and why; without it they would be tried again
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from molgen.errors import UsageError
from molgen.files import write_text

MANIFEST, FAILURES, POSES = "manifest.csv", "failures.csv", "poses"

_IN_A_FOLDER = 5000  # files; with more, they are spread over folders of a thousand
_LONGEST = 40  # letters of a name that a file's name shows; four bytes each at most


class Entry(NamedTuple):
    """One ligand in one receptor.

    Attributes:
        number: from 1; a ligand's receptors follow each other.
        receptor: its name.
        name: of the ligand.
        smiles: of it; "" where it cannot be read.
    """

    number: int
    receptor: str
    name: str
    smiles: str

    def file(self, entries: int) -> str:
        """Where its poses are, in the run's folder, if it is one of so many."""
        width = max(4, len(str(entries)))
        label = re.sub(r"[^\w.+-]+", "_", self.name)[:_LONGEST].strip("._") or "ligand"
        folder = POSES if entries <= _IN_A_FOLDER else f"{POSES}/{self.number // 1000:0{width}d}"
        return f"{folder}/{self.number:0{width}d}_{label}.sdf"


def write_manifest(folder: Path, entries: Sequence[Entry]) -> None:
    """Write all entries, whole."""
    lines = ((*entry, entry.file(len(entries))) for entry in entries)
    write_text(folder / MANIFEST, csv_text((*Entry._fields, "file"), lines))


def read_manifest(folder: Path) -> list[Entry] | None:
    """The entries; None where they were not written yet.

    Raises:
        UsageError: the file is damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            rows = csv.reader(handle)
            next(rows)
            return [Entry(int(number), *rest[:3]) for number, *rest in rows]
    except (OSError, ValueError, TypeError, StopIteration, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


class Ledger:
    """What could not be docked; each line is on disk before the next one is thought of.

    Args:
        path: of the file, which is continued.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reasons: dict[int, tuple[str, str, str]] = {}
        if path.exists():
            whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")  # a kill cuts a line
            for number, *rest in list(csv.reader(io.StringIO(whole)))[1:]:
                self.reasons[int(number)] = (rest[0], rest[1], rest[2])
        self.settle()

    def add(self, entry: Entry, reason: str) -> None:
        """Another one, unless it is there."""
        if entry.number in self.reasons:
            return
        self.reasons[entry.number] = (entry.receptor, _line(entry.name), _line(reason))
        with open(self.path, "a", encoding="utf-8", newline="") as handle:
            handle.write(csv_text((entry.number, *self.reasons[entry.number]), ()))
            handle.flush()
            os.fsync(handle.fileno())

    def settle(self) -> None:
        """Write all lines in the order of their numbers."""
        lines = ((number, *self.reasons[number]) for number in sorted(self.reasons))
        write_text(self.path, csv_text(("number", "receptor", "name", "reason"), lines))


def csv_text(head: Sequence[object], lines: Iterable[Sequence[object]]) -> str:
    """A table as text."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([head, *lines])
    return table.getvalue()


def _line(text: str) -> str:
    return " ".join(text.split())
