"""Drawn graphs as files: molecules, with what was wrong about the rest, or plain graphs."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

from molgen.chem.molecules import MolecularGraph
from molgen.chem.validity import check_graph
from molgen.chem.writing import write_molecules
from molgen.errors import UsageError
from molgen.files import write_text, written_whole
from molgen.graphs.graph_set import GraphSet
from molgen.graphs.statistics import Statistics

SUFFIXES = (".smi", ".sdf", ".npz")


def prepare(path: Path, statistics: Statistics) -> Path:
    """`path`, once it is certain that such graphs can be written there; makes its folder.

    Raises:
        UsageError: another ending, or one for molecules where the graphs are none.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: graphs are written as {', '.join(SUFFIXES)}")
    if statistics.vocabulary is None and path.suffix != ".npz":
        raise UsageError(f"{path}: these graphs are no molecules; write them as .npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_graphs(path: Path, drawn: GraphSet, *, first: int = 0) -> dict[str, int]:
    """Write drawn graphs whole; how many of what.

    .npz holds every graph as it was drawn (`GraphSet.load`). .smi and .sdf hold the molecules that
    are valid and connected, named by their numbers; the others are listed with their reasons in a
    CSV beside it, `<name>.rejected.csv`, so that nothing is lost from sight.

    Args:
        path: .smi, .sdf or .npz.
        drawn: the graphs.
        first: number of the first.
    """
    if path.suffix == ".npz":
        drawn.save(path)
        return {"graphs": len(drawn)}
    vocabulary = drawn.vocabulary
    molecules, names, rejected = [], [], []
    for index in range(len(drawn)):
        number = first + index
        found = check_graph(MolecularGraph(*drawn.graph(index)), vocabulary)
        if found.valid_and_connected and found.sanitised is not None:
            molecules.append(found.sanitised)
            names.append(str(number))
        else:
            rejected.append((number, found.reason))
    write_molecules(path, molecules, names=names)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([("number", "reason"), *rejected])
    write_text(path.with_suffix(".rejected.csv"), table.getvalue())
    return {"drawn": len(drawn), "valid and connected": len(molecules), "rejected": len(rejected)}


def join_graphs(path: Path, parts: Sequence[Path]) -> None:
    """Write the files of several calls of `write_graphs` as if it had been one; `path` comes last.

    Args:
        path: as for `write_graphs`.
        parts: the paths it was called with, in another folder each.
    """
    beside = {file.name for part in parts for file in part.parent.glob(f"{path.stem}.*.csv")}
    for name in sorted(beside):
        _join_text(path.with_name(name), [part.with_name(name) for part in parts])
    if path.suffix == ".npz":
        GraphSet.joined([GraphSet.load(part) for part in parts]).save(path)
    else:
        _join_text(path, parts)


def _join_text(path: Path, parts: Sequence[Path]) -> None:
    """The content of some files in one, without the header of any CSV but the first."""
    with written_whole(path) as temporary, open(temporary, "wb") as whole:
        for number, part in enumerate(parts):
            with open(part, "rb") as piece:
                if number and path.suffix == ".csv":
                    piece.readline()
                shutil.copyfileobj(piece, whole)
