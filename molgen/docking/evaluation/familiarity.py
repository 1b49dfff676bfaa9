"""Which complexes a model may know from its training, by the residues of their pockets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from molgen.chem.pocket import cut_pocket
from molgen.chem.pocket_similarity import most_alike, sequence
from molgen.docking.evaluation.cases import Case, read_cases
from molgen.errors import UsageError
from molgen.files import read_json, write_json

_FILE = "familiarity.json"


def familiarity(cases: Sequence[Case], training: Sequence[Path], output: Path) -> dict[str, float]:
    """By complex, the greatest similarity of its pocket to one of training.

    Args:
        cases: the complexes.
        training: folders of complexes, see `molgen.docking.data.prepare.complexes`.
        output: folder that keeps what was found, for the next time.

    Raises:
        UsageError: a folder holds no complexes.
    """
    file = output / _FILE
    names = [str(folder) for folder in training]
    if file.exists():
        kept = read_json(file)
        if kept["training"] == names:
            return {name: float(value) for name, value in kept["similarity"].items()}
    known = {
        _sequence(case)
        for folder in training
        for case in read_cases(folder, 0)
        if isinstance(case, Case)
    }
    found = {case.name: most_alike(_sequence(case), known) for case in cases}
    write_json(file, {"training": names, "similarity": found})
    return found


def _sequence(case: Case) -> str:
    try:
        return sequence(cut_pocket(case.receptor, case.centre))
    except UsageError:  # no protein: it is like no other
        return ""
