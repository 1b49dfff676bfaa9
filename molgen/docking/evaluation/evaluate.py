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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from molgen.docking.evaluation.answers import Program
from molgen.docking.evaluation.cases import Case, Unusable, read_cases
from molgen.docking.evaluation.familiarity import familiarity
from molgen.docking.evaluation.results import Results, Row
from molgen.docking.evaluation.verdict import Kept, Verdict, judge
from molgen.errors import MolgenError, UsageError
from molgen.files import claim_folder, locked
from molgen.run import Run, provenance
from molgen.units import ANGSTROM

Progress = Callable[[str, int, int], None]

_ROWS = "rows"


@dataclass(frozen=True)
class Protocol:
    """How programs are judged.

    Attributes:
        complexes: a folder, see `molgen.docking.prepare.complexes`.
        limit: of them at most, the first ones.
        shifts_angstrom: by how much the pocket's centre is moved, each in turn.
        training: folders of the complexes that a model was trained on; those whose pocket is less
            than `unlike` similar to all of them get a table of their own.
        unlike: see `molgen.chem.pocket_similarity`.
        checked: best poses of each complex that PoseBusters' checks are made of.
        seed: of conformers, directions and programs.
    """

    complexes: Path
    limit: int | None = None
    shifts_angstrom: tuple[float, ...] = (0.0,)
    training: tuple[Path, ...] = ()
    unlike: float = 0.7
    checked: int = 5
    seed: int = 0


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
        UsageError: there are no complexes; the folder is of another evaluation, or holds a row of
            that name of another program.
    """
    found = list(read_cases(protocol.complexes, protocol.seed))[: protocol.limit]
    cases = [one for one in found if isinstance(one, Case)]
    unusable = {one.name: one.reason for one in found if isinstance(one, Unusable)}
    if not cases:
        raise UsageError(f"{protocol.complexes}: no complex in it can be used; {unusable}")
    Run.start(output, _identity(protocol, cases))
    with locked(output):
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
        rows = [_row(folder, cases) for folder in _finished(output, cases)]
        unlike: list[Row] = []
        if protocol.training:
            known = familiarity(cases, protocol.training, output)
            others = [case for case in cases if known[case.name] < protocol.unlike]
            unlike = [_row(folder, others) for folder in _finished(output, cases) if others]
        facts = {"complexes": str(protocol.complexes), "evaluation": provenance()}
        results = Results(rows, unlike, unusable, facts)
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
    kept = {}
    for row in program.rows:
        folder = output / _ROWS / (row if shift == 0 else f"{row}-shift{shift:g}")
        claim_folder(folder, {"row": row, "shift_angstrom": shift, "program": program.identity})
        kept[row] = Kept(folder)
    return kept


def _dock(program: Program, case: Case, kept: dict[str, Kept], checked: int) -> None:
    """Answers of a program to a case, judged and kept; a failure is a verdict too."""
    try:
        answers = program.dock(case)
    except MolgenError as error:
        for own in kept.values():
            own.write(Verdict(case.name, failure=str(error)), None)
        return
    for row, answer in answers.items():
        kept[row].write(judge(case, answer, checked), answer)


def _row(folder: Path, cases: Sequence[Case]) -> Row:
    return Row.of(folder.name, [Kept(folder).read(case.name) for case in cases])


def _finished(output: Path, cases: Sequence[Case]) -> Iterator[Path]:
    """Folders of rows with a verdict on every case."""
    for folder in sorted((output / _ROWS).iterdir()):
        if all(case.name in Kept(folder) for case in cases):
            yield folder
