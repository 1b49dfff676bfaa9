"""A file of SMILES to a data set (see `molgen.graphs.data.folder`), split as the field does it."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import molgen
from molgen.chem.properties import PROPERTIES
from molgen.chem.reading import Reading, Skipped, TooManySkipped, read_molecules
from molgen.chem.smiles_files import Row, smiles_rows
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError
from molgen.graphs.data.folder import SKIPPED, SkippedLine, claimed, write_data, write_skipped
from molgen.graphs.data.generic import GENERIC
from molgen.graphs.data.graph_set import GraphSet, meta_of
from molgen.graphs.data.known import KNOWN, package_files
from molgen.graphs.data.split import read_test_rows
from molgen.resources import did_you_mean, user_data

Progress = Callable[[str, int, int], None]
"""Called now and then: (stage, done, target)."""


@dataclass(frozen=True)
class PrepareOptions:
    """How molecules become a data set.

    Attributes:
        test_share: Share of the molecules drawn at random for testing, where neither test rows
            nor a second file nor a known set says how many.
        seed: Of that draw.
        aromatic: Aromatic bonds explicit, instead of kekulised molecules.
        at_least: Atom types that occur less often are left out, with their molecules.
        max_atoms: Molecules with more heavy atoms are left out.
        column: The SMILES of a .csv or .tsv; `smiles` or `canonical_smiles` if None.
        properties: Labels to compute, names of `molgen.chem.properties.PROPERTIES`.
    """

    test_share: float = 0.1
    seed: int = 0
    aromatic: bool = False
    at_least: int = 1
    max_atoms: int | None = None
    column: str | None = None
    properties: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.properties:
            if name not in PROPERTIES:
                raise UsageError(
                    f"no property named '{name}'{did_you_mean(name, PROPERTIES)} "
                    f"(there are: {', '.join(PROPERTIES)})"
                )
        if not 0 < self.test_share < 1:
            raise UsageError(f"test share {self.test_share:g}: must be between 0 and 1")


@dataclass(frozen=True)
class _Source:
    """Rows of one or more files that are read as one."""

    name: str
    crc32: int
    rows: list[Row]

    @property
    def identity(self) -> dict[str, Any]:
        return {"file": self.name, "crc32": self.crc32}


def prepare(
    name_or_path: str,
    folder: Path | None = None,
    *,
    source: Path | None = None,
    test: Path | None = None,
    test_rows: Path | None = None,
    options: PrepareOptions | None = None,
    allowed: float = 0.05,
    progress: Progress | None = None,
) -> Path:
    """The folder of a data set, made from SMILES; at once if it is there already.

    Args:
        name_or_path: `qm9`, `zinc250k`, `moses`, or a file of SMILES.
        folder: Where to put it; by default under the set's name in the user's data directory,
            where training finds it by that name.
        source: The file of a known set; without it, an installed package that carries the set.
        test: A second file, of the test molecules.
        test_rows: JSON list of the rows for testing, from 0 (or a table with such a `valid_idxs`).
        options: Everything else that decides what is made.
        allowed: Share of lines that may be skipped.
        progress: Told how far it is.

    Raises:
        UsageError: a file cannot be used, or the folder holds something else.
    """
    options = options or PrepareOptions()
    if test is not None and test_rows is not None:
        raise UsageError("test molecules: a second file or rows of the first, not both")
    name, files = _files(name_or_path, source)
    if test is not None:
        files["test"] = [test]
    sources = {part: _source(name, paths, options.column) for part, paths in files.items()}
    chosen = None
    if test_rows is not None:
        chosen = read_test_rows(test_rows, sources["train"].rows, sources["train"].name)
    folder = folder or user_data() / name
    split = _split(name, sources, test_rows, chosen, options)
    identity = {
        "name": name,
        "source": sources["train"].identity,
        "split": split,
        "options": asdict(options),
    }
    with claimed(folder, identity) as to_fill:
        if to_fill:
            try:
                parts = _parts(sources, chosen, split, options, allowed, progress)
            except TooManySkipped as error:
                write_skipped(folder, _lines(error.where, error.skipped))
                raise UsageError(f"{error}; all of them: {folder / SKIPPED}") from None
            _write(folder, sources, identity, parts)
    return folder


def _files(name_or_path: str, source: Path | None) -> tuple[str, dict[str, list[Path]]]:
    """Name of the set, and its files: all in `train`, or some in `test`."""
    if name_or_path in KNOWN:
        return name_or_path, package_files(name_or_path) if source is None else {"train": [source]}
    path = Path(name_or_path)
    if source is not None:
        raise UsageError(
            f"'{name_or_path}' is not a known set ({', '.join(KNOWN)}), so it takes no --from"
        )
    if not path.exists():
        names = (*KNOWN, *GENERIC)
        hint = did_you_mean(name_or_path, names) or f" (known sets: {', '.join(names)})"
        raise UsageError(f"{name_or_path}: no such file or known set{hint}")
    return path.name.partition(".")[0], {"train": [path]}


def _source(name: str, paths: Sequence[Path], column: str | None) -> _Source:
    read = KNOWN[name].read if name in KNOWN and len(paths) > 1 else None
    rows = [row for path in paths for row in (read(path) if read else smiles_rows(path, column))]
    crc32 = 0
    for path in paths:
        crc32 = zlib.crc32(path.read_bytes(), crc32)
    return _Source(", ".join(path.name for path in paths), crc32, rows)


def _split(
    name: str,
    sources: Mapping[str, _Source],
    test_rows: Path | None,
    chosen: NDArray[np.int64] | None,
    options: PrepareOptions,
) -> dict[str, Any]:
    """How the test molecules are chosen, as it is recorded."""
    if "test" in sources:
        return {"kind": "file", **sources["test"].identity}
    if test_rows is not None and chosen is not None:
        crc32 = zlib.crc32(chosen.astype("<i8").tobytes())
        return {"kind": "rows", "file": test_rows.name, "crc32": crc32, "count": len(chosen)}
    known = KNOWN.get(name)
    size = {"share": options.test_share} if known is None else {"count": known.test}
    return {"kind": "random", "seed": options.seed, **size}


@dataclass(frozen=True)
class _Part:
    """One part of the split: which molecules of what was read."""

    reading: Reading
    chosen: NDArray[np.int64]


def _parts(
    sources: Mapping[str, _Source],
    chosen: NDArray[np.int64] | None,
    split: Mapping[str, Any],
    options: PrepareOptions,
    allowed: float,
    progress: Progress | None,
) -> dict[str, _Part]:
    """The molecules of each part of the split."""

    def read(source: _Source, vocabulary: Vocabulary | None) -> Reading:
        return read_molecules(
            source.rows,
            where=source.name,
            vocabulary=vocabulary,
            aromatic=options.aromatic,
            at_least=options.at_least,
            max_atoms=options.max_atoms,
            allowed=allowed,
            properties={key: PROPERTIES[key] for key in options.properties},
            progress=progress,
        )

    reading = read(sources["train"], None)
    count = len(reading.graphs)
    if "test" in sources:
        second = read(sources["test"], reading.vocabulary)
        return {
            "train": _Part(reading, np.arange(count)),
            "test": _Part(second, np.arange(len(second.graphs))),
        }
    if chosen is not None:
        testing = np.isin(reading.rows, chosen)
    else:
        size = split.get("count") or max(1, round(split["share"] * count))
        order = np.random.default_rng(split["seed"]).permutation(count)
        testing = np.isin(np.arange(count), order[:size])
    if testing.all() or not testing.any():
        raise UsageError(
            f"{sources['train'].name}: of {count} molecules {testing.sum()} would be for testing; "
            "there must be some for training and some for testing"
        )
    return {
        "train": _Part(reading, np.flatnonzero(~testing)),
        "test": _Part(reading, np.flatnonzero(testing)),
    }


def _write(
    folder: Path,
    sources: Mapping[str, _Source],
    identity: Mapping[str, Any],
    parts: Mapping[str, _Part],
) -> None:
    vocabulary = parts["train"].reading.vocabulary
    origin = {key: identity[key] for key in ("name", "source", "split")}
    readings = {name: parts[name].reading for name in sources}
    sets = {}
    for name, part in parts.items():
        graphs = [part.reading.graphs[k] for k in part.chosen]
        sets[name] = GraphSet.of(
            ((graph.atoms, graph.bonds) for graph in graphs),
            labels={key: values[part.chosen] for key, values in part.reading.labels.items()},
            meta={**meta_of(vocabulary), "part": name, **origin},
        )
    write_data(
        folder,
        sets,
        {
            **origin,
            "options": identity["options"],
            "molgen": molgen.__version__,
            "vocabulary": vocabulary.to_dict(),
            "atoms": {
                name: _tally(vocabulary.to_dict()["atoms"], graphs.nodes)
                for name, graphs in sets.items()
            },
            "bonds": {
                name: _tally(vocabulary.bonds, graphs.edges) for name, graphs in sets.items()
            },
            "read": {
                name: {
                    "file": sources[name].name,
                    "lines": reading.lines,
                    "molecules": len(reading.graphs),
                    "skipped": reading.skipped_by_kind,
                    "stereo dropped": reading.with_stereo,
                    "isotopes dropped": reading.with_isotopes,
                }
                for name, reading in readings.items()
            },
        },
        smiles={
            name: [part.reading.smiles[k] for k in part.chosen] for name, part in parts.items()
        },
        skipped=[
            line
            for name, reading in readings.items()
            for line in _lines(sources[name].name, reading.skipped)
        ],
    )


def _lines(file: str, skipped: Sequence[Skipped]) -> list[SkippedLine]:
    return [(file, one.line, one.text, one.reason) for one in skipped]


def _tally(names: Sequence[str], types: NDArray[np.int8]) -> dict[str, int]:
    return dict(zip(names, np.bincount(types, minlength=len(names)).tolist(), strict=True))
