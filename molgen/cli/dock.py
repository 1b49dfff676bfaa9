"""`molgen dock`: poses of a ligand, or of a library, in the pocket of a receptor."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import (
    Device,
    Grid,
    Particles,
    Probes,
    Seed,
    Solver,
    Steer,
    Steering,
    Steps,
    Teleport,
)
from molgen.errors import UsageError

_SHOWN = 30
"""Lines of a table, or of remarks, on the screen; the files have all."""


def dock(
    receptor: Annotated[
        list[Path],
        typer.Option("--receptor", "-r", help="Protein: .pdb or .cif; may be repeated."),
    ],
    ligand: Annotated[
        str,
        typer.Option(
            "--ligand",
            "-l",
            help="A SMILES; .sdf, .mol2, .smi or .csv (name, smiles) of one ligand or many; or a "
            "folder of such files.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="poses.sdf (.csv and .json beside it), or a folder for a library.",
        ),
    ],
    pocket: Annotated[
        list[Path] | None,
        typer.Option(
            "--pocket",
            "-p",
            help="File of a ligand that lies in the pocket; one for all receptors, or one each.",
        ),
    ] = None,
    center: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Or the pocket's centre, Å.")
    ] = None,
    residues: Annotated[
        str | None, typer.Option(metavar="A:45,A:88", help="Or residues about the pocket.")
    ] = None,
    radius: Annotated[
        float, typer.Option(min=1, help="Of the part of the receptor that is looked at, Å.")
    ] = 15.0,
    remove: Annotated[
        str | None,
        typer.Option(metavar="A:500", help="Residues to take out first, such as another ligand."),
    ] = None,
    hold: Annotated[
        Path | None,
        typer.Option(
            help="File of a scaffold in place: these atoms of the ligands do not move. Says where "
            "the pocket is if nothing else does.",
        ),
    ] = None,
    hold_smarts: Annotated[
        str | None,
        typer.Option(
            metavar="SMARTS",
            help="Which atoms of --hold; without it, of the ligand where its own file has them.",
        ),
    ] = None,
    covalent: Annotated[
        str | None,
        typer.Option(
            metavar="A:145:SG",
            help="Atom of the receptor that the ligands are bonded to.",
        ),
    ] = None,
    attach: Annotated[
        str | None,
        typer.Option(
            metavar="ATOM",
            help="The ligands' atom that is: a number, or a SMARTS whose first atom it is; a "
            "hydrogen of it gives way.",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A shipped name, a checkpoint, or a run folder.")
    ] = "docking",
    poses: Annotated[
        int | None,
        typer.Option(min=1, help="To draw of each ligand; the recipe's number if left out."),
    ] = None,
    keep: Annotated[int, typer.Option(min=1, help="Different ones to write, at most.")] = 10,
    min_rmsd: Annotated[
        float, typer.Option(min=0, help="Between poses that count as different, Å.")
    ] = 1.0,
    search: Annotated[
        int | None,
        typer.Option(min=0, help="Monte Carlo steps from each pose; 0: it is minimised alone."),
    ] = None,
    scoring: Annotated[
        str | None, typer.Option(help="vinardo or vina; as the recipe says if left out.")
    ] = None,
    confidence: Annotated[
        str | None,
        typer.Option(help='Checkpoint that ranks, not that of the recipe; "": the energy ranks.'),
    ] = None,
    steps: Steps = None,
    solver: Solver = None,
    grid: Grid = None,
    teleport: Teleport = None,
    checks: Annotated[
        bool, typer.Option(help="Judge each pose by the checks of PoseBusters.")
    ] = True,
    reference: Annotated[
        Path | None, typer.Option(help="Known poses, by name: tells the RMSD from them.")
    ] = None,
    waters: Annotated[bool, typer.Option("--waters", help="Keep the receptor's waters.")] = False,
    likelihood: Annotated[
        bool,
        typer.Option("--likelihood", help="Tell the model's log q of each pose: seconds each."),
    ] = False,
    probes: Probes = None,
    steer: Steer = None,
    steering: Steering = None,
    particles: Particles = None,
    seed: Seed = 0,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes for a library; one a processor."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the processor, for a single ligand.")] = 1,
    device: Device = "cpu",
) -> None:
    """Dock a ligand, or many, into a pocket: ranked and checked poses.

    Interrupted on a library, the same command goes on where it stopped.
    """
    from molgen.cli.progress import progress_bars
    from molgen.docking.likelihood import FLOW
    from molgen.docking.run import dock
    from molgen.steering import SteerPlan

    with progress_bars() as progress:
        done = dock(
            receptor,
            ligand,
            output=output,
            pocket=pocket,
            centre_nm=None if center is None else _numbers(center),
            residues=_words(residues),
            radius_nm=radius / 10,
            removed=_words(remove),
            hold=hold,
            hold_smarts=hold_smarts,
            covalent=covalent,
            attach=attach,
            model=model,
            poses=poses,
            keep=keep,
            apart_nm=min_rmsd / 10,
            search=search,
            scoring=scoring,
            confidence=confidence,
            steps=steps,
            solver=solver,
            grid=grid,
            teleport=teleport,
            checks=checks,
            reference=reference,
            waters=waters,
            seed=seed,
            jobs=jobs,
            threads=threads,
            device=device,
            steering=SteerPlan.of(steer, steering, particles),
            likelihood=FLOW.asked(likelihood, probes=probes),
            progress=progress,
        )
    _tell(done.remarks)
    _tell([f"not docked: {name}: {reason}" for name, reason in done.failures])
    show_poses(done.rows)
    typer.echo(output)


def _numbers(text: str) -> list[float]:
    """Å as written, in nm."""
    try:
        return [float(word) / 10 for word in text.replace(",", " ").split()]
    except ValueError:
        raise UsageError(
            f"--center {text}: give three numbers in Å, such as 12.5,-3,40.1"
        ) from None


def _words(text: str | None) -> list[str]:
    return [] if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _tell(lines: Sequence[str]) -> None:
    """Lines for the eye, on standard error."""
    for line in lines[:_SHOWN]:
        typer.echo(line, err=True)
    if len(lines) > _SHOWN:
        typer.echo(f"... and {len(lines) - _SHOWN} more in the files", err=True)


def show_poses(rows: Sequence[Mapping[str, str]]) -> None:
    """A table of poses, or of ligands by their best pose."""
    from molgen.docking.poses import MAIN
    from molgen.report.console import show, table_of

    heads = [head for head in ("place", *MAIN) if head in rows[0]]
    table = table_of(heads)
    for row in rows[:_SHOWN]:
        table.add_row(*(row[head] for head in heads))
    show(table)
    if len(rows) > _SHOWN:
        typer.echo(f"... and {len(rows) - _SHOWN} more in the files")
