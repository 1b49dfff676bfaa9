"""Graphs without chemistry to a data folder: drawn from a seed, or from a published file."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import molgen
from molgen.errors import UsageError
from molgen.graphs.data.edge_lists import read_edge_lists
from molgen.graphs.data.folder import SkippedLine, claimed, write_data
from molgen.graphs.data.generic import GENERIC, draw_set
from molgen.graphs.data.graph_set import GraphSet, meta_of
from molgen.graphs.metrics.leaks import find_leaks
from molgen.resources import user_data

TEST, VALID = 0.2, 0.16
"""Shares of a drawn set, as in SPECTRE's split of 200 into 128, 32 and 40."""

_FEWEST = 5


def prepare_drawn(
    name: str, folder: Path | None = None, *, graphs: int | None = None, seed: int = 0
) -> Path:
    """The folder of a generic set drawn from a seed; at once if it is there already.

    Args:
        name: of `molgen.graphs.data.generic.GENERIC`.
        folder: where to put it; by default under its name in the user's data directory.
        graphs: how many, in all parts together; the usual number if None.
        seed: of the draw.

    Raises:
        UsageError: too few graphs to split, more than differ, or a folder of something else.
    """
    count = GENERIC[name].graphs if graphs is None else graphs
    if count < _FEWEST:
        raise UsageError(f"{name}: {count} graphs cannot be split; ask for {_FEWEST} or more")
    origin = {"name": name, "source": {"drawn": name, "graphs": count, "seed": seed}}

    def parts() -> dict[str, GraphSet]:
        drawn = draw_set(name, count, np.random.default_rng(seed))
        test, valid = round(TEST * count), round(VALID * count)
        train = count - test - valid
        return {
            "train": drawn.take(np.arange(train)),
            "valid": drawn.take(np.arange(train, train + valid)),
            "test": drawn.take(np.arange(train + valid, count)),
        }

    return prepare_split(folder or user_data() / name, origin, parts)


def prepare_file(path: Path, folder: Path | None = None, *, name: str | None = None) -> Path:
    """The folder of a published set, split as its file says (see `molgen.graphs.data.edge_lists`).

    Args:
        path: the file.
        folder: where to put it; by default under its name in the user's data directory.
        name: of the set; the file's if None.
    """
    name = name or path.name.partition(".")[0]
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    source = {"file": path.name, "crc32": zlib.crc32(path.read_bytes())}
    origin = {"name": name, "source": source}
    return prepare_split(folder or user_data() / name, origin, lambda: read_edge_lists(path))


def prepare_split(
    folder: Path,
    origin: Mapping[str, Any],
    parts: Callable[[], Mapping[str, GraphSet]],
    *,
    skipped: Sequence[SkippedLine] = (),
) -> Path:
    """The folder of graphs without chemistry that are split already; at once if it is there.

    Args:
        folder: where to put it.
        origin: `name` of the set and `source`; what makes two the same.
        parts: makes `train`, `test`, perhaps more.
        skipped: graphs of the source that are in no part.
    """
    with claimed(folder, origin) as to_fill:
        if to_fill:
            sets = {
                part: replace(graphs, meta={**meta_of(None), "part": part, **origin})
                for part, graphs in parts().items()
            }
            leaks = find_leaks(sets["train"], sets["test"]).to_dict()
            meta = {**origin, "molgen": molgen.__version__, "leaks": leaks}
            write_data(folder, sets, meta, skipped=skipped)
    return folder
