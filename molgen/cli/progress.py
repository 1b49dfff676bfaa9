"""Progress bars with rates, on standard error, for anything that takes more than a moment."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Report = Callable[[str, int, int], None]
"""What a long function calls as it goes: (stage, done, target)."""


class RateColumn(ProgressColumn):
    """Units a second, averaged over the last half minute."""

    def render(self, task: Task) -> Text:
        """The rate with three digits, such as `12300/s`."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{float(f'{speed:.3g}'):g}/s", style="cyan")


@contextmanager
def progress_bars() -> Iterator[Report]:
    """A function to report to, which shows one bar a stage; silent where no terminal watches."""
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=Console(file=sys.stderr), disable=not sys.stderr.isatty()
    ) as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, target: int) -> None:
            if stage not in tasks:
                # what an earlier run has done says nothing of the rate
                tasks[stage] = progress.add_task(stage, total=target, completed=done)
            progress.update(tasks[stage], completed=done, total=target)

        yield report
