"""`molgen evaluate graphs --samples`: graphs that anybody drew against real ones."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

from molgen.core.threads import cpu_threads
from molgen.errors import UsageError
from molgen.evaluation import Laps, unowned
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.evaluation.verdict import Evaluation, Progress, judge_of, judged, opened, save
from molgen.run import Run, provenance


def evaluate_samples(
    samples: str | Path,
    data: str | Path,
    *,
    count: int | None = None,
    output: str | Path | None = None,
    options: EvaluateTable | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Evaluation:
    """Compare graphs that anybody drew with real ones.

    Args:
        samples: file of SMILES, one a line (also .csv, .tsv; packed or not), or of graphs (.npz).
        data: prepared data set to compare with.
        count: the first so many of the file; all if None.
        output: folder for what is found; `runs/evaluate-<name of the file>` if None.
        options: how much to do.
        seed: of the bootstraps.
        device: where ChemNet runs.
        progress: told (what, done, total).

    Raises:
        UsageError: the file or the data cannot be used; the folder holds another run.
    """
    path = Path(samples)
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    table = options or EvaluateTable()
    with cpu_threads(table.threads):
        begun, laps = provenance(), Laps()
        judge = judge_of(opened(data), table, device, progress)
        checked = judge.read(path, count or table.samples)
        checked.require(str(path))
        crc32 = zlib.crc32(path.read_bytes())
        folder = Path(output) if output is not None else unowned(path.name.partition(".")[0])
        identity = {"command": "evaluate", "samples": crc32, "data": judge.data.meta["crc32"]}
        Run.start(folder, identity)
        laps.end("loading")
        results = judged(judge, checked, table, seed, path.name, laps, progress)
        facts = {
            "samples": {"file": path.name, "crc32": crc32, "graphs": checked.n},
            **results.provenance,
            "evaluation": {**begun, "seed": seed, "device": device, "seconds": laps.seconds},
        }
        results = replace(results, provenance=facts)
        save(folder, results, checked)
    return Evaluation(folder, results)
