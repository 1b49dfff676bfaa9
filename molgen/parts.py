"""A long result made part by part, in a folder beside it until it is whole.

`molecules.smi.parts/` belongs to one run (`run.json`) and holds a folder for every part that is
done, each of which appeared at once. A run that died makes the missing ones; other runs are refused
for as long as the folder is there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molgen.errors import MolgenError
from molgen.files import claim_folder, locked, sync_folder


@dataclass(frozen=True)
class Parts:
    """The parts of a result, by number from 0.

    Attributes:
        folder: where they are; see `parts_of`.
    """

    folder: Path

    def __getitem__(self, number: int) -> Path:
        """Where a part is, once it is done."""
        return self.folder / f"part-{number:06d}"

    def done(self, number: int) -> bool:
        """Whether it is."""
        return self[number].is_dir()

    @contextmanager
    def make(self, number: int) -> Iterator[Path]:
        """An empty folder, which is the part when the block ends without error.

        Raises:
            MolgenError: the disk is full or the folder may not be written.
        """
        temporary = self.folder / f".part-{number:06d}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            temporary.mkdir()
            yield temporary
            sync_folder(temporary)
            temporary.rename(self[number])
            sync_folder(self.folder)
        except OSError as error:
            reason = error.strerror or error
            raise MolgenError(f"{self[number]}: cannot be written: {reason}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def begun(output: Path) -> bool:
    """Whether a run has parts of this file."""
    return _folder(output).exists()


@contextmanager
def parts_of(output: Path, identity: Mapping[str, Any]) -> Iterator[Parts]:
    """The parts of `output` so far; they are removed when the block ends without error.

    Args:
        output: the file that they become.
        identity: JSON-able; what makes two runs the same.

    Raises:
        UsageError: another run began to make this file, or is at it.
    """
    parts = Parts(_folder(output))
    claim_folder(parts.folder, dict(identity))
    with locked(parts.folder):
        yield parts
        for path in parts.folder.glob("part-*"):
            shutil.rmtree(path)
        shutil.rmtree(parts.folder)  # after them, so that until then it is clear whose they are


def _folder(output: Path) -> Path:
    return output.with_name(f"{output.name}.parts")
