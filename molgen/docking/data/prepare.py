"""Complexes in folders, one each as in PDBbind, to a set of systems for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from molgen.chem.atom_features import VOCABULARY
from molgen.chem.conformers import conformers
from molgen.chem.fragments import fragment
from molgen.chem.ligand import Ligand, Unreadable, read_ligands
from molgen.chem.pocket import RADIUS_NM, Pocket, centre_of_ligand, cut_pocket
from molgen.chem.receptor import Receptor, read_receptor, without_ligand
from molgen.chem.vina_ligand import vina_ligand
from molgen.docking.data.assemble import Scene
from molgen.docking.data.system import System
from molgen.docking.data.system_set import SystemSet
from molgen.errors import MolgenError, UsageError

CUTS = 2
"""Ways in which one conformer is cut into fragments."""

_LIGANDS = ("_ligand.sdf", "_ligands.sdf", "_ligand.mol2")
_PROTEINS = ("_protein.pdb", "_protein.cif", "_pocket.pdb", "_pocket.cif")


def complexes(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """Name, receptor file and ligand file of each complex in a folder of folders.

    A complex is `NAME/*_protein.pdb` (or `.cif`, or `_pocket`) with `NAME/*_ligand.sdf` (or
    `.mol2`); of a file of many ligands, `*_ligands.sdf`, each is a complex.

    Raises:
        UsageError: the folder holds none.
    """
    found = False
    for entry in _folders(folder):
        protein, ligand = _files(entry)
        if ligand and protein:
            found = True
            yield entry.name, protein, ligand
    if not found:
        raise UsageError(
            f"{folder}: no folder in it holds a *_protein.pdb (or _pocket.pdb) and a *_ligand.sdf"
        )


def incomplete(folder: Path) -> list[tuple[str, str]]:
    """Folders with a half of a complex, and what each lacks."""
    lacking = []
    for entry in _folders(folder):
        protein, ligand = _files(entry)
        if ligand and not protein:
            lacking.append((entry.name, f"{entry}: no *_protein.pdb beside {ligand.name}"))
        if protein and not ligand:
            lacking.append((entry.name, f"{entry}: no *_ligand.sdf beside {protein.name}"))
    return lacking


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read: {error.strerror or error}") from error


def _files(entry: Path) -> tuple[Path | None, Path | None]:
    """Those of receptor and ligand in a folder."""

    def first(ends: Sequence[str]) -> Path | None:
        return next((f for end in ends for f in sorted(entry.glob(f"*{end}"))), None)

    return first(_PROTEINS), first(_LIGANDS)


def prepare(
    folder: Path,
    output: Path,
    *,
    variants: int = 8,
    radius: float = RADIUS_NM,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[tuple[str, str]]:
    """Write the complexes of a folder as one file; returns those left out, with the reasons.

    Args:
        folder: see `complexes`.
        output: an .npz.
        variants: of the ligand: conformers, each cut into fragments in `CUTS` ways, random ones
            among the smallest.
        radius: of the pocket about the ligand's centre, nm.
        seed: of conformers and cuts.
        progress: called with (what, complexes done, complexes in all).
    """
    names, systems, failures = [], [], incomplete(folder)
    entries = list(complexes(folder))
    for done, (name, protein, file) in enumerate(entries):
        try:
            receptor = read_receptor(protein)
            ligands = list(read_ligands(file))
        except MolgenError as error:
            failures.append((name, str(error)))
            ligands = []
        for ligand in ligands:
            label = name if len(ligands) == 1 else f"{name}/{ligand.name}"
            try:
                if isinstance(ligand, Unreadable):
                    raise UsageError(ligand.reason)
                systems.append(variants_of(receptor, ligand, variants, radius, seed))
                names.append(label)
            except MolgenError as error:
                failures.append((label, str(error)))
        if progress:
            progress("reading complexes", done + 1, len(entries))
    if not names:
        raise UsageError(
            f"{folder}: none of its complexes can be used; the first: {failures[0][1]}"
        )
    meta = {"vocabulary": VOCABULARY, "variants": variants, "radius_nm": radius}
    SystemSet(names, systems, meta).save(output)
    return failures


def known_pocket(receptor: Receptor, ligand: Ligand, radius: float = RADIUS_NM) -> Pocket:
    """The pocket about a ligand's known pose, without what lies where the ligand does.

    Raises:
        UsageError: the ligand has no pose, or there is no protein about it.
    """
    centre = centre_of_ligand(ligand)
    assert ligand.pose is not None  # it has a centre
    return cut_pocket(without_ligand(receptor, ligand.pose), centre, radius)


def variants_of(
    receptor: Receptor, ligand: Ligand, count: int, radius: float, seed: int
) -> list[System]:
    """The known pose of one ligand, in `count` ways made of fragments of conformers of it.

    Raises:
        MolgenError: the ligand has no pose, or cannot be embedded.
    """
    pocket = known_pocket(receptor, ligand, radius)
    generator = np.random.default_rng([seed, crc32(ligand.name.encode())])
    scene = Scene.of(pocket, ligand)
    rotors = vina_ligand(ligand.molecule).rotors
    shapes = conformers(ligand.molecule, -(-count // CUTS), seed)
    return [
        scene.assemble(
            fragment(ligand.molecule, how="random", generator=generator, among=rotors),
            shapes[k // CUTS],
            ligand.pose,
        )
        for k in range(count)
    ]
