"""Files of macromolecules (PDB, mmCIF; packed or not) to gemmi's structure."""

import gzip
from pathlib import Path

import gemmi

from molgen.chem.residues import RENAMED, WATERS
from molgen.errors import UsageError

_PDB = {".pdb", ".ent", ".brk"}
_CIF = {".cif", ".mmcif", ".pdbx"}

# The format has three columns for the name of a residue; these programs write four, and the fourth
# would be read as a part of the chain's name.
_LONG = {name: RENAMED.get(name, "HOH") for name in {*RENAMED, *WATERS} if len(name) == 4}


def read_structure(path: str | Path) -> gemmi.Structure:
    """The structure as it stands in a PDB or mmCIF file: all models, lengths in Å.

    Raises:
        UsageError: no such file, another kind of file, or one without atoms.
    """
    path = Path(path)
    packed = path.suffix.lower() == ".gz"
    kind = Path(path.stem if packed else path.name).suffix.lower()
    if kind not in _PDB | _CIF:
        raise UsageError(f"{path}: a receptor is read from .pdb, .ent or .cif (or those with .gz)")
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if packed else content).decode("utf-8", "replace")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, EOFError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    if not text.strip():
        raise UsageError(f"{path}: is empty")
    try:
        structure = _from_pdb(text) if kind in _PDB else _from_cif(text)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path}: is not a structure that can be read: {reason}") from error
    if not len(structure) or not structure[0].count_atom_sites():
        records = "ATOM or HETATM records" if kind in _PDB else "_atom_site loop"
        raise UsageError(f"{path}: holds no atoms (no {records})")
    return structure


def _from_pdb(text: str) -> gemmi.Structure:
    lines = text.splitlines()
    for k, line in enumerate(lines):
        if line.startswith(("ATOM", "HETATM")) and (short := _LONG.get(line[17:21])):
            lines[k] = f"{line[:17]}{short} {line[21:]}"
    return gemmi.read_pdb_string("\n".join(lines) + "\n")


def _from_cif(text: str) -> gemmi.Structure:
    document = gemmi.cif.read_string(text)
    block = next((one for one in document if one.find_loop("_atom_site.Cartn_x")), None)
    return gemmi.make_structure_from_block(block) if block else gemmi.Structure()
