"""`molgen simulate`: molecular dynamics with a checkpoint's forces."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Device, OutputFile, Seed, numbers
from molgen.cli.emulate import Temperature
from molgen.errors import UsageError


class Engine(StrEnum):
    """Who integrates the equations of motion."""

    molgen = "molgen"
    hmc = "hmc"
    openmm = "openmm"


def simulate(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A shipped name, a checkpoint, or a run folder; or a peptide, such as KS.",
        ),
    ],
    output: OutputFile = Path("trajectory.xtc"),
    engine: Annotated[
        Engine,
        typer.Option(help="Our batched Langevin integrator, Hybrid Monte Carlo, or OpenMM."),
    ] = Engine.molgen,
    chains: Annotated[int, typer.Option(min=1, help="Independent simulations at once.")] = 100,
    ps: Annotated[float | None, typer.Option(min=0.0, help="Length of each chain, ps.")] = None,
    ns: Annotated[float | None, typer.Option(min=0.0, help="Length of each chain, ns.")] = None,
    stride_ps: Annotated[
        float | None, typer.Option(min=0.0, help="Time between frames, ps; else the recipe's.")
    ] = None,
    timestep_ps: Annotated[
        float | None, typer.Option(min=0.0, help="Timestep, ps; else the recipe's.")
    ] = None,
    temperature: Temperature = None,
    ladder_kelvin: Annotated[
        str | None,
        typer.Option(
            "--ladder-K", metavar="T,T", help="Exchange replicas with these temperatures."
        ),
    ] = None,
    ladder_noise: Annotated[
        str | None,
        typer.Option(
            metavar="S,S", help="Exchange replicas with these noises / signal of the diffusion."
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
    compile_: Annotated[
        bool,
        typer.Option("--compile/--no-compile", help="Wait up to a minute, then run much faster."),
    ] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
) -> None:
    """Run molecular dynamics; the forces are the gradient of the model's log density."""
    if (ps is None) == (ns is None):
        raise UsageError("give the length of a chain once: --ps PICOSECONDS or --ns NANOSECONDS")
    from molgen.cli.progress import progress_bars
    from molgen.md.dynamics.levels import LadderOptions
    from molgen.md.peptides.emulate import bound_name
    from molgen.md.simulate import simulate

    with progress_bars() as progress:
        simulate(
            bound_name(checkpoint, temperature_K=temperature),
            engine=engine.value,
            chains=chains,
            time_ps=ps if ps is not None else 1000.0 * (ns or 0.0),
            output=output,
            seed=seed,
            resume=resume,
            stride_ps=stride_ps,
            timestep_ps=timestep_ps,
            ladder=LadderOptions(
                () if ladder_kelvin is None else numbers(ladder_kelvin, "--ladder-K"),
                () if ladder_noise is None else numbers(ladder_noise, "--ladder-noise"),
            ),
            device=device,
            compiled=compile_,
            progress=progress,
        )
    typer.echo(output)
