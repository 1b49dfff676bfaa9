"""`molgen list`: what can be named on the command line."""

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What to list."""

    systems = "systems"
    recipes = "recipes"
    checkpoints = "checkpoints"


def list_shipped(
    kind: Annotated[Kind | None, typer.Argument(help="All three, if left out.")] = None,
) -> None:
    """List the systems, recipes and checkpoints that come with molgen."""
    for one in Kind if kind is None else (kind,):
        if kind is None:
            typer.echo(f"{one.value}:")
        listed = described(one)
        width = max((len(name) for name, _ in listed), default=0)
        for name, description in listed:
            indent = "  " if kind is None else ""
            typer.echo(f"{indent}{name:<{width}}  {description}".rstrip())


def described(kind: Kind) -> list[tuple[str, str]]:
    """Names of a kind, each with the `description` its file gives."""
    from molgen import toml
    from molgen.resources import names, shipped

    folder = {"recipes": "simulations"}.get(kind.value, kind.value)
    file = {"recipes": "{}.toml", "systems": "{}/system.toml", "checkpoints": "{}/config.toml"}
    return [
        (
            name,
            str(toml.read(shipped(folder) / file[kind.value].format(name)).get("description", "")),
        )
        for name in names(folder)
    ]
