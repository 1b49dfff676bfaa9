"""`molgen data prepare-complexes` and `judge-poses`: what docking and confidence learn from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Seed


def prepare_complexes(
    folder: Annotated[
        Path,
        typer.Argument(help="Of NAME/*_protein.pdb (or _pocket.pdb) with NAME/*_ligand.sdf."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="An .npz.")],
    variants: Annotated[
        int, typer.Option(min=1, help="Conformers and cuts into fragments of each ligand.")
    ] = 8,
    radius: Annotated[float, typer.Option(min=1, help="Of the pockets, Å.")] = 15.0,
    seed: Seed = 0,
) -> None:
    """Prepare complexes for training; what cannot be used is listed in NAME.skipped.csv."""
    from molgen.cli.progress import progress_bars
    from molgen.docking.data.prepare import prepare
    from molgen.docking.data.system_set import SystemSet
    from molgen.errors import UsageError

    if output.suffix != ".npz":
        raise UsageError(f"{output}: complexes are written as .npz")
    output.parent.mkdir(parents=True, exist_ok=True)
    with progress_bars() as progress:
        skipped = prepare(
            folder, output, variants=variants, radius=radius / 10, seed=seed, progress=progress
        )
    _tell(output, output.with_suffix(".skipped.csv"), len(SystemSet.load(output)), skipped)


def judge_poses(
    folder: Annotated[
        Path,
        typer.Argument(help="Of NAME/*_protein.pdb (or _pocket.pdb) with NAME/*_ligand.sdf."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="A shipped name, a checkpoint, or a run folder.")
    ] = "docking",
    poses: Annotated[int, typer.Option(min=1, help="To draw of each ligand.")] = 24,
    search: Annotated[int, typer.Option(min=0, help="Monte Carlo steps of each chain.")] = 40,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Only those that the model did not train on.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Dock complexes whose pose is known, to train confidence; interrupted, it goes on."""
    from molgen import checkpoint
    from molgen.cli.progress import progress_bars
    from molgen.docking.data.judge_poses import judge_poses as judge
    from molgen.docking.data.pose_set import PoseSet
    from molgen.docking.dock import Docker
    from molgen.docking.options import DockTable
    from molgen.docking.task import held_out_of

    table = DockTable(poses=poses, steps=search, confidence="")
    found = checkpoint.load(model)
    with progress_bars() as progress:
        skipped = judge(
            Docker.load(model, table),
            folder,
            output,
            only=held_out_of(found) if held_out else None,
            weights=found.fingerprint,
            seed=seed,
            progress=progress,
        )
    _tell(output, output / "skipped.csv", len(PoseSet.load(output)), skipped)


def _tell(output: Path, table: Path, kept: int, skipped: Sequence[tuple[str, str]]) -> None:
    """What was made, and a table of what was not."""
    from molgen.docking.library.manifest import csv_text
    from molgen.files import write_text

    write_text(table, csv_text(("name", "reason"), skipped))
    for name, reason in skipped:
        typer.echo(f"skipped: {name}: {reason}", err=True)
    typer.echo(f"{kept} complexes, {len(skipped)} skipped")
    typer.echo(output)
