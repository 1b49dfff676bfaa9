"""Text files with one SMILES a row: plain, with names, or a column of a table; packed or not."""

import bz2
import csv
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from molgen.errors import UsageError

_PACKED: dict[str, Callable[..., IO[Any]]] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
}
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_COLUMNS = ("smiles", "canonical_smiles")  # looked for in this order, whatever the case
_NAMES = ("name", "title", "id")


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        row: Counted from 0; a header is no row.
        line: Counted from 1, as an editor does.
        text: The SMILES, or nothing where the row is empty.
        name: What stands behind the SMILES, or in a column name, title or id; perhaps nothing.
    """

    row: int
    line: int
    text: str
    name: str = ""


def smiles_rows(path: str | Path, column: str | None = None) -> list[Row]:
    """Every row of a file of SMILES; empty ones too, save those at the end.

    Args:
        path: One SMILES a line, a name behind it if there is one; or .csv, .tsv with a header;
            either may be packed (.gz, .xz, .bz2).
        column: Of a .csv or .tsv; `smiles` or `canonical_smiles`, in any case, if None.

    Raises:
        UsageError: the file cannot be read, or has no such column.
    """
    path = Path(path)
    unpack = _PACKED.get(path.suffix, open)
    kind = Path(path.stem).suffix if path.suffix in _PACKED else path.suffix
    if column is not None and kind not in _DELIMITERS:
        raise UsageError(f"{path}: has no columns to choose from; .csv and .tsv have")
    try:
        with unpack(path, "rt", encoding="utf-8-sig", newline="") as handle:
            if kind in _DELIMITERS:
                found = list(_table_rows(handle, _DELIMITERS[kind], column, path))
            else:
                found = [(n, *_words(line)) for n, line in enumerate(handle, 1)]
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    while found and not any(found[-1][1:]):
        found.pop()
    return [Row(row, *one) for row, one in enumerate(found)]


def _words(line: str) -> tuple[str, str]:
    """The SMILES of a line, and the name behind it."""
    text, *rest = line.split(maxsplit=1) or [""]
    return text, rest[0].strip() if rest else ""


def _table_rows(
    handle: Iterable[str], delimiter: str, column: str | None, path: Path
) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(handle, delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    lower = [name.lower() for name in header]
    wanted = _COLUMNS if column is None else (column,)
    names = header if column is not None else lower
    place = next((names.index(name) for name in wanted if name in names), None)
    if place is None and header:
        raise UsageError(
            f"{path}: no column named {' or '.join(wanted)}; there are: {', '.join(header)} "
            "(choose with --column)"
        )
    naming = next((lower.index(name) for name in _NAMES if name in lower), None)
    for row in reader:
        text, name = (
            row[k].strip() if k is not None and k < len(row) else "" for k in (place, naming)
        )
        yield reader.line_num, text, name
