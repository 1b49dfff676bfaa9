"""`molgen evaluate docking`: ours and other programs on complexes whose pose is known."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Device, Particles, Seed, Steer, Steering, numbers
from molgen.cli.evaluate import Changes
from molgen.errors import UsageError


def evaluate_docking(
    complexes: Annotated[
        Path,
        typer.Option(
            help="Folder of NAME/*_protein.pdb (or _pocket.pdb) with NAME/*_ligand.sdf.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder, new or of the same complexes.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="A shipped name, a checkpoint, or a run folder; may be repeated."
        ),
    ] = None,
    poses: Annotated[
        int | None, typer.Option("--poses", "-n", min=1, help="Of each ligand, by a model.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="What the model's rows are called; its name if left out.")
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(
            help="Rows of a model, with commas: network, physics, learned, confidence, valid; "
            "random for the same search without a network."
        ),
    ] = None,
    set_: Changes = None,
    steer: Steer = None,
    steering: Steering = None,
    particles: Particles = None,
    peers: Annotated[
        str | None, typer.Option(help="Other programs: vina, rustina, or both with a comma.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many complexes, the first.")
    ] = None,
    shifts: Annotated[
        str, typer.Option(help="Å by which the pocket's centre is moved, with commas: 0,1,2,4.")
    ] = "0",
    training: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of complexes that were trained on; those with another pocket are told "
            "apart. May be repeated."
        ),
    ] = None,
    unlike: Annotated[
        float, typer.Option(min=0, max=1, help="Similarity below which a pocket is another.")
    ] = 0.7,
    cross: Annotated[
        bool,
        typer.Option(
            "--cross",
            help="Dock ligands into the other structures of their proteins that the folder has.",
        ),
    ] = False,
    checked: Annotated[
        int, typer.Option(min=1, help="Best poses of each that PoseBusters' checks are made of.")
    ] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Of the processor, for every program.")] = 1,
    device: Device = "cpu",
    seed: Seed = 0,
) -> None:
    """Dock ligands whose pose is known, and judge: right within 2 Å, valid, seconds.

    Each ligand starts from one conformer made of its bonds, and only the pocket's centre is known.
    The folder keeps what is done: the same command goes on, others add rows to its table.
    """
    if label and len(model or ()) > 1:
        raise UsageError("--label goes with one --model")
    from molgen.cli.progress import progress_bars
    from molgen.docking.evaluation.evaluate import Protocol, evaluate
    from molgen.docking.evaluation.ours import DockerProgram
    from molgen.docking.evaluation.peers import peers as peers_of
    from molgen.report.console import show
    from molgen.report.docking.console import evaluation_tables
    from molgen.report.docking.tables import remarks
    from molgen.steering import SteerPlan

    changes = [*(set_ or ()), *([f"docking.poses={poses}"] if poses else ())]
    own = [
        DockerProgram.load(
            name,
            changes,
            label=label,
            stages=stages.split(",") if stages else None,
            steering=SteerPlan.of(steer, steering, particles),
            threads=threads,
            device=device,
        )
        for name in model or ()
    ]
    others = peers_of(peers.split(",") if peers else (), threads)
    protocol = Protocol(
        complexes,
        limit,
        numbers(shifts, "--shifts"),
        tuple(training or ()),
        unlike,
        checked,
        seed,
        cross,
    )
    with progress_bars() as progress:
        results = evaluate([*own, *others], protocol, output, progress=progress)
    for table in evaluation_tables(results):
        show(table)
    for line in (*remarks(results), output):
        typer.echo(line)
