"""Tables of text (valid Markdown), and numbers over several runs of one recipe."""

from collections.abc import Callable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any, Protocol, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

from molgen.report.numbers import number


class HasProvenance(Protocol):
    """Results of any pillar."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Facts, such as the recipe."""
        ...


R = TypeVar("R", bound=HasProvenance)


def show(table: Table, console: Console | None = None) -> None:
    """Print a table as wide as it is, so that a pipe gets whole lines."""
    (console or Console(width=200)).print(table)


def table_of(heads: Sequence[str]) -> Table:
    """An empty table: names to the left, numbers to the right."""
    table = Table(box=box.MARKDOWN)
    for k, head in enumerate(heads):
        table.add_column(head, justify="left" if k == 0 else "right", no_wrap=True)
    return table


def by_recipe(runs: Sequence[R]) -> dict[str, list[R]]:
    """Runs by what a row of a table calls them: the recipe, or the file that was judged."""
    groups: dict[str, list[R]] = {}
    for results in runs:
        facts = results.provenance
        groups.setdefault(facts.get("recipe") or facts["samples"]["file"], []).append(results)
    return {
        name if len(members) == 1 else f"{name} ({len(members)} seeds)": members
        for name, members in groups.items()
    }


def minutes(results: HasProvenance) -> float | None:
    """How long the model was trained, if that is known."""
    seconds = results.provenance.get("training", {}).get("seconds")
    return None if seconds is None else seconds / 60


def over_seeds(runs: Sequence[R], value: Callable[[R], float | None], places: int) -> str:
    """The mean of a number over runs, with the standard deviation if there are several."""
    found = [x for x in map(value, runs) if x is not None]
    if not found:
        return ""
    text = number(mean(found), places)
    return text if len(found) == 1 else f"{text} ± {number(stdev(found), places)}"
