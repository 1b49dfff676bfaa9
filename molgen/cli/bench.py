"""`molgen bench`: speed on this machine, and what solvers make of their evaluations."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Device, Teleport

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Also write the tables as JSON.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer repeats, larger error.")]


def bench_md(output: Output = None, quick: Quick = False) -> None:
    """Time force field, learned forces, sampling and training; ratios within the same run."""
    from molgen.bench.md import run

    run(output=output, quick=quick)


def bench_peptides(
    peptide: Annotated[str, typer.Argument(help="Such as KS.")] = "KS",
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model of peptides: a name, or a run folder.")
    ] = "dipeptides",
    output: Output = None,
    quick: Quick = False,
) -> None:
    """Time what an independent conformer of a peptide costs: OpenMM, our force field, a model."""
    from molgen.bench.peptides import run

    run(peptide, model=model, output=output, quick=quick)


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
    repeats: Annotated[int, typer.Option(min=1, help="Runs, of which the median counts.")] = 3,
    device: Device = "cpu",
) -> None:
    """Time docking: by stage and threads, by poses at a time, and by size of pocket and ligand."""
    from molgen.bench.docking import run

    run(model=model, output=output, quick=quick, repeats=repeats, device=device)


def bench_solvers(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="May be repeated; one shipped model of each kind if left out."
        ),
    ] = None,
    solver: Annotated[
        list[str] | None, typer.Option(help="May be repeated; all of them if left out.")
    ] = None,
    budget: Annotated[
        list[int] | None,
        typer.Option("--evaluations", min=1, help="Of one draw; 5, 10, 20 and 50 if left out."),
    ] = None,
    teleport: Teleport = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count", "-n", min=2, help="Draws; 20,000 conformers, 1000 graphs, 40 poses."
        ),
    ] = None,
    complexes: Annotated[
        Path | None, typer.Option(help="Folder of complexes for docking; examples if left out.")
    ] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Of the complexes.")] = None,
    output: Output = None,
    quick: Quick = False,
) -> None:
    """Judge draws by solver and network evaluations; grids of tune-grid are among them."""
    from molgen.bench.solvers import MODELS, run
    from molgen.cli.progress import progress_bars

    with progress_bars() as progress:
        run(
            models=model or MODELS,
            solvers=solver or (),
            budgets=budget or (),
            teleport=teleport,
            count=count,
            folder=complexes,
            most=most,
            output=output,
            quick=quick,
            progress=progress,
        )
