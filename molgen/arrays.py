"""Named numpy arrays on disk: npz files, written whole and read without pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molgen.errors import UsageError
from molgen.files import written_whole

Array = NDArray[Any]


def write_arrays(path: Path, arrays: Mapping[str, Array], compressed: bool = False) -> None:
    """Named arrays as npz, written whole; the same arrays give the same bytes."""
    save = np.savez_compressed if compressed else np.savez
    with written_whole(path) as temporary, open(temporary, "wb") as handle:
        save(handle, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an npz file, without pickle.

    Raises:
        UsageError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except Exception as error:  # zipfile, numpy and OS errors of a damaged file
        raise UsageError(f"{path}: is damaged: {error}") from error
