"""How every molecule of a set stands: whether it is one, and why not."""

from __future__ import annotations

from collections.abc import Iterator

from molgen.chem.molecules import MolecularGraph
from molgen.chem.validity import Validity, check_graph
from molgen.graphs.data.graph_set import GraphSet

Standing = tuple[MolecularGraph, Validity]
"""A molecule as it was drawn, and how it stands."""


def checked(graphs: GraphSet) -> Iterator[Standing]:
    """Every molecule of a set, in order, as it was drawn: nothing is repaired.

    Raises:
        UsageError: the graphs are no molecules.
    """
    vocabulary = graphs.vocabulary
    for index in range(len(graphs)):
        graph = MolecularGraph(*graphs.graph(index))
        yield graph, check_graph(graph, vocabulary)
