"""`molgen evaluate docking`: ours and other programs on the same complexes, from the same start.

Every ligand starts from one conformer made of its bonds and stereo; of the pocket only the centre
is known. Each verdict is kept as it falls, so an evaluation that was ended goes on where it was:

run.json, starts.jsonl           which complexes, and how they are judged
rows/ROW/run.json                which program the row is of
rows/ROW/NAME.json, NAME.npz     verdict on one complex, and the poses
summary.json                     the results, see `molgen.docking.evaluation.results`
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from molgen.docking.evaluation.answers import Program
from molgen.docking.evaluation.cases import Case, Unusable, read_cases
from molgen.docking.evaluation.crossing import crossed
from molgen.docking.evaluation.familiarity import familiarity
from molgen.docking.evaluation.results import Results, Row, row_name
from molgen.docking.evaluation.statistics import difference, row_of
from molgen.docking.evaluation.verdict import Kept, Verdict, judge
from molgen.errors import MolgenError, UsageError
from molgen.files import locked
from molgen.run import Run, provenance
from molgen.units import ANGSTROM

Progress = Callable[[str, int, int], None]

_ROWS = "rows"


@dataclass(frozen=True)
class Protocol:
    """How programs are judged.

    Attributes:
        complexes: a folder, see `molgen.docking.data.prepare.complexes`.
        limit: of them at most, the first ones.
        shifts_angstrom: by how much the pocket's centre is moved, each in turn.
        training: folders of the complexes that a model was trained on; those whose pocket is less
            than `unlike` similar to all of them get a table of their own.
        unlike: see `molgen.chem.pocket_similarity`.
        checked: best poses of each complex that PoseBusters' checks are made of.
        seed: of conformers, directions and programs.
        cross: in place of the complexes, their ligands in the other structures of their proteins.
    """

    complexes: Path
    limit: int | None = None
    shifts_angstrom: tuple[float, ...] = (0.0,)
    training: tuple[Path, ...] = ()
    unlike: float = 0.7
    checked: int = 5
    seed: int = 0
    cross: bool = False


def evaluate(
    programs: Sequence[Program],
    protocol: Protocol,
    output: Path,
    *,
    progress: Progress | None = None,
) -> Results:
    """Dock with each program what is not yet docked, and judge all that the folder holds.

    Args:
        programs: to judge; rows of others that the folder holds stay in the table.
        protocol: how.
        output: folder of this evaluation, new or begun.
        progress: told (what, complexes done, complexes in all).

    Raises:
        UsageError: there are no complexes, or none that share a protein to dock crosswise; the
            folder is of another evaluation, or holds a row of that name of another program.
    """
    found = list(islice(read_cases(protocol.complexes, protocol.seed), protocol.limit))
    cases = [one for one in found if isinstance(one, Case)]
    unusable = {one.name: one.reason for one in found if isinstance(one, Unusable)}
    if not cases:
        first = found[0]
        raise UsageError(
            f"{protocol.complexes}: none of its complexes can be used; the first, {first.name}: "
            f"{unusable[first.name]}"
        )
    if protocol.cross:
        cases = crossed(cases)
    Run.start(output, _identity(protocol, cases))
    with locked(output):
        known = familiarity(cases, protocol.training, output) if protocol.training else {}
        others = {name for name, value in known.items() if value < protocol.unlike}
        planned = [
            (program, shift, _claimed(output, program, shift))
            for shift in protocol.shifts_angstrom
            for program in programs
        ]
        for done, case in enumerate(cases):
            for program, shift, kept in planned:
                if not all(case.name in own for own in kept.values()):
                    _dock(program, case.shifted(shift * ANGSTROM), kept, protocol.checked)
            if progress:
                progress("complexes", done + 1, len(cases))
        results = _told(output, cases, others, unusable, protocol)
        results.save(output)
    return results


def _identity(protocol: Protocol, cases: Sequence[Case]) -> dict[str, object]:
    """What two evaluations must share so that their rows stand in one table."""
    content = zlib.crc32(b"")
    for case in cases:
        content = zlib.crc32(case.name.encode() + case.reference.tobytes(), content)
        content = zlib.crc32(case.receptor.coordinates.tobytes(), content)
    return {
        "command": "evaluate docking",
        "complexes": {"count": len(cases), "crc32": content},
        "checked": protocol.checked,
        "seed": protocol.seed,
    }


def _claimed(output: Path, program: Program, shift: float) -> dict[str, Kept]:
    """Where the verdicts on each answer of a program are kept, by its row."""
    return {
        row: Kept.claim(
            output / _ROWS / row_name(row, shift),
            {"row": row, "shift_angstrom": shift, "program": program.identity},
        )
        for row in program.rows
    }


def _dock(program: Program, case: Case, kept: Mapping[str, Kept], checked: int) -> None:
    """Answers of a program to a case, judged and kept; a failure is a verdict too."""
    try:
        answers = program.dock(case)
        verdicts = {row: judge(case, answer, checked) for row, answer in answers.items()}
    except MolgenError as error:
        for own in kept.values():
            own.write(Verdict(case.name, failure=str(error)), None)
        return
    for row, verdict in verdicts.items():
        kept[row].write(verdict, answers[row])


def _told(
    output: Path,
    cases: Sequence[Case],
    others: Collection[str],
    unusable: Mapping[str, str],
    protocol: Protocol,
) -> Results:
    """What is found by all programs that are done with every case, those of earlier times too."""
    done = [Kept(folder) for folder in sorted((output / _ROWS).iterdir())]
    done = [kept for kept in done if all(case.name in kept for case in cases)]
    verdicts = [(kept.identity, [kept.read(case.name) for case in cases]) for kept in done]
    rows, unlike = [], []
    for identity, own in verdicts:
        place = identity["row"], identity["shift_angstrom"]
        rows.append(Row(*place, row_of(own)))
        if others:
            unlike.append(Row(*place, row_of([one for one in own if one.name in others])))
    fixed = {one["row"]: own for one, own in verdicts if one["shift_angstrom"] == 0}
    differences = {
        name: {other: difference(own, fixed[other]) for other in fixed if other != name}
        for name, own in fixed.items()
    }
    facts = {
        "complexes": str(protocol.complexes),
        "cross": protocol.cross,
        "unlike": {
            "training": [str(folder) for folder in protocol.training],
            "similarity below": protocol.unlike,
        },
        "programs": {one["row"]: one["program"] for one, _ in verdicts},
        "evaluation": provenance(),
    }
    return Results(rows, unlike, differences, unusable, facts)
