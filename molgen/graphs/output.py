"""Drawn graphs as files: molecules, with what was wrong about the rest, or plain graphs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from molgen.chem.molecules import MolecularGraph
from molgen.chem.validity import check_graph
from molgen.chem.writing import write_molecules
from molgen.errors import UsageError
from molgen.files import write_text
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


def write_graphs(path: Path, drawn: GraphSet) -> dict[str, int]:
    """Write drawn graphs whole; how many of what.

    .npz holds every graph as it was drawn (`GraphSet.load`). .smi and .sdf hold the molecules that
    are valid and connected, named by their numbers; the others are listed with their reasons in a
    CSV beside it, `<name>.rejected.csv`, so that nothing is lost from sight.
    """
    if path.suffix == ".npz":
        drawn.save(path)
        return {"graphs": len(drawn)}
    vocabulary = drawn.vocabulary
    molecules, names, rejected = [], [], []
    for number in range(len(drawn)):
        found = check_graph(MolecularGraph(*drawn.graph(number)), vocabulary)
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
