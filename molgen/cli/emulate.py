"""`molgen emulate`: conformers of a peptide by its sequence."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Device, Seed, Steps

Temperature = Annotated[
    float | None,
    typer.Option("--temperature", metavar="KELVIN", help="Of a peptide; the model's if left out."),
]


def emulate(
    peptide: Annotated[
        str,
        typer.Argument(help="One letter a residue, as KS; with caps Ac-KS-NHMe or Ac-K-NHMe."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Trajectory: .xtc, .dcd, .pdb; else PEPTIDE.xtc."),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 10_000,
    temperature: Temperature = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A model of peptides: a name, or a run folder.")
    ] = "dipeptides",
    steps: Steps = None,
    check: Annotated[
        int,
        typer.Option(min=10, help="Draws on which samples and forces of the model are compared."),
    ] = 100,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Draw independent conformers of any two amino acids, and say how far to trust them."""
    from molgen.cli.progress import progress_bars
    from molgen.md.peptides.emulate import emulate

    with progress_bars() as progress:
        written, trust = emulate(
            peptide,
            model=model,
            temperature_K=temperature,
            count=count,
            output=output or Path(f"{peptide}.xtc"),
            steps=steps,
            checked=check,
            seed=seed,
            device=device,
            progress=progress,
        )
    typer.echo(trust, err=True)
    typer.echo(written)
