"""Where the files of a docking go: beside an SDF, or into a folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from molgen.docking.library.manifest import POSES
from molgen.errors import UsageError
from molgen.files import RUN_FILE
from molgen.run import SUMMARY

SDF, TABLE, RANKING, POCKET = "poses.sdf", "poses.csv", "ranking.csv", "pocket.pdb"

_ENDS = {SDF: ".sdf", TABLE: ".csv", SUMMARY: ".json"}
_OTHERS = {".mol", ".mol2", ".pdb", ".pdbqt", ".csv", ".gz", ".smi", ".json"}


@dataclass(frozen=True)
class Place:
    """Names of the files of one docking.

    Attributes:
        output: an SDF, or a folder.
    """

    output: Path

    @classmethod
    def of(cls, output: Path) -> Place:
        """The place of an output, whose folder is made.

        Raises:
            UsageError: it is neither an SDF nor a folder, or its folder cannot be made.
        """
        if output.suffix.lower() in _OTHERS and not output.is_dir():
            raise UsageError(f"{output}: poses are written as .sdf, or into a folder")
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"{output.parent}: cannot be made: {reason}") from error
        return cls(output)

    @property
    def is_folder(self) -> bool:
        """Whether all files go into a folder."""
        return self.output.suffix.lower() != ".sdf" or self.output.is_dir()

    @property
    def work(self) -> Path:
        """Where many ligands are docked one by one."""
        return self.output if self.is_folder else self.output.with_name(f"{self.output.name}.parts")

    def __getitem__(self, name: str) -> Path:
        """The file that has this name in a folder."""
        if self.is_folder:
            return self.output / name
        return self.output.with_name(self.output.stem + _ENDS.get(name, f".{name}"))

    def clear(self) -> None:
        """Remove the work that an SDF does not need any more; last what says whose it is."""
        if self.is_folder:
            return
        shutil.rmtree(self.work / POSES, ignore_errors=True)
        for path in self.work.iterdir():
            if path.name != RUN_FILE:
                path.unlink()
        shutil.rmtree(self.work)
