"""`molgen bench`: speed on this machine."""

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Also write the tables as JSON.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer repeats, larger error.")]


def bench_md(output: Output = None, quick: Quick = False) -> None:
    """Time force field, learned forces, sampling and training; ratios within the same run."""
    from molgen.bench.md import run

    run(output=output, quick=quick)


def bench_graphs(
    output: Output = None,
    quick: Quick = False,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; cuda where there is one, if left out.")
    ] = None,
) -> None:
    """Time drawing and training of graphs: by steps, batch and atoms; GDSS's networks."""
    from molgen.bench.graphs import run

    run(output=output, quick=quick, device=device)
