"""Graph sets as the molecules of RDKit, and to and from the graphs of networkx and PyG."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molgen.chem.vocabulary import Vocabulary
from molgen.errors import MolgenError, UsageError
from molgen.graphs.checks import checked
from molgen.graphs.data.graph_set import GraphSet, meta_of

if TYPE_CHECKING:
    import networkx

Typed = tuple[NDArray[np.int8], NDArray[np.int8]]
"""Node types [n] and symmetric edge types [n, n]."""


def load_graphs(path: str | Path) -> GraphSet:
    """The graphs of an .npz that `molgen sample graphs` or `molgen data prepare` wrote.

    Raises:
        UsageError: the file is missing, damaged, or of another kind or format.
    """
    return GraphSet.load(path)


def to_rdkit(graphs: GraphSet) -> list[Any]:
    """Each molecule, sanitised; None in place of one that is not valid.

    Raises:
        UsageError: the graphs are no molecules.
    """
    return [found.sanitised for _, found in checked(graphs)]


def to_networkx(graphs: GraphSet) -> "list[networkx.Graph]":
    """Each graph with its labels; nodes are 0, 1, ... with their type, edges with theirs.

    Atoms have `element` and `charge`, bonds `bond` ("double"); plain nodes and edges have `type`.
    """
    import networkx

    vocabulary = graphs.chemistry
    found = []
    for index in range(len(graphs)):
        nodes, edges = graphs.graph(index)
        graph = networkx.Graph(**{key: float(v[index]) for key, v in graphs.labels.items()})
        for node, kind in enumerate(nodes.tolist()):
            if vocabulary is None:
                graph.add_node(node, type=kind)
            else:
                atom = vocabulary.atoms[kind]
                graph.add_node(node, element=atom.element, charge=atom.charge)
        for i, j in np.argwhere(np.triu(edges)).tolist():
            kind = int(edges[i, j])
            if vocabulary is None:
                graph.add_edge(i, j, type=kind)
            else:
                graph.add_edge(i, j, bond=vocabulary.bonds[kind])
        found.append(graph)
    return found


def from_networkx(
    graphs: "Iterable[networkx.Graph]", vocabulary: Vocabulary | None = None
) -> GraphSet:
    """The set of these graphs; nodes in the order of the graph.

    Args:
        graphs: With a vocabulary, nodes have `element` and perhaps `charge`, and edges `bond`, as
            `to_networkx` writes them. Without, nodes and edges may have an integer `type`; nodes
            are of type 0 and edges of type 1 where there is none.
        vocabulary: Of molecules; None for plain graphs.

    Raises:
        UsageError: an attribute is missing or unknown, or a graph is directed, has parallel edges
            or a loop.
    """

    def typed(graph: "networkx.Graph") -> Typed:
        if graph.is_directed() or graph.is_multigraph():
            raise UsageError("is directed or has parallel edges")
        place = {node: k for k, node in enumerate(graph)}
        nodes, edges = np.zeros(len(place), np.int8), _no_edges(len(place))
        for node, values in graph.nodes(data=True):
            if vocabulary is None:
                nodes[place[node]] = values.get("type", 0)
            else:
                nodes[place[node]] = vocabulary.atom_index(
                    _value(values, "element"), values.get("charge", 0)
                )
        for one, other, values in graph.edges(data=True):
            if vocabulary is None:
                kind = values.get("type", 1)
            else:
                kind = _bond_index(vocabulary, _value(values, "bond"))
            _connect(edges, place[one], place[other], kind)
        return nodes, edges

    return _set_of(graphs, typed, vocabulary)


def to_pyg(graphs: GraphSet) -> list[Any]:
    """Each graph as a `torch_geometric.data.Data`.

    x: [n, node types] one-hot; edge_index: [2, edges], both directions; edge_attr: [edges, edge
    types but none] one-hot; y: [1, labels], labels by name in alphabetical order, if there are any.

    Raises:
        MolgenError: torch-geometric is not installed.
    """
    import torch

    data = _pyg_data()
    vocabulary = graphs.chemistry
    kinds = int(graphs.nodes.max(initial=0)) + 1 if vocabulary is None else len(vocabulary.atoms)
    bonds = int(graphs.edges.max(initial=1)) if vocabulary is None else len(vocabulary.bonds) - 1
    found = []
    for index in range(len(graphs)):
        nodes, edges = graphs.graph(index)
        ends = np.argwhere(edges).T
        values = {
            "x": torch.from_numpy(np.eye(kinds, dtype=np.float32)[nodes]),
            "edge_index": torch.from_numpy(np.ascontiguousarray(ends)),
            "edge_attr": torch.from_numpy(
                np.eye(bonds, dtype=np.float32)[edges[ends[0], ends[1]] - 1]
            ),
        }
        if graphs.labels:
            row = [float(graphs.labels[name][index]) for name in sorted(graphs.labels)]
            values["y"] = torch.tensor([row])
        found.append(data(**values))
    return found


def from_pyg(
    graphs: Iterable[Any], vocabulary: Vocabulary | None = None, *, labels: Sequence[str] = ()
) -> GraphSet:
    """The set of these `torch_geometric.data.Data`, laid out as `to_pyg` does.

    Node and edge types may also be integers, [n] and [edges] (an edge's from 1); without `x` all
    nodes are of type 0, without `edge_attr` all edges of type 1. An edge counts in either
    direction.

    Args:
        graphs: For molecules, type k of a node is atom k of the vocabulary, type k of an edge its
            bond k.
        vocabulary: Of molecules; None for plain graphs.
        labels: Names of the columns of `y`; it is left out if none are named.

    Raises:
        UsageError: types that are neither one-hot nor integers or have no place in the vocabulary,
            an edge to a node that is not there, a loop, two directions of one edge that differ, or
            a `y` of another number of columns.
    """
    columns: list[NDArray[np.float32]] = []

    def typed(data: Any) -> Typed:
        count = int(data.num_nodes)
        if labels:
            y = data.get("y")
            columns.append(np.zeros(0, np.float32) if y is None else np.asarray(y).reshape(-1))
            if len(columns[-1]) != len(labels):
                raise UsageError(f"y has {len(columns[-1])} columns for {len(labels)} labels")
        x, attributes = data.get("x"), data.get("edge_attr")
        nodes = np.zeros(count, np.int8) if x is None else _types(x, "x")
        ends = np.asarray(data.edge_index)
        kinds = (
            np.ones(ends.shape[1], np.int8)
            if attributes is None
            else _types(attributes, "edge_attr", first=1)
        )
        if ends.size and not 0 <= ends.min() <= ends.max() < count:
            raise UsageError(f"an edge of node {ends.max()}, where nodes are 0 to {count - 1}")
        if (kinds < 1).any():
            raise UsageError("edge_attr: integers count from 1, as 0 is no edge")
        edges = _no_edges(count)
        for i, j, kind in zip(*ends.tolist(), kinds.tolist(), strict=True):
            _connect(edges, i, j, kind)
        return nodes, edges

    found = _set_of(graphs, typed, vocabulary)
    named = zip(labels, np.array(columns, np.float32).T, strict=True) if len(found) else ()
    return replace(found, labels=dict(named))


def _pyg_data() -> Any:
    try:
        from torch_geometric.data import Data
    except ModuleNotFoundError:
        raise MolgenError("torch-geometric is not installed: pip install torch_geometric") from None
    return Data


def _set_of(
    graphs: Iterable[Any], typed: Callable[[Any], Typed], vocabulary: Vocabulary | None
) -> GraphSet:
    found: list[Typed] = []
    for index, graph in enumerate(graphs):
        try:
            nodes, edges = typed(graph)
            _require_known(nodes, edges, vocabulary)
        except UsageError as error:
            raise UsageError(f"graph {index}: {error}") from None
        found.append((nodes, edges))
    return GraphSet.of(found, meta=meta_of(vocabulary))


def _require_known(
    nodes: NDArray[np.int8], edges: NDArray[np.int8], vocabulary: Vocabulary | None
) -> None:
    most = (127, 127) if vocabulary is None else (len(vocabulary.atoms), len(vocabulary.bonds))
    for name, types, count in zip(("node", "edge"), (nodes, edges), most, strict=True):
        if types.size and not 0 <= types.min() <= types.max() < count:
            raise UsageError(f"{name} types must be from 0 to {count - 1}")


def _no_edges(count: int) -> NDArray[np.int8]:
    return np.zeros((count, count), np.int8)


def _connect(edges: NDArray[np.int8], one: int, other: int, kind: int) -> None:
    if one == other:
        raise UsageError(f"node {one} has a loop")
    if edges[one, other] not in (0, kind):
        raise UsageError(f"edge {one}-{other} has two types")
    edges[one, other] = edges[other, one] = kind


def _value(values: dict[str, Any], name: str) -> Any:
    if name not in values:
        raise UsageError(f"an atom or bond has no '{name}'")
    return values[name]


def _bond_index(vocabulary: Vocabulary, bond: str) -> int:
    if bond not in vocabulary.bonds[1:]:
        raise UsageError(f"bond '{bond}' is not one of {', '.join(vocabulary.bonds[1:])}")
    return vocabulary.bonds.index(bond)


def _types(values: Any, name: str, first: int = 0) -> NDArray[np.int8]:
    """Integers as they are, one-hot rows by where their 1 stands, counted from `first`."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1 and np.array_equal(array, array.astype(np.int64)):
        return array.clip(-1, 127).astype(np.int8)  # so that what is too large stays so
    if array.ndim == 2 and np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all():
        return (array.argmax(1) + first).astype(np.int8)
    raise UsageError(f"{name}: types are integers or one-hot rows; this is neither")
