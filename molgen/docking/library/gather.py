"""The poses of a library run in one SDF and one table, and its ligands by their best pose."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from molgen.chem.pose_files import read_pose_records
from molgen.docking.library import Library
from molgen.docking.library.manifest import csv_text
from molgen.docking.poses import BEST_BY, MAIN, RANK
from molgen.files import write_text, written_whole


def write_poses(library: Library, sdf: Path, table: Path, columns: Sequence[str]) -> None:
    """All poses in the order of the input.

    Args:
        library: what was docked.
        sdf: all files in one.
        table: a CSV, one line a pose.
        columns: of the table, besides the number of the entry.
    """
    with written_whole(table) as own, open(own, "w", encoding="utf-8", newline="") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(("number", *columns))
        for entry, file in library.files():
            for record in read_pose_records(file):
                lines.writerow((entry.number, *(record.values.get(c, "") for c in columns)))
    with written_whole(sdf) as own, open(own, "wb") as whole:
        for _, file in library.files():
            whole.write(file.read_bytes())


def write_ranking(library: Library, path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """A CSV of each ligand's best pose, the best first; returns its lines."""
    best: list[tuple[float, dict[str, str]]] = []
    for entry, file in library.files():
        values: Mapping[str, str] = next(iter(read_pose_records(file))).values
        row = {**values, "number": str(entry.number), "smiles": entry.smiles}
        best.append((float(values[BEST_BY]), row))
    best.sort(key=lambda pair: pair[0])
    heads = ["place", "number", *(name for name in MAIN if name in columns and name != RANK)]
    heads.append("smiles")
    rows = [
        {head: {**row, "place": str(place)}.get(head, "") for head in heads}
        for place, (_, row) in enumerate(best, 1)
    ]
    write_text(path, csv_text(heads, [list(row.values()) for row in rows]))
    return rows
