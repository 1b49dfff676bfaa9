"""`molgen demo`: the main jobs on real input, from shipped weights to a report."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class What(StrEnum):
    """The demos."""

    MD = "md"
    DOCKING = "docking"


def demo(
    what: Annotated[What, typer.Argument(help="Conformations, or docking.")] = What.MD,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for all it writes; else runs/demo-WHAT."),
    ] = None,
) -> None:
    """Sample and simulate alanine dipeptide with one shipped model; or dock a drug. Reports both.

    Both are compared with what is known: reference MD, the crystal's pose.
    """
    folder = output or Path("runs") / f"demo-{what}"
    report = _docking(folder) if what is What.DOCKING else _md(folder)
    typer.echo(f"Report: {report.resolve()}")


def _md(folder: Path) -> Path:
    from molgen.cli.progress import progress_bars
    from molgen.demo import demo
    from molgen.report.console import show
    from molgen.report.md.console import evaluation_table

    with progress_bars() as progress:
        done = demo(folder, progress=progress)
    show(evaluation_table(done.evaluation.results))
    for line in (*done.evaluation.remarks, done.openmm):
        typer.echo(line)
    return done.report


def _docking(folder: Path) -> Path:
    from molgen.cli.dock import show_poses
    from molgen.cli.progress import progress_bars
    from molgen.demo_docking import demo_docking

    with progress_bars() as progress:
        done, report = demo_docking(folder, progress=progress)
    show_poses(done.rows)
    return report
