"""Drawn graphs as files: molecules, with what was wrong about the rest, or plain graphs."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molgen.chem.molecules import molecule_of
from molgen.chem.validity import repair
from molgen.chem.writing import smiles_of, write_molecules
from molgen.errors import UsageError
from molgen.files import write_text, written_whole
from molgen.graphs.checks import Standing, checked
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.models.statistics import Statistics

SUFFIXES = (".smi", ".sdf", ".npz")


@dataclass(frozen=True)
class Writing:
    """How molecules become a file.

    Attributes:
        repair: molecules that are not valid or not connected are corrected as GDSS does it
            (`molgen.chem.validity.repair`), and said to be.
        three_d: coordinates in space instead of those of a drawing, for .sdf.
    """

    repair: bool = False
    three_d: bool = False

    def prepare(self, path: Path, statistics: Statistics) -> Path:
        """`path`, once it is certain that such graphs can be written there; makes its folder.

        Raises:
            UsageError: another ending, one for molecules where the graphs are none, or choices that
                it has no room for.
        """
        if path.suffix not in SUFFIXES:
            raise UsageError(f"{path}: graphs are written as {', '.join(SUFFIXES)}")
        if statistics.vocabulary is None and path.suffix != ".npz":
            raise UsageError(f"{path}: these graphs are no molecules; write them as .npz")
        if self.repair and path.suffix == ".npz":
            raise UsageError(f"{path}: .npz holds graphs as drawn; repair them into .smi or .sdf")
        if self.three_d and path.suffix != ".sdf":
            raise UsageError(f"{path}: only .sdf has room for coordinates in three dimensions")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(
        self,
        path: Path,
        drawn: GraphSet,
        *,
        first: int = 0,
        refused: Mapping[int, str] | None = None,
        standing: Sequence[Standing] | None = None,
    ) -> dict[str, Any]:
        """Write drawn graphs whole; how many of what.

        .npz holds every graph as it was drawn (`GraphSet.load`). .smi and .sdf hold the molecules
        that are valid and connected, named by their numbers, repaired ones by their numbers and
        `-repaired`. CSVs beside it list, so that nothing is lost from sight:

        | file | what it lists |
        |---|---|
        | <name>.rejected.csv | what was drawn and is not in the file, and why |
        | <name>.repaired.csv | what was wrong of molecules that are, and what it took |
        | <name>.flat.csv | molecules that no coordinates in space were found for |

        Args:
            path: as `prepare` gave it.
            drawn: the graphs.
            first: number of the first.
            refused: index of each that is not wanted, whatever it is -> why.
            standing: how each stands, where somebody has looked already.
        """
        rejected = [(first + index, reason) for index, reason in (refused or {}).items()]
        if path.suffix == ".npz":
            if refused is not None:
                _write_csv(path.with_suffix(".rejected.csv"), ("number", "reason"), rejected)
            left = [index for index in range(len(drawn)) if index not in (refused or {})]
            drawn.take(left).save(path)
            return {"graphs": len(left)}
        molecules, names, repaired = [], [], []
        for number, (graph, found) in enumerate(standing or checked(drawn), first):
            if number - first in (refused or {}):
                continue
            if found.molecule is not None:
                molecules.append(found.molecule)
                names.append(str(number))
                continue
            mended = repair(molecule_of(graph, drawn.vocabulary)) if self.repair else None
            if mended is None or mended.molecule is None:
                rejected.append((number, found.reason))
                continue
            molecules.append(mended.molecule)
            names.append(f"{number}-repaired")
            smiles = smiles_of(mended.molecule)
            repaired.append((number, found.reason, mended.lowered, mended.lost, smiles))
        counts = {"drawn": len(drawn), "valid and connected": len(molecules) - len(repaired)}
        if self.repair:
            counts["repaired"] = len(repaired)
            header = ("number", "reason", "bonds lowered", "atoms lost", "smiles")
            _write_csv(path.with_suffix(".repaired.csv"), header, repaired)
        counts["rejected"] = len(rejected)
        _write_csv(path.with_suffix(".rejected.csv"), ("number", "reason"), rejected)
        flat = write_molecules(path, molecules, names=names, three_d=self.three_d)
        if self.three_d:
            counts["without coordinates in space"] = len(flat)
            lines = [(names[one.index], one.reason) for one in flat]
            _write_csv(path.with_suffix(".flat.csv"), ("name", "reason"), lines)
        return counts


def _write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([header, *lines])
    write_text(path, table.getvalue())


def join_graphs(path: Path, parts: Sequence[Path]) -> None:
    """The files of several calls of `Writing.write` as if it had been one; `path` comes last.

    Args:
        path: as `Writing.prepare` gave it.
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
