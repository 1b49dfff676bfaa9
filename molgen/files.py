"""Files that are never half-written, and output folders that belong to one run."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from molgen.errors import MolgenError, UsageError

RUN_FILE = "run.json"
"""Name of the file that says which run an output folder belongs to."""

LOCK = ".lock"


class Busy(UsageError):
    """Another process writes into a folder."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` when the block ends without error.

    The content is flushed to disk (fsync) before the rename, so after a crash `path` is either the
    old file or the new one, never a part of one. The caller writes the temporary path and closes
    it.

    Raises:
        MolgenError: the file cannot be written (full disk, no permission).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise MolgenError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` outlast a power cut (a no-op where folders cannot sync)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON (indented, one trailing newline) whole."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UsageError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path}: is not JSON: {error}") from error


def claim_folder(folder: Path, identity: dict[str, Any]) -> bool:
    """Make `folder` this run's own; True if it already holds this very run (so: resume).

    `identity` is what must agree for two runs to be the same one (JSON values only). It is kept in
    `run.json`. Leave out of it what may change on resume, such as the target length.

    Raises:
        UsageError: the folder holds another run (the first differing entry is named), or files
            that no run of molgen put there.
    """
    folder = Path(folder)
    identity = json.loads(json.dumps(identity))
    record = folder / RUN_FILE
    if record.exists():
        found = read_json(record)
        if found != identity:
            key, there, here = _first_difference(found, identity)
            raise UsageError(
                f"{folder}: holds another run ({key} is {there!r} there, {here!r} here); "
                "name another folder or remove this one"
            )
        return True
    if folder.exists() and (not folder.is_dir() or any(map(_foreign, folder.iterdir()))):
        raise UsageError(f"{folder}: is not an empty folder and holds no run of molgen")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror or error}") from error
    write_json(record, identity)
    return False


def _foreign(path: Path) -> bool:
    """Whether it is none of ours that a kill may leave where there is no record yet, or no more."""
    return path.name != LOCK and not (path.name.startswith(".") and path.name.endswith(".tmp"))


def _first_difference(there: Any, here: Any, key: str = "") -> tuple[str, Any, Any]:
    """Where two JSON values part: the path of table and entry, and the two values there."""
    if isinstance(there, list) and isinstance(here, list):
        there, here = ({str(k): v for k, v in enumerate(values)} for values in (there, here))
    if not isinstance(there, dict) or not isinstance(here, dict):
        return key, there, here
    names = [*here, *(name for name in there if name not in here)]
    name = next(name for name in names if there.get(name) != here.get(name))
    return _first_difference(there.get(name), here.get(name), f"{key}.{name}".lstrip("."))


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold `folder` for this process: two runs never write into one folder at a time.

    The lock goes with the process, so a killed run leaves none behind.

    Args:
        folder: what is held.
        wait: for another process, which is done in a moment.

    Raises:
        Busy: another process holds it, and nobody waits.
    """
    with open(Path(folder) / LOCK, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            raise Busy(f"{folder}: another process is writing here; wait for it") from None
        yield
