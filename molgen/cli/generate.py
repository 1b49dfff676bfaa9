"""`molgen md generate`: reference data of a system by its own force field."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from molgen.errors import UsageError


class Engine(StrEnum):
    """Who makes the frames."""

    molgen = "molgen"
    openmm = "openmm"


def generate(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Frame folder; of several peptides: one for each."),
    ],
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SYSTEM | PEPTIDE...]",
            help="A shipped system (`molgen list systems`), a folder, or peptide:KS; or several "
            "peptides, as KS AT Ac-A-NHMe.",
        ),
    ] = None,
    peptides: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Peptides, one a line; or a shipped list of them."),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Frames to have at the end, at the wanted temperature."),
    ] = None,
    effective_samples: Annotated[
        float | None, typer.Option(min=0, help="Go on until every basin is known this well.")
    ] = None,
    engine: Annotated[
        Engine | None, typer.Option(help="Our tempered chains, or plain OpenMM as a check.")
    ] = None,
    forces: Annotated[bool | None, typer.Option("--forces", help="Write forces too.")] = None,
    all_levels: Annotated[
        bool | None,
        typer.Option("--all-levels", help="Write the frames of every temperature, too."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all random numbers.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other option; may be repeated."),
    ] = None,
) -> None:
    """Generate equilibrium frames and energies until targets are met; run again to continue."""
    from molgen.cli.progress import progress_bars
    from molgen.config_layers import override
    from molgen.md.data.generate import generate
    from molgen.md.data.generate_options import generate_options
    from molgen.md.peptides.data import read_peptides
    from molgen.md.peptides.generate import generate_peptides
    from molgen.md.system import load_system

    names = list(systems or ())
    if bool(names) == bool(peptides):
        raise UsageError("generate: name a system, or peptides, or a file of them by --peptides")
    changes: dict[str, Any] = {
        "frames": frames,
        "effective_samples": effective_samples,
        "engine": engine.value if engine else None,
        "keep_forces": forces,
        "all_levels": all_levels,
        "device": device,
        "seed": seed,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    for text in set_ or ():
        if "." in text.partition("=")[0]:
            raise UsageError(f"--set {text}: expected key=value, such as groups=4")
        changes = override(changes, text)
    with progress_bars() as progress:
        if len(names) == 1:
            loaded = load_system(names[0])
            generate(loaded, output, generate_options(loaded, **changes), progress)
        else:
            wanted = read_peptides(peptides or names)
            generate_peptides(wanted, output, changes, progress, typer.echo)
    typer.echo(output)
