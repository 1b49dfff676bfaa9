"""Plain graphs as pictures."""

import networkx as nx
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex

from molgen.graphs.metrics.descriptors import laplacian_eigenvectors
from molgen.report.style import MUTED

SIZE = 150
"""Width and height of a picture."""

SMALL = 80
"""Nodes up to which distances along the edges are laid out exactly."""

SIDES = LinearSegmentedColormap.from_list("sides", ["#0072b2", "#9cc9e8", "#f6bd8a", "#d55e00"])
"""Colours of nodes along the slowest mode of diffusion: two ends of a graph, two communities."""


def graph_svg(graph6: str) -> str:
    """A graph as an <svg> element, its nodes coloured by the Fiedler vector of the Laplacian."""
    graph = nx.from_graph6_bytes(graph6.encode())
    if not len(graph):
        return ""
    places = _places(graph)
    radius = float(np.clip(28 / len(graph) ** 0.5, 1.4, 5.0))
    lines = "".join(
        f'<line x1="{places[a][0]:.1f}" y1="{places[a][1]:.1f}" '
        f'x2="{places[b][0]:.1f}" y2="{places[b][1]:.1f}"/>'
        for a, b in graph.edges
    )
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>'
        for (x, y), colour in zip(places, _colours(graph), strict=True)
    )
    return (
        f'<svg viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{len(graph)} nodes">'
        f'<g stroke="{MUTED}" stroke-width="0.7" stroke-opacity="0.55">{lines}</g>{dots}</svg>'
    )


def _places(graph: nx.Graph) -> np.ndarray:
    """[n, 2] where nodes are drawn, within the picture."""
    if len(graph) <= SMALL and nx.is_connected(graph):
        layout = nx.kamada_kawai_layout(graph)
    else:
        layout = nx.spring_layout(graph, seed=0, iterations=80)
    x = np.array([layout[node] for node in graph])
    middle = 0.5 * (x.max(0) + x.min(0))
    extent = max(float((x.max(0) - x.min(0)).max()), 1e-9)
    return np.asarray(SIZE * (0.5 + 0.9 * (x - middle) / extent))


def _colours(graph: nx.Graph) -> list[str]:
    vectors = laplacian_eigenvectors(nx.to_numpy_array(graph) > 0)
    fiedler = vectors[:, min(1, len(graph) - 1)]
    place = np.argsort(np.argsort(fiedler)) / max(len(graph) - 1, 1)
    return [to_hex(SIDES(one)) for one in place]
