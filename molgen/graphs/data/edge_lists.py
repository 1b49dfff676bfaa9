"""Graph sets in JSON: `[nodes, [[i, j], ...]]` for each graph, nodes counted from 0.

Either a list of graphs in their published order, of which the first fifth is for testing (GDSS), or
a table of such lists: `train`, `test`, and perhaps `val` (SPECTRE). The file may be packed (.xz).
"""

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np

from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet

_PARTS = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}


def is_edge_lists(path: str | Path) -> bool:
    """Whether a path is named like such a file."""
    return str(path).endswith((".json", ".json.xz"))


def read_edge_lists(path: Path) -> dict[str, GraphSet]:
    """The parts of the split: `train`, `test`, and `valid` if the file has it.

    Raises:
        UsageError: the file cannot be read or is none, or an edge is not between two of the nodes.
    """
    try:
        with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as handle:
            content = json.load(handle)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    if isinstance(content, list):
        fifth = len(content) // 5
        content = {"train": content[fifth:], "test": content[:fifth]}
    if not isinstance(content, dict) or not {"train", "test"} <= content.keys() <= _PARTS.keys():
        raise UsageError(f"{path}: is neither a list of graphs nor a table of train, val and test")
    parts = {
        _PARTS[name]: GraphSet.of(
            _graph(entry, f"{path}: {name} graph {index}") for index, entry in enumerate(graphs)
        )
        for name, graphs in content.items()
    }
    for name, graphs in parts.items():
        if not len(graphs):
            raise UsageError(f"{path}: has no graphs for {name}")
    return parts


def _graph(entry: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        nodes, pairs = entry
        edges = np.zeros((nodes, nodes), np.int8)
        ends = np.asarray(pairs, np.int64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: is not [nodes, [[i, j], ...]]") from None
    for i, j in ends.tolist():
        if not (0 <= i < nodes and 0 <= j < nodes) or i == j:
            raise UsageError(
                f"{where}: an edge from {i} to {j}, but its nodes are 0 to {nodes - 1}, and none "
                "is joined to itself"
            )
    edges[ends[:, 0], ends[:, 1]] = edges[ends[:, 1], ends[:, 0]] = 1
    return np.zeros(nodes, np.int8), edges
