"""Crystal complexes that come with a package molgen needs, so that they are always there."""

from importlib.util import find_spec
from pathlib import Path

from molgen.errors import MolgenError

EXAMPLES = ("1ia1", "1of6", "1s3v", "1uou")
"""PDB codes."""


def example_complex(name: str) -> tuple[Path, Path]:
    """Files of a protein (PDB) and of its ligand (SDF), from the package posebusters.

    Raises:
        MolgenError: they are not there.
    """
    package = find_spec("posebusters")  # importing it would take seconds
    if package is None or package.origin is None:
        raise MolgenError("the example complexes come with posebusters: pip install posebusters")
    folder = Path(package.origin).parent / "datasets" / "pdb" / name
    files = folder / f"{name}_protein_one_lig_removed.pdb", folder / f"{name}_ligand.sdf"
    for file in files:
        if not file.is_file():
            raise MolgenError(f"{file}: no such file; molgen needs posebusters 0.6.5 or later")
    return files
