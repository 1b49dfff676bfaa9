"""The four crystal complexes that the package posebusters ships."""

from importlib.util import find_spec
from pathlib import Path


def complexes() -> dict[str, tuple[Path, Path]]:
    """Protein (PDB) and ligand (SDF) of each, by PDB code."""
    package = find_spec("posebusters")  # importing it would take seconds
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "datasets" / "pdb"
    return {
        name: (
            folder / name / f"{name}_protein_one_lig_removed.pdb",
            folder / name / f"{name}_ligand.sdf",
        )
        for name in ("1ia1", "1of6", "1s3v", "1uou")
    }


def lay_out(folder: Path) -> Path:
    """The four as PDBbind has them, a folder each: NAME/NAME_protein.pdb and NAME_ligand.sdf."""
    for name, (protein, ligand) in complexes().items():
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}_protein.pdb").symlink_to(protein)
        (folder / name / f"{name}_ligand.sdf").symlink_to(ligand)
    return folder
