"""`molgen likelihood`: how likely a model finds data, or what a file holds."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import (
    CheckpointArgument,
    Device,
    LigandOfPoses,
    Probes,
    ReceptorOfPoses,
    Seed,
)


def likelihood(
    checkpoint: CheckpointArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Conformers (.xtc, .dcd, .pdb, .npz), molecules (.smi, .sdf), graphs (.npz) or "
            "poses (.sdf); held-out data if left out."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table; a JSON of the same name has the means.")
    ] = Path("likelihood.csv"),
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Of the data or of the file, at most.")
    ] = 1000,
    noise: Annotated[
        bool | None,
        typer.Option(
            "--noise/--as-is",
            help="Add the least noise of the model first. Held-out data get it, a file does not.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the flow, fourth order.")] = None,
    grid: Annotated[str | None, typer.Option(help="Its times: karras, uniform or window.")] = None,
    probes: Probes = None,
    receptor: ReceptorOfPoses = None,
    ligand: LigandOfPoses = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="So many at a time.")] = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Log q of held-out data, or of a file: exact by the probability flow; of graphs a bound.

    Interrupted, the same command goes on where it stopped.
    """
    from molgen.cli.progress import progress_bars
    from molgen.files import read_json
    from molgen.likelihood import ERROR, STEP, UNSURE, likelihood

    with progress_bars() as progress:
        written = likelihood(
            checkpoint,
            file,
            output=output,
            count=count,
            noise=noise,
            steps=steps,
            grid=grid,
            probes=probes,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
            **_given(receptor=receptor, ligand=ligand),
        )
    said = read_json(written.with_suffix(".json"))
    typer.echo(f"{said['quantity']} ({said['of']}, {said['count']})", err=True)
    for name, values in said.items():
        if isinstance(values, dict) and "median" in values and name not in (ERROR, STEP):
            typer.echo(
                f"{name}: {values['mean']:.4f} +- {values['standard_error']:.4f}, "
                f"median {values['median']:.4f}",
                err=True,
            )
    if said["unsure"]:
        typer.echo(
            f"{said['unsure']} of {said['count']} are not to be trusted (step_error above "
            f"{UNSURE:g}): take more --steps; if it stays, the score has a kink there",
            err=True,
        )
    typer.echo(output)


def consistency(
    checkpoint: CheckpointArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .json.")] = Path(
        "consistency.json"
    ),
    count: Annotated[
        int, typer.Option("--count", "-n", min=4, help="Draws of the ODE, and of the SDE.")
    ] = 1000,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the flow, fourth order.")] = None,
    probes: Probes = None,
    receptor: ReceptorOfPoses = None,
    ligand: LigandOfPoses = None,
    batch_size: Annotated[int, typer.Option(min=1, help="So many at a time.")] = 250,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Do a model's energy, ODE and SDE agree? Self-ESS, their distance, and the residual."""
    from molgen.cli.progress import progress_bars
    from molgen.consistency import consistency

    with progress_bars() as progress:
        said = consistency(
            checkpoint,
            output=output,
            count=count,
            steps=steps,
            probes=probes,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=progress,
            **_given(receptor=receptor, ligand=ligand),
        )
    apart = said["ode_sde_gap"]
    typer.echo(
        f"ODE-SDE gap: W2 {apart['w2']:.4g} {apart['unit']}, floor {apart['floor']:.4g} (exact, "
        f"{apart['points']} against {apart['points']}); beyond the floor {apart['excess']:.4g}",
        err=True,
    )
    if "self" in said:
        own = said["self"]
        k = "none" if own["pareto_k"] is None else f"{own['pareto_k']:.2f}"
        typer.echo(
            f"self-ESS: {own['ess_share']:.1%} of {said['draws']}; log of the energy's normaliser "
            f"{own['log_normaliser']:.3f}; spread of the two log q {own['standard_deviation']:.3f} "
            f"nats; tail k = {k} (limit {own['pareto_k_limit']:.2f})",
            err=True,
        )
        worst = max(said["fokker_planck"], key=lambda level: level["rms"])
        typer.echo(
            f"Fokker-Planck residual: at most {worst['rms']:.3g} of the Laplacian, at noise/signal "
            f"{worst['noise_by_signal']:.3g}",
            err=True,
        )
    typer.echo(output)


def _given(**files: Path | None) -> dict[str, Path]:
    return {name: path for name, path in files.items() if path is not None}
