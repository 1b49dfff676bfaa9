"""What the results of every evaluation share: where they are kept, curves, facts of their run.

summary.json                        "report": the part that is JSON, with the pillar it is of
diagnosis.json                      the same of `molgen diagnose`
run.json, starts.jsonl, log.jsonl   read for provenance and the training curve, if they are there
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molgen.errors import UsageError
from molgen.files import RUN_FILE, read_json, write_json
from molgen.run import STARTS, SUMMARY, read_log

KEY, PILLAR = "report", "pillar"

DIAGNOSIS = "diagnosis.json"
"""What `molgen diagnose` writes into a folder of its own."""


@dataclass(frozen=True)
class Curve:
    """A line of a plot: y against x, with the ends of its band where there is one.

    Attributes:
        name: Its label.
        x: [k].
        y: [k].
        low: Lower end [k].
        high: Upper end [k].
    """

    name: str
    x: list[float]
    y: list[float]
    low: list[float] | None = None
    high: list[float] | None = None


def write_results(folder: Path, pillar: str, content: Mapping[str, Any]) -> None:
    """Keep the results of a pillar in a run folder, beside what its summary.json already says.

    Raises:
        UsageError: summary.json is there and is not JSON.
        MolgenError: it cannot be written.
    """
    path = Path(folder) / SUMMARY
    earlier = read_json(path) if path.exists() else {}
    write_json(path, {**earlier, KEY: {PILLAR: pillar, **content}})


def summary_of(result: Path) -> Path:
    """The summary of a run folder, its diagnosis, or the JSON beside an SDF that is a result."""
    if is_sdf(result):
        return result.with_suffix(".json")
    diagnosis = result / DIAGNOSIS
    return diagnosis if diagnosis.is_file() else result / SUMMARY


def is_sdf(result: Path) -> bool:
    """Whether a result is a file and not a run folder."""
    return result.suffix.lower() == ".sdf" and not result.is_dir()


def read_results(result: Path) -> dict[str, Any]:
    """What `write_results` kept; its `pillar` says which pillar reads it.

    Args:
        result: a run folder, or an SDF with a JSON beside it.

    Raises:
        UsageError: no such folder, or no results in it; the file is named.
    """
    result = Path(result)
    if not is_sdf(result) and not result.is_dir():
        raise UsageError(f"{result}: no such run folder")
    path = summary_of(result)
    content: dict[str, Any] | None = read_json(path).get(KEY)
    if content is None or PILLAR not in content:
        raise UsageError(f"{path}: holds no evaluation yet; run `molgen evaluate` on it first")
    return content


def run_facts(folder: Path) -> dict[str, Any]:
    """How a run was started and what it is, from its own files."""
    facts: dict[str, Any] = {}
    if (folder / STARTS).is_file():
        facts["started"] = json.loads((folder / STARTS).read_text().splitlines()[-1])
    if (folder / RUN_FILE).is_file():
        facts["run"] = read_json(folder / RUN_FILE)
    return facts


def training_curves(folder: Path) -> tuple[Curve, ...]:
    """Every quantity of log.jsonl with "loss" in its name, against the step."""
    records = list(read_log(folder))
    names = dict.fromkeys(key for record in records for key in record if "loss" in key)
    curves = []
    for name in names:
        pairs = [(r["step"], r[name]) for r in records if r.get(name) is not None and "step" in r]
        if len(pairs) > 1:
            curves.append(Curve(name, [float(x) for x, _ in pairs], [float(y) for _, y in pairs]))
    return tuple(curves)


def curves_of(content: list[dict[str, Any]]) -> tuple[Curve, ...]:
    """Curves as JSON has them: `vars` of each."""
    return tuple(Curve(**curve) for curve in content)
