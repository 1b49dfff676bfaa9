"""`molgen sample`: independent conformers or graphs from a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import (
    Device,
    Grid,
    Likelihood,
    ModelOption,
    Particles,
    Probes,
    Seed,
    Solver,
    Steer,
    Steering,
    Steps,
    Teleport,
)

Count = Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")]


def sample_md(
    model: ModelOption,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Trajectory: .xtc, .dcd, .pdb; .npz for test systems."),
    ],
    count: Count = 10_000,
    steps: Steps = None,
    solver: Solver = None,
    grid: Grid = None,
    teleport: Teleport = None,
    likelihood: Likelihood = False,
    probes: Probes = None,
    steer: Steer = None,
    steering: Steering = None,
    particles: Particles = None,
    keep_particles: Annotated[
        int | None, typer.Option(min=1, help="Conformers taken of the particles of each sample: 1.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Conformers at a time.")] = 10_000,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Draw independent conformers: from noise by the reverse process."""
    from molgen.cli.progress import progress_bars
    from molgen.md.likelihood import FLOW
    from molgen.md.sample import sample
    from molgen.steering import SteerPlan

    flow = FLOW.asked(likelihood, steps=steps, probes=probes)
    with progress_bars() as progress:
        sample(
            model,
            count=count,
            output=output,
            steps=None if flow else steps,
            solver=solver,
            grid=grid,
            teleport=teleport,
            likelihood=flow,
            steering=SteerPlan.of(steer, steering, particles, keep_particles),
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
        )
    typer.echo(output)


def sample_graphs(
    model: ModelOption,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Molecules: .smi, .sdf; graphs as drawn: .npz."),
    ],
    count: Count = 1000,
    steps: Steps = None,
    solver: Solver = None,
    grid: Grid = None,
    teleport: Teleport = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Graphs at a time.")] = 500,
    steer: Steer = None,
    steering: Steering = None,
    particles: Particles = None,
    seed: Seed = 0,
    device: Device = "cpu",
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Correct what is not valid or not connected; said in .repaired.csv."
        ),
    ] = False,
    three_d: Annotated[
        bool, typer.Option("--three-d", help="An .sdf with coordinates in space, by ETKDG.")
    ] = False,
    likelihood: Annotated[
        bool,
        typer.Option(
            "--likelihood", help="In .bound.csv, what log P of each drawn one is at least."
        ),
    ] = False,
    likeliest: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Of a model with an energy: keep this share, the likeliest."
        ),
    ] = None,
    scaffold: Annotated[
        str | None,
        typer.Option(help="SMILES that every molecule contains; * where it may grow, else all H."),
    ] = None,
    atoms: Annotated[str | None, typer.Option(help="Heavy atoms, such as 9 or 7-9.")] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property", metavar="NAME=VALUE", help="Steer to it: logp=2.0; may be repeated."
        ),
    ] = None,
    guidance: Annotated[
        float, typer.Option(min=0, help="How much properties steer; 1 is Bayes' rule.")
    ] = 1.0,
    predictor: Annotated[
        str | None,
        typer.Option(help="Checkpoint that predicts them; the model's name with _properties."),
    ] = None,
    forbid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SMARTS",
            help="What no molecule may have; may be repeated. Drawn on until -n are without.",
        ),
    ] = None,
    most_draws: Annotated[
        int | None, typer.Option(min=1, help="Then stop; 20 times the count if left out.")
    ] = None,
) -> None:
    """Draw molecules or other graphs: from noise by the reverse process.

    Interrupted, the same command goes on where it stopped.
    """
    from molgen.cli.progress import progress_bars
    from molgen.files import read_json
    from molgen.graphs.conditions import Conditions
    from molgen.graphs.sample import sample
    from molgen.steering import SteerPlan

    conditions = Conditions.parse(
        scaffold=scaffold,
        atoms=atoms,
        properties=properties or (),
        guidance=guidance,
        predictor=predictor,
        forbid=tuple(forbid or ()),
        most_draws=most_draws,
    )
    with progress_bars() as progress:
        written = sample(
            model,
            count=count,
            output=output,
            steps=steps,
            solver=solver,
            grid=grid,
            teleport=teleport,
            batch_size=batch_size,
            seed=seed,
            device=device,
            repair=repair,
            three_d=three_d,
            likelihood=likelihood,
            likeliest=likeliest,
            conditions=conditions,
            steering=SteerPlan.of(steer, steering, particles),
            progress=progress,
        )
    said = read_json(written.with_suffix(".json"))
    for key in ("cost", "stopped"):
        if key in said:
            typer.echo(f"{key}: {said[key]}", err=True)
    typer.echo(output)
