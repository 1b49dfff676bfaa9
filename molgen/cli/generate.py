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
    system: Annotated[
        str, typer.Argument(help="A shipped system (`molgen list systems`) or a folder.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Frame folder.")],
    frames: Annotated[int | None, typer.Option(min=1, help="Frames to have at the end.")] = None,
    effective_samples: Annotated[
        float | None, typer.Option(min=0, help="Go on until every basin is known this well.")
    ] = None,
    engine: Annotated[
        Engine | None, typer.Option(help="Our tempered chains, or plain OpenMM as a check.")
    ] = None,
    forces: Annotated[bool | None, typer.Option("--forces", help="Write forces too.")] = None,
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
    from molgen.md.generate import generate
    from molgen.md.generate_options import generate_options
    from molgen.md.system import load_system

    changes: dict[str, Any] = {
        "frames": frames,
        "effective_samples": effective_samples,
        "engine": engine.value if engine else None,
        "keep_forces": forces,
        "device": device,
        "seed": seed,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    for text in set_ or ():
        if "." in text.partition("=")[0]:
            raise UsageError(f"--set {text}: expected key=value, such as groups=4")
        changes = override(changes, text)
    loaded = load_system(system)
    with progress_bars() as progress:
        generate(loaded, output, generate_options(loaded, **changes), progress)
    typer.echo(output)
