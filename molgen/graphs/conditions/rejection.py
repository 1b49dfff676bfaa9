"""Negative design: molecules are drawn on until enough of them have nothing that is forbidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from molgen.chem.substructure import Pattern, patterns_in
from molgen.graphs.checks import Standing, checked
from molgen.graphs.data.graph_set import GraphSet

SHARE = 20
"""How many are drawn at most for each that is wanted, where nothing else is said."""

Draw = Callable[[int, int], GraphSet]
"""`draw(first, count)`: the graphs of these numbers."""


@dataclass(frozen=True)
class Screened:
    """Graphs as drawn, up to the last that was wanted, and why some are not kept.

    Attributes:
        graphs: all of them, in order.
        standing: how each stands.
        refused: index of each that is not kept -> why.
        matched: how many of those that are valid and connected have each forbidden pattern.
        forbidden: how many have any.
    """

    graphs: GraphSet
    standing: Sequence[Standing]
    refused: Mapping[int, str]
    matched: Mapping[str, int]
    forbidden: int

    @property
    def kept(self) -> int:
        """How many are valid, connected and have nothing forbidden."""
        return len(self.graphs) - len(self.refused)

    @property
    def cost(self) -> dict[str, int]:
        """What was drawn and why not all of it is kept; a molecule may count for several."""
        return {
            "drawn": len(self.graphs),
            "kept": self.kept,
            "valid and connected": self.kept + self.forbidden,
            "not valid and connected": len(self.refused) - self.forbidden,
            "forbidden": self.forbidden,
            **{f"forbidden {text}": number for text, number in self.matched.items()},
        }


def draw_without(
    patterns: Sequence[Pattern],
    draw: Draw,
    count: int,
    *,
    first: int = 0,
    most: int,
    progress: Callable[[int], None] | None = None,
) -> Screened:
    """Draws until `count` molecules are kept, or `most` are drawn.

    The graphs are those of the numbers `first`, `first + 1`, ..., looked at in this order, so the
    result does not depend on how many are drawn at a time.

    Args:
        patterns: what is forbidden.
        draw: of what.
        count: how many to keep.
        first: number of the first that is drawn.
        most: how many are drawn at most.
        progress: told how many are kept.
    """
    sets: list[GraphSet] = []
    standing: list[Standing] = []
    refused: dict[int, str] = {}
    matched = dict.fromkeys((pattern.text for pattern in patterns), 0)
    looked = kept = forbidden = 0
    while kept < count and looked < most:
        share = (kept + 1) / (looked + 1)
        wanted = min(round(1.1 * (count - kept) / share), 4 * count)
        graphs = draw(first + looked, min(most - looked, max(8, wanted)))
        for index, (graph, found) in enumerate(checked(graphs)):
            standing.append((graph, found))
            if found.molecule is not None:
                names = [pattern.text for pattern in patterns_in(found.molecule, patterns)]
                if names:
                    refused[looked] = f"forbidden: {', '.join(names)}"
                    forbidden += 1
                for name in names:
                    matched[name] += 1
                kept += not names
            else:
                refused[looked] = found.reason
            looked += 1
            if kept == count:
                graphs = graphs.take(range(index + 1))
                break
        sets.append(graphs)
        if progress is not None:
            progress(kept)
    return Screened(GraphSet.joined(sets), standing, refused, matched, forbidden)


def described(cost: Mapping[str, float]) -> str:
    """The cost in a line."""
    by = ", ".join(
        f"{name.removeprefix('forbidden ')}: {number:.0f}"
        for name, number in cost.items()
        if name.startswith("forbidden ")
    )
    return (
        f"{cost['drawn']} drawn for {cost['kept']} kept; {cost['not valid and connected']} not "
        f"valid and connected, {cost['forbidden']} forbidden ({by})"
    )
