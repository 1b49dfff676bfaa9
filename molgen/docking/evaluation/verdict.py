"""What is said of a program's answer to one complex, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from molgen.arrays import write_arrays
from molgen.chem.pose_checks import posebusters_checks
from molgen.chem.pose_surroundings import read_surroundings
from molgen.chem.rmsd import symmetric_rmsd
from molgen.docking.evaluation.answers import Answer, Watch
from molgen.docking.evaluation.cases import Case
from molgen.errors import MolgenError
from molgen.files import RUN_FILE, claim_folder, read_json, write_json

NEAR_NM = 0.2
"""A pose is right that is nearer to the known one than this."""

CHECKS = "checks"
"""The stage in which poses are judged."""


@dataclass(frozen=True)
class Verdict:
    """A program's answer to a complex, judged.

    Attributes:
        name: of the complex.
        failure: why there is no answer; None if there is one.
        rmsd_nm: [poses], the best pose by its own ranking first, as all that follows.
        failed: [poses that were checked], names of the PoseBusters checks that each fails.
        scores: [poses] each, by name.
        seconds: by stage, on the clock.
        processor: seconds of it in all, without the checks.
    """

    name: str
    failure: str | None = None
    rmsd_nm: list[float] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    processor: float = 0.0

    @cached_property
    def near(self) -> list[bool]:
        """Whether each pose is right."""
        return [value < NEAR_NM for value in self.rmsd_nm]

    @cached_property
    def valid(self) -> list[bool]:
        """Whether each pose that was checked fails no check."""
        return [not failed for failed in self.failed]

    @property
    def docking_seconds(self) -> float:
        """On the clock, without the checks."""
        return sum(value for stage, value in self.seconds.items() if stage != CHECKS)


def judge(case: Case, answer: Answer, checked: int) -> Verdict:
    """Poses against the known one and, the first few, by all checks of PoseBusters but its RMSD.

    The RMSD is over heavy atoms and symmetries, poses left where they are. The checks are against
    all of the receptor's file but waters.

    Args:
        case: what was docked.
        answer: to it.
        checked: poses at most.

    Raises:
        MolgenError: there is no pose, or one is no numbers.
    """
    if not len(answer.poses):
        raise MolgenError("no pose was found")
    rmsd = symmetric_rmsd(case.ligand.molecule, answer.poses, case.reference)
    watch = Watch()
    poses = answer.poses[:checked]
    surroundings = read_surroundings(case.file)
    checks = posebusters_checks(case.ligand.molecule, poses, surroundings, case.reference)
    watch.end(CHECKS)
    seconds = {**answer.spent.seconds, **watch.spent.seconds}
    return Verdict(
        case.name,
        rmsd_nm=np.round(rmsd, 6).tolist(),
        failed=[[name for name, fine in one.items() if fine is False] for one in checks],
        scores={name: np.round(values, 6).tolist() for name, values in answer.scores.items()},
        seconds={name: round(value, 3) for name, value in seconds.items()},
        processor=round(answer.spent.processor, 3),
    )


class Kept:
    """Verdicts and poses of one row of the table, a file a complex.

    Args:
        folder: theirs alone; its name is that of the row.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def claim(cls, folder: Path, identity: Mapping[str, Any]) -> Kept:
        """Those of a program, as `identity` has it, in a folder that is new or already theirs.

        Raises:
            UsageError: the folder holds those of another.
        """
        claim_folder(folder, dict(identity))
        return cls(folder)

    @property
    def identity(self) -> dict[str, Any]:
        """What the folder was claimed with."""
        found: dict[str, Any] = read_json(self.folder / RUN_FILE)
        return found

    def __contains__(self, name: str) -> bool:
        return self._file(name).is_file()

    def read(self, name: str) -> Verdict:
        """That on a complex.

        Raises:
            UsageError: its file is damaged.
        """
        content: Mapping[str, Any] = read_json(self._file(name))
        return Verdict(**content)

    def write(self, verdict: Verdict, answer: Answer | None) -> None:
        """Keep it, and its poses [poses, atoms, 3] in nm beside it."""
        file = self._file(verdict.name)
        if answer is not None:
            write_arrays(file.with_suffix(".npz"), {"poses": answer.poses.astype(np.float32)})
        write_json(file, asdict(verdict))

    def _file(self, name: str) -> Path:
        return self.folder / f"{quote(name, safe='')}.json"
