"""A run folder: who it is, what happened step by step, and how it ended.

run.json        identity and provenance, written once
log.jsonl       one line of numbers per logged step, appended
summary.json    the result, written at the end
checkpoint/     see checkpoint.py
"""

import json
import math
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import molgen
from molgen.errors import UsageError
from molgen.files import RUN_FILE, claim_folder, read_json, write_json, write_text

STARTS, LOG, SUMMARY, CHECKPOINT = "starts.jsonl", "log.jsonl", "summary.json", "checkpoint"


@dataclass(frozen=True)
class Run:
    """A claimed run folder."""

    folder: Path
    resumed: bool
    """True if the folder already held this very run."""

    @classmethod
    def start(cls, folder: str | Path, identity: Mapping[str, Any]) -> "Run":
        """The folder, new or continued.

        Args:
            folder: created if missing.
            identity: JSON-able; what makes two runs the same (recipe, seed, system ...).

        Raises:
            UsageError: the folder holds another run or foreign files.
        """
        run = cls(Path(folder), claim_folder(Path(folder), dict(identity)))
        _append(run.folder / STARTS, provenance())
        return run

    @property
    def checkpoint(self) -> Path:
        """Where the run's checkpoint lies."""
        return self.folder / CHECKPOINT

    def log(self, step: int, **values: float | int | str) -> None:
        """Appends one line; NaN and infinity become null, as JSON knows neither."""
        _append(self.folder / LOG, {"step": step, **values})

    def rewind(self, step: int) -> None:
        """Drops logged lines after `step`, so that a resumed run logs none twice."""
        kept = [record for record in self.records() if record["step"] <= step]
        write_text(self.folder / LOG, "".join(json.dumps(record) + "\n" for record in kept))

    def records(self) -> Iterator[dict[str, Any]]:
        """Logged lines in order; a last line cut short by a kill is left out."""
        return read_log(self.folder)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Writes `summary.json`, merged over what an earlier stage of the run put there."""
        path = self.folder / SUMMARY
        earlier = read_json(path) if path.exists() else {}
        write_json(path, _finite({**earlier, **summary}))


def open_run(folder: str | Path) -> Run:
    """An existing run folder, to evaluate or report.

    Raises:
        UsageError: it holds no run.
    """
    if not (Path(folder) / RUN_FILE).is_file():
        raise UsageError(f"{folder}: not a run folder ({RUN_FILE} is missing)")
    return Run(Path(folder), resumed=True)


def read_log(folder: str | Path) -> Iterator[dict[str, Any]]:
    """The records of a run folder's log, oldest first."""
    path = Path(folder) / LOG
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return  # the only half line is the last


def _append(path: Path, record: Mapping[str, Any]) -> None:
    with open(path, "a") as handle:
        handle.write(json.dumps(_finite(record)) + "\n")


def provenance() -> dict[str, Any]:
    """How this run was started: command, versions, machine, time (UTC)."""
    torch = sys.modules.get("torch")  # named only if the run uses it
    facts = {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "molgen": molgen.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": getattr(torch, "__version__", None),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "threads": torch.get_num_threads() if torch else None,
        "gpu": torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _commit() -> str | None:
    """The checkout's git commit, with `+` if files were changed; None in a wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str | None:
    """The processor's name as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), None
    )


def _finite(value: Any) -> Any:
    """Nested values with every NaN and infinity as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
