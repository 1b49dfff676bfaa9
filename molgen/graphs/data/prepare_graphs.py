"""Graphs that are in memory, such as a PyG data set, to a data folder."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import molgen
from molgen.arrays import Array
from molgen.chem.vocabulary import Vocabulary
from molgen.chem.writing import smiles_of
from molgen.errors import UsageError
from molgen.graphs.checks import checked
from molgen.graphs.convert import from_pyg
from molgen.graphs.data.folder import SkippedLine, claimed, write_data
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.data.prepare_plain import prepare_split
from molgen.resources import user_data


def prepare_pyg(
    data: Iterable[Any],
    name: str,
    folder: str | Path | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    labels: Sequence[str] = (),
    **options: Any,
) -> Path:
    """The folder of a data set of `torch_geometric.data.Data`, for `data.graphs` of a recipe.

    Args:
        data: see `molgen.graphs.convert.from_pyg`.
        name: of the set.
        folder: where to put it; by default under its name in the user's data directory.
        vocabulary: what the types mean, for molecules; None for graphs without chemistry.
        labels: names of the columns of `y`, if they are to be kept.
        **options: of `prepare_graphs`.
    """
    graphs = from_pyg(data, vocabulary, labels=labels)
    return prepare_graphs(graphs, name, folder, **options)


def prepare_graphs(
    graphs: GraphSet,
    name: str,
    folder: str | Path | None = None,
    *,
    test_share: float = 0.1,
    seed: int = 0,
    allowed: float = 0.05,
) -> Path:
    """The folder of a set of graphs, split at random; at once if it is there already.

    Args:
        graphs: molecules or plain.
        name: of the set.
        folder: where to put it; by default under its name in the user's data directory.
        test_share: how many are for testing.
        seed: of the draw.
        allowed: share that may be skipped: graphs without nodes, molecules that are none.

    Raises:
        UsageError: too many graphs cannot be used, or the folder holds something else.
    """
    if not 0 < test_share < 1:
        raise UsageError(f"test share {test_share:g}: must be between 0 and 1")
    content: list[Array] = [graphs.sizes, graphs.nodes, graphs.edges, *graphs.labels.values()]
    source = {
        "graphs": len(graphs),
        "crc32": zlib.crc32(b"".join(array.tobytes() for array in content)),
        "test share": test_share,
        "seed": seed,
    }
    origin = {"name": name, "source": source}
    kept, smiles, skipped = _usable(graphs, name)
    if len(skipped) > allowed * len(graphs) or len(kept) < 2:
        first = f"; first: graph {skipped[0][1]}: {skipped[0][3]}" if skipped else ""
        raise UsageError(
            f"{name}: {len(skipped)} of {len(graphs)} graphs cannot be used, where a share of "
            f"{allowed:g} may be, and two must be left{first}"
        )
    order = np.random.default_rng(seed).permutation(len(kept))
    testing = max(1, round(test_share * len(kept)))
    chosen = {"train": np.sort(order[testing:]), "test": np.sort(order[:testing])}
    sets = {part: graphs.take(kept[index]) for part, index in chosen.items()}
    folder = Path(folder) if folder is not None else user_data() / name
    if graphs.chemistry is None:
        return prepare_split(folder, origin, lambda: sets, skipped=skipped)
    with claimed(folder, origin) as to_fill:
        if to_fill:
            read = {
                "graphs": len(graphs),
                "molecules": len(kept),
                "skipped": dict(Counter(line[3].partition(":")[0] for line in skipped)),
            }
            meta = {**origin, "vocabulary": graphs.meta["vocabulary"], "read": {"train": read}}
            write_data(
                folder,
                {
                    part: replace(some, meta={**graphs.meta, "part": part, **origin})
                    for part, some in sets.items()
                },
                {**meta, "molgen": molgen.__version__},
                smiles={part: [smiles[k] for k in index] for part, index in chosen.items()},
                skipped=skipped,
            )
    return folder


def _usable(graphs: GraphSet, name: str) -> tuple[np.ndarray, list[str], list[SkippedLine]]:
    """Numbers of the graphs to keep, their SMILES if they are molecules, and the others."""
    kept, smiles, skipped = [], [], []
    for number, (text, reason) in enumerate(_spelled(graphs)):
        if reason:
            skipped.append((name, number, text, reason))
        else:
            kept.append(number)
            smiles.append(text)
    return np.array(kept, np.int64), smiles, skipped


def _spelled(graphs: GraphSet) -> Iterator[tuple[str, str]]:
    """The SMILES of each graph, if it has one, and what is wrong of it."""
    if graphs.chemistry is None:
        yield from (("", "" if size else "no nodes") for size in graphs.sizes)
        return
    for _, found in checked(graphs):
        yield "" if found.sanitised is None else smiles_of(found.sanitised), found.reason
