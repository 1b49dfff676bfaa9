"""`molgen reweight`: draws of a model made the Boltzmann distribution of its system."""

from pathlib import Path
from typing import Annotated, Any

import typer

from molgen.cli.arguments import CheckpointArgument, Device, Probes, Seed
from molgen.errors import UsageError


def reweight(
    checkpoint: CheckpointArgument,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Samples, .npz; a JSON of the same name has the rest."),
    ],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Draws.")] = 10_000,
    frames: Annotated[
        Path | None,
        typer.Option(help="Independent frames of a simulation as well: .xtc, .dcd, .pdb, .npz."),
    ] = None,
    umbrella: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CENTRE:STIFFNESS",
            help="Hold a collective variable there, by so many kT a squared unit (dihedrals: "
            "radians); may be repeated.",
        ),
    ] = None,
    bins: Annotated[int, typer.Option(min=2, help="Of profiles and of the map.")] = 40,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the flow, fourth order.")] = None,
    probes: Probes = None,
    all_atoms: Annotated[
        bool,
        typer.Option(
            "--all-atoms", help="Of a model of some atoms: place the others, anneal and weigh all."
        ),
    ] = False,
    anneal_steps: Annotated[
        int | None,
        typer.Option(min=0, help="Langevin steps from placed atoms to the force field: 1000."),
    ] = None,
    anneal_paths: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of each draw, copied and dropped by weight on their way: 4. More of them "
            "for long side chains.",
        ),
    ] = None,
    anneal_tries: Annotated[
        int | None,
        typer.Option(min=1, help="Placements of each path, of which one is annealed: 20."),
    ] = None,
    move_beads: Annotated[
        bool,
        typer.Option(
            "--move-beads",
            help="Anneal the beads as well, by the model's energy: several times as dear a step.",
        ),
    ] = False,
    trajectory: Annotated[
        Path | None,
        typer.Option(help="The weighed configurations too: .xtc, .dcd, .pdb, in the same order."),
    ] = None,
    unweighted: Annotated[
        Path | None,
        typer.Option(help="As many configurations as are effective, drawn by weight: .xtc, ..."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Draws at a time.")] = 500,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Weigh a model's draws by the energy of their system: free energies with intervals.

    Interrupted, the same command goes on where it stopped.
    """
    from molgen.cli.progress import progress_bars
    from molgen.md.ensembles import Umbrella
    from molgen.md.likelihood import FLOW
    from molgen.md.reconstruction.annealing import Annealing
    from molgen.md.reweight import reweight

    table = FLOW.changed(steps=steps, probes=probes)
    annealing = None
    if all_atoms:
        annealing = Annealing(beads_move=move_beads).changed(
            steps=anneal_steps, paths=anneal_paths, tries=anneal_tries
        )
    elif move_beads or {anneal_steps, anneal_paths, anneal_tries} != {None}:
        raise UsageError("annealing is of all atoms: give --all-atoms as well")
    held = [Umbrella(*_umbrella(text)) for text in umbrella or ()]
    with progress_bars() as progress:
        done = reweight(
            checkpoint,
            count=count,
            output=output,
            table=table,
            annealing=annealing,
            frames=frames,
            trajectory=trajectory,
            unweighted=unweighted,
            umbrellas=held,
            bins=bins,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
        )
    _show(done.said)
    typer.echo(output)


def _umbrella(text: str) -> tuple[str, float, float]:
    name, equals, numbers = text.partition("=")
    try:
        centre, stiffness = (float(number) for number in numbers.split(":"))
    except ValueError:
        equals = ""
    if not (name and equals and stiffness > 0):
        raise UsageError(f"--umbrella {text}: give NAME=CENTRE:STIFFNESS, such as x=-0.5:20")
    return name, centre, stiffness


def _show(said: dict[str, Any]) -> None:
    from molgen.report.console import show, table_of

    k = "none: the weights are alike" if said["pareto_k"] is None else f"{said['pareto_k']:.2f}"
    trust = "reliable" if said["reliable"] else "NOT reliable: draw more, or train further"
    typer.echo(
        f"effective samples {said['ess']:.1f} of {said['samples']} ({said['ess_share']:.1%}); "
        f"tail k = {k} (limit {said['pareto_k_limit']:.2f}): {trust}",
        err=True,
    )
    table = table_of(["basin", "drawn", "reweighted", "95 %", "free energy, kT", "95 %"])
    for name, basin in said["basins"].items():
        free = basin.get("free_energy")
        table.add_row(
            name,
            f"{basin['plain']:.4f}",
            f"{basin['population']:.4f}",
            f"{basin['low']:.4f} .. {basin['high']:.4f}",
            "0" if free is None else f"{free['value']:.3f}",
            "" if free is None else f"{free['low']:.3f} .. {free['high']:.3f}",
        )
    show(table)
    for one in said["umbrellas"]:
        free = one["free_energy"]
        typer.echo(
            f"umbrella {one['variable']} = {one['centre']:g}: {free['value']:.3f} kT "
            f"({free['low']:.3f} .. {free['high']:.3f})",
            err=True,
        )
