"""Ligands to dock from whatever a user has: a SMILES, a file of one or many, a folder of files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from molgen.chem.ligand import Ligand, Unreadable, read_ligand, read_ligands
from molgen.chem.ligand_records import is_ligand_file
from molgen.errors import UsageError


def read_library(source: str | Path) -> Iterator[Ligand | Unreadable]:
    """Each ligand in order, all of different names; what is none is given with its reason.

    Args:
        source: A SMILES; a file, see `read_ligands`; or a folder of such files, which are taken by
            the alphabet, and of which one that cannot be read is one ligand that is none.

    Raises:
        UsageError: it is none of these, or holds no ligand.
    """
    path = Path(source)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError):  # a SMILES longer than a name may be
        is_folder = is_file = False
    if is_folder:
        yield from _folder(path)
    elif is_file or isinstance(source, Path) or is_ligand_file(source):
        yield from read_ligands(path)
    else:
        yield read_ligand(source)


def library_files(source: str | Path) -> list[Path]:
    """The files that `read_library` reads: none for a SMILES."""
    path = Path(source)
    try:
        if path.is_dir():
            return sorted(file for file in path.iterdir() if is_ligand_file(file))
        return [path] if path.is_file() else []
    except (OSError, ValueError):
        return []


def _folder(folder: Path) -> Iterator[Ligand | Unreadable]:
    files = library_files(folder)
    if not files:
        raise UsageError(f"{folder}: holds no file of ligands (.sdf, .mol, .mol2, .smi, .csv)")
    taken: set[str] = set()
    for file in files:
        try:
            for found in read_ligands(file):
                yield _renamed(found, taken)
        except UsageError as error:
            yield _renamed(Unreadable(file.stem, str(error)), taken)


def _renamed(found: Ligand | Unreadable, taken: set[str]) -> Ligand | Unreadable:
    """The same by a name that is not taken yet."""
    name, count = found.name, 1
    while name in taken:
        count += 1
        name = f"{found.name}_{count}"
    taken.add(name)
    if count == 1:
        return found
    if isinstance(found, Unreadable):
        return replace(found, name=name)
    note = f"another file has a {found.name} too: this one is called {name}"
    return replace(found, name=name, notes=(*found.notes, note))
