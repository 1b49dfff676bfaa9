"""Files of ligands (SDF, MOL2, SMILES, tables) record by record, before anything is judged."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from rdkit import Chem, rdBase

from molgen.chem.mol2 import molecule_of_mol2
from molgen.chem.smiles_files import smiles_rows
from molgen.errors import UsageError

_UNPACK: dict[str, Callable[..., IO[Any]]] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
}
_SDF = {".sdf", ".sd", ".mol"}
_MOL2 = {".mol2"}
_SMILES = {".smi", ".smiles", ".csv", ".tsv", ".txt"}
_MOL2_START = "@<TRIPOS>MOLECULE"


class Record(NamedTuple):
    """One molecule of a file as it stands there.

    Attributes:
        number: Counted from 1 (rows of a table without its header).
        name: Perhaps nothing.
        molecule: Sanitised; or why there is none.
    """

    number: int
    name: str
    molecule: Chem.Mol | str


def is_ligand_file(source: str | Path) -> bool:
    """Whether the name ends as that of a file of ligands does."""
    return _kind(Path(source)) in _SDF | _MOL2 | _SMILES


def records(path: Path) -> Iterator[Record]:
    """Each record of a file of ligands, one at a time.

    Raises:
        UsageError: the file cannot be read, or is no file of ligands.
    """
    kind = _kind(path)
    if kind in _SMILES:
        for row in smiles_rows(path):
            if row.text or row.name:
                yield Record(
                    row.row + 1, row.name, parsed_smiles(row.text) if row.text else "no SMILES"
                )
        return
    if kind not in _SDF | _MOL2:
        raise UsageError(f"{path}: ligands are read from .sdf, .mol, .mol2, .smi, .csv or .tsv")
    split, parse = (_sdf_blocks, _parsed_sdf) if kind in _SDF else (_mol2_blocks, _parsed_mol2)
    try:
        unpack = _UNPACK.get(path.suffix.lower(), open)
        with unpack(path, "rt", encoding="utf-8-sig", errors="replace") as handle:
            for number, block in enumerate(split(handle), 1):
                yield Record(number, _title(block, kind), parse("".join(block)))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


def parsed_smiles(text: str) -> Chem.Mol | str:
    """The sanitised molecule of a SMILES, or why there is none."""
    return _parsed(lambda sanitize: Chem.MolFromSmiles(text, sanitize=sanitize), "a SMILES")


def _kind(path: Path) -> str:
    return Path(path.stem if path.suffix.lower() in _UNPACK else path.name).suffix.lower()


def _sdf_blocks(lines: IO[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        if line.startswith("$$$$"):
            yield block
            block = []
        else:
            block.append(line)
    if any(line.strip() for line in block):  # a .mol file, or an end that is missing
        yield block


def _mol2_blocks(lines: IO[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        if line.startswith(_MOL2_START) and block:
            yield block
            block = []
        if block or line.startswith(_MOL2_START):
            block.append(line)
    if block:
        yield block


def _title(block: list[str], kind: str) -> str:
    line = 0 if kind in _SDF else 1
    return block[line].strip() if len(block) > line else ""


def _parsed_sdf(text: str) -> Chem.Mol | str:
    return _parsed(
        lambda sanitize: Chem.MolFromMolBlock(text, sanitize=sanitize),
        "a readable MOL block (V2000 or V3000)",
    )


def _parsed_mol2(text: str) -> Chem.Mol | str:
    return _parsed(lambda sanitize: molecule_of_mol2(text, sanitize), "a readable MOL2 record")


def _parsed(parse: Callable[[bool], Chem.Mol | None], what: str) -> Chem.Mol | str:
    """What `parse` makes of a record, or why nothing: unsanitised, it tells the chemistry."""
    with rdBase.BlockLogs():
        molecule = parse(True)
        if molecule is not None:
            return molecule
        raw = parse(False)
        if raw is None:
            return f"not {what}"
        try:
            Chem.SanitizeMol(raw)
        except Chem.MolSanitizeException as error:
            return " ".join(f"impossible chemistry: {error}".split())
    return "impossible chemistry"
