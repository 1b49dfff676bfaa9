"""A prepared data set on disk: graphs for training and for testing, and where they came from.

train.npz, test.npz     GraphSets; valid.npz beside them in sets of graphs without chemistry
train.smi, test.smi     molecules only: canonical SMILES without stereo, one for each graph
skipped.csv             lines of the source that are in neither, with their reason
meta.json               provenance, split, counts, checksums; written last
"""

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from molgen.errors import UsageError
from molgen.files import (
    RUN_FILE,
    claim_folder,
    locked,
    read_json,
    write_json,
    write_text,
    written_whole,
)
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.leaks import Leaks
from molgen.resources import find

FORMAT = 1
KIND = "graph data"
META = "meta.json"
SKIPPED = "skipped.csv"

SkippedLine = tuple[str, int, str, str]
"""File, line from 1, text, reason."""


@dataclass(frozen=True)
class DataFolder:
    """A data set that `write_data` wrote.

    Attributes:
        folder: Where it is.
        meta: Content of meta.json.
    """

    folder: Path
    meta: Mapping[str, Any]

    @classmethod
    def open(cls, name_or_path: str | Path) -> "DataFolder":
        """The data set of this name (shipped or prepared) or at this path.

        Raises:
            UsageError: nothing there, or of another format.
        """
        folder = find("data", name_or_path)
        if not (folder / META).is_file():
            raise UsageError(f"{folder}: no prepared data here ({META} is missing)")
        meta = read_json(folder / META)
        if meta.get("kind") != KIND or meta.get("format") != FORMAT:
            raise UsageError(
                f"{folder / META}: is not graph data of format {FORMAT}; prepare it again"
            )
        return cls(folder, meta)

    @cached_property
    def train(self) -> GraphSet:
        """Graphs to train on."""
        return self.part("train")

    @cached_property
    def test(self) -> GraphSet:
        """Graphs that no model may have seen."""
        return self.part("test")

    @property
    def summary(self) -> str:
        """Counts in one line."""
        counts = ", ".join(f"{count} {part}" for part, count in self.meta["counts"].items())
        if "leaks" in self.meta:
            return f"{self.meta['name']}: {counts}; {Leaks(**self.meta['leaks'])}"
        read = self.meta.get("read", {}).values()
        skipped = sum(sum(file["skipped"].values()) for file in read)
        dropped = [file["stereo dropped"] for file in read if "stereo dropped" in file]
        stereo = f"stereo of {sum(dropped)} dropped; " if dropped else ""
        atoms = ", ".join(self.meta["vocabulary"]["atoms"]) if "vocabulary" in self.meta else "-"
        return f"{self.meta['name']}: {counts}; {skipped} lines skipped; {stereo}atoms: {atoms}"

    def part(self, name: str) -> GraphSet:
        """The graphs of `train`, `test` or another part that meta.json counts.

        Raises:
            UsageError: no such part, or its file is not the one that was written.
        """
        return GraphSet.load(self._checked(f"{name}.npz"))

    def smiles(self, part: str) -> list[str]:
        """Canonical SMILES of a part's molecules, without stereo, in the order of its graphs."""
        return self._checked(f"{part}.smi").read_text().split()

    def _checked(self, name: str) -> Path:
        path = self.folder / name
        if name not in self.meta["crc32"]:
            raise UsageError(f"{self.folder}: holds no {name}")
        if not path.is_file():
            raise UsageError(f"{path}: is missing; prepare the data again")
        if zlib.crc32(path.read_bytes()) != self.meta["crc32"][name]:
            raise UsageError(f"{path}: is not what was prepared here; prepare the data again")
        return path


@contextmanager
def claimed(folder: Path, identity: Mapping[str, Any]) -> Iterator[bool]:
    """Hold a folder for one data set; whether `write_data` has still to fill it.

    A preparation that failed or was killed left nothing of worth: another may take its place.

    Args:
        folder: made if missing.
        identity: JSON-able; what makes two data sets the same.

    Raises:
        UsageError: the folder holds something else, or another process writes there.
    """
    identity = {"kind": KIND, **identity}
    record = folder / RUN_FILE
    if record.exists() and not (folder / META).exists() and read_json(record).get("kind") == KIND:
        with locked(folder):
            write_json(record, identity)
    claim_folder(folder, identity)
    with locked(folder):
        yield not (folder / META).exists()


def write_data(
    folder: Path,
    parts: Mapping[str, GraphSet],
    meta: Mapping[str, Any],
    *,
    smiles: Mapping[str, Sequence[str]] | None = None,
    skipped: Sequence[SkippedLine] = (),
) -> None:
    """Fill a folder, meta.json last.

    Args:
        folder: `claimed` by the caller.
        parts: `train`, `test`, perhaps more.
        meta: What meta.json says of the origin; counts and checksums are added here.
        smiles: Of the molecules of each part.
        skipped: Lines of the source that are in no part.
    """
    names = []
    for part, graphs in parts.items():
        graphs.save(folder / f"{part}.npz")
        names.append(f"{part}.npz")
    for part, lines in (smiles or {}).items():
        write_text(folder / f"{part}.smi", "".join(f"{line}\n" for line in lines))
        names.append(f"{part}.smi")
    write_skipped(folder, skipped)
    content = {
        "kind": KIND,
        "format": FORMAT,
        **meta,
        "counts": {part: len(graphs) for part, graphs in parts.items()},
        "sizes": {
            part: {str(n): int(k) for n, k in enumerate(graphs.size_histogram()) if k}
            for part, graphs in parts.items()
        },
        "crc32": {name: zlib.crc32((folder / name).read_bytes()) for name in names},
    }
    write_json(folder / META, content)


def write_skipped(folder: Path, skipped: Sequence[SkippedLine]) -> None:
    """Write skipped.csv whole."""
    with (
        written_whole(folder / SKIPPED) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as handle,
    ):
        writer = csv.writer(handle)
        writer.writerow(["file", "line", "text", "reason"])
        writer.writerows(skipped)
