"""The four crystal complexes that the package posebusters ships."""

from pathlib import Path

from molgen.chem.examples import EXAMPLES, example_complex


def complexes() -> dict[str, tuple[Path, Path]]:
    """Protein (PDB) and ligand (SDF) of each, by PDB code."""
    return {name: example_complex(name) for name in EXAMPLES}


def lay_out(folder: Path) -> Path:
    """The four as PDBbind has them, a folder each: NAME/NAME_protein.pdb and NAME_ligand.sdf."""
    for name, (protein, ligand) in complexes().items():
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}_protein.pdb").symlink_to(protein)
        (folder / name / f"{name}_ligand.sdf").symlink_to(ligand)
    return folder
