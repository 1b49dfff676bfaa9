"""`molgen bench`: speed on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Device

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


def bench_docking(
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A checkpoint; random weights if left out."),
    ] = None,
    output: Output = None,
    quick: Quick = False,
    device: Device = "cpu",
) -> None:
    """Time docking: by stage and threads, by poses at a time, and by size of pocket and ligand."""
    from molgen.bench.docking import run

    run(model=model, output=output, quick=quick, device=device)
