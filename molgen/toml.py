"""TOML in and out: tables of plain values, as recipes and systems are written."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molgen.errors import UsageError


def read(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        UsageError: the file is missing or not TOML; the line is named.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name a .toml file in it") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file ({error.reason})") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None


def dumps(tables: Mapping[str, Any]) -> str:
    """TOML text of nested tables, less entries of None; `tomllib.loads` gives the same back."""
    return "\n".join(_lines(tables, ())).strip() + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """Plain values first, then sub-tables, then arrays of tables, as TOML's order demands."""
    lines = [
        f"{_key(key)} = {_value(value)}"
        for key, value in table.items()
        if value is not None and not isinstance(value, Mapping) and not _is_tables(value)
    ]
    for key, value in table.items():
        name = ".".join(_key(part) for part in (*path, key))
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", *_lines(value, (*path, key))]
        elif _is_tables(value):
            for entry in value:
                lines += ["", f"[[{name}]]", *_lines(entry, (*path, key))]
    return lines


def _is_tables(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(entry, Mapping) for entry in value)
    )


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)  # repr of a float gives the same float back, inf and nan included
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return "{" + inner + "}"
    raise TypeError(f"no TOML for {type(value).__name__}: {value!r}")
