"""What a recipe is read from: its file, over the file it is based on, under the command line."""

import copy
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molgen import toml
from molgen.errors import UsageError
from molgen.resources import find


def with_base(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The tables of a recipe file over those of the recipe it calls its `base`.

    `base` is a path beside the file or a shipped name; name and description are each recipe's own.
    """
    tables = toml.read(path)
    base = tables.pop("base", None)
    if base is None:
        return tables
    if not isinstance(base, str):
        raise UsageError(f"{path}: base = {base!r}: input should be the name or path of a recipe")
    beside = path.parent / base
    lower = beside if beside.is_file() else find("simulations", base)
    if lower.resolve() in (path.resolve(), *above):
        raise UsageError(f"{path}: base = '{base}' leads back to a recipe that is based on it")
    inherited = with_base(lower, (path.resolve(), *above))
    for own in ("name", "description"):
        inherited.pop(own, None)
    return merge(inherited, tables)


def override(tables: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A copy of nested tables with one `table.key=value` applied.

    Raises:
        UsageError: no `=`, or the path does not lead into a table or list.
    """
    path, equals, value = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise UsageError(f"--set {text}: expected table.key=value, such as train.steps=100")
    changed: dict[str, Any] = copy.deepcopy(dict(tables))
    where: Any = changed
    try:
        for key in keys[:-1]:
            where = where[int(key)] if isinstance(where, list) else where.setdefault(key, {})
        last = int(keys[-1]) if isinstance(where, list) else keys[-1]
        where[last] = _plain_value(value.strip())
    except (ValueError, IndexError, TypeError, AttributeError):
        raise UsageError(f"--set {text}: '{path}' leads to nothing in the recipe") from None
    return changed


def _plain_value(text: str) -> Any:
    """TOML's reading of a value; a bare word is a string, so a shell needs no extra quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def merge(tables: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Tables with changes laid over them: tables merge key by key, anything else is replaced.

    So is a table of another `kind`, whose keys mean nothing to the new one. Entries of a list are
    changed by their number, `[loss.1]`, as in `override`.
    """
    merged = dict(tables)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            same = value.get("kind") in (None, old.get("kind"))
            merged[key] = merge(old, value) if same else dict(value)
        elif isinstance(value, Mapping) and isinstance(old, list):
            numbered = {str(number): entry for number, entry in enumerate(old)}
            for number in value:
                if number not in numbered:
                    raise UsageError(f"[{key}.{number}]: {key} has {len(old)} entries, from 0")
            merged[key] = list(merge(numbered, value).values())
        else:
            merged[key] = value
    return merged
