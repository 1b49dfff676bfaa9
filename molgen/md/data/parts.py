"""A long run on disk: whole parts, and a restart file that says how many of them count.

Each flush writes `part-N.npz`, then `restart.npz`, which says that parts 0..N are complete and
holds whatever continues the run right after them. A run that died anywhere in between goes on from
`restart.npz`; what came later is dropped, to be made again.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from molgen.arrays import Array, read_arrays, write_arrays
from molgen.errors import MolgenError
from molgen.md.data.dataset import part_path

RESTART = "restart.npz"
COUNT = "run.parts"
"""Name in the restart file of the number of parts."""


def commit(folder: Path, parts: int, arrays: Mapping[str, Array]) -> None:
    """Write the restart file: `parts` parts are complete, and `arrays` continue the run."""
    write_arrays(folder / RESTART, {**arrays, COUNT: np.array(parts)})


def committed(folder: Path) -> tuple[int, dict[str, Array]] | None:
    """The number of parts and the arrays of the last commit; None if there was none yet.

    Removes what an interrupted run left behind: parts that no restart file counts, temporary files.

    Raises:
        MolgenError: a part that it counts is gone.
        UsageError: the restart file is damaged.
    """
    arrays = read_arrays(folder / RESTART) if (folder / RESTART).exists() else None
    parts = 0 if arrays is None else int(arrays.pop(COUNT))
    for number in range(parts):
        if not part_path(folder, number).is_file():
            raise MolgenError(f"{part_path(folder, number)}: is missing; start a new folder")
    for path in folder.glob(".*.tmp"):
        path.unlink()
    for path in folder.glob("part-*.npz"):
        if int(path.stem.split("-")[1]) >= parts:
            path.unlink()
    return None if arrays is None else (parts, arrays)
