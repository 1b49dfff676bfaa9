"""What real graphs score in every number of an evaluation, worked out once for a set and size."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from math import floor as whole
from math import log10
from pathlib import Path

import numpy as np

import molgen
from molgen.files import locked, read_json, write_json
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.evaluation.judge import Judge, chosen
from molgen.graphs.metrics.metric import Floor, floor
from molgen.resources import shipped, user_data

FLOORS = "floors.json"

Progress = Callable[[str, int, int], None]


def kept_folder(data: DataFolder) -> Path:
    """Where what is worked out once for a data set is kept: in it, or among the user's data.

    Shipped sets stay as they are, in a checkout too.
    """
    folder = data.folder / "evaluation"
    ours = data.folder.resolve().is_relative_to(shipped("data").resolve())
    if ours or not os.access(data.folder, os.W_OK):
        folder = user_data() / "evaluation" / str(data.meta["name"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def rounded(count: int) -> int:
    """A size with two digits, 9,912 as 9,900: floors hardly differ, and sets share them."""
    digits = max(whole(log10(max(count, 1))) - 1, 0)
    return round(count, -digits)


def floors(
    judge: Judge, n: int, *, draws: int, kept: Path, progress: Progress | None = None
) -> dict[str, Floor]:
    """Of sets of n real graphs: of test graphs in shares, of training graphs in distances.

    n is `rounded`, and no more than there are.

    Args:
        judge: of such graphs.
        n: graphs in a set.
        draws: sets drawn for each distance.
        kept: folder where they are kept, by what they depend on.
        progress: told how far it is.
    """
    n = rounded(n)
    most = judge.options.reference, judge.options.pool
    decisive = [judge.data.meta["crc32"], judge.identity, n, draws, most, sorted(judge.entries)]
    identity = json.dumps([*decisive, molgen.__version__])
    path = kept / FLOORS
    known = read_json(path) if path.exists() else {}
    if identity not in known:
        found = _measured(judge, n, draws, progress)
        with locked(kept, wait=True):  # others may have added theirs since
            known = read_json(path) if path.exists() else {}
            known[identity] = {name: asdict(one) for name, one in found.items()}
            write_json(path, known)
    return {name: Floor(**one) for name, one in known[identity].items()}


def _measured(judge: Judge, n: int, draws: int, progress: Progress | None) -> dict[str, Floor]:
    rng = np.random.default_rng(0)
    graphs = judge.data.test
    real = judge.check(graphs.take(chosen(len(graphs), n)))
    found = {name: Floor(one.value, 0.0, 1, real.n) for name, one in real.shares.items()}
    for done, (name, metric) in enumerate(judge.metrics.items()):
        if progress:
            progress("floors", done, len(judge.metrics))
        pool, reference = metric.describe(judge.pool), metric.describe(judge.test)
        most = min(n, pool.shape[0])
        found[name] = floor(metric.distance, pool, reference, most, draws=draws, rng=rng)
    if progress:
        progress("floors", len(judge.metrics), len(judge.metrics))
    return found
