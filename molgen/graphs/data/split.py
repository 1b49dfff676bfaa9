"""Which rows of a file are for testing, as published splits list them."""

import json
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molgen.chem.smiles_files import Row
from molgen.errors import UsageError
from molgen.files import read_json


def read_test_rows(path: Path, rows: Sequence[Row], where: str) -> NDArray[np.int64]:
    """The row numbers, from 0, that a JSON list names; they may be strings with leading zeros.

    Args:
        path: .json or .json.xz: a list, or a table whose first entry is one.
        rows: there are.
        where: they were read, for messages.

    Raises:
        UsageError: the file is no such list, or names rows that are not there.
    """
    if path.suffix == ".xz":
        try:
            content = json.loads(lzma.open(path, "rt").read())
        except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
            raise UsageError(f"{path}: cannot be read: {error}") from error
    else:
        content = read_json(path)
    if isinstance(content, dict):
        content = next(iter(content.values()), [])
    try:
        named = np.unique([int(row) for row in content])
    except (TypeError, ValueError):
        raise UsageError(f"{path}: is no list of row numbers") from None
    last = max((row.row for row in rows), default=-1)
    if not len(named) or named[0] < 0 or named[-1] > last:
        raise UsageError(
            f"{path}: rows from {named.min(initial=0)} to {named.max(initial=0)}, but "
            f"{where} has rows 0 to {last}"
        )
    return named
