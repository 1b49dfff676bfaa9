"""`molgen bench`: speed on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def bench_md(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the table as JSON.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repeats, larger error.")] = False,
) -> None:
    """Time force field, learned forces, sampling and training; ratios within the same run."""
    from molgen.bench.md import run

    run(output=output, quick=quick)
