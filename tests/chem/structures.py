"""Small PDB files, written from a few words an atom."""

from pathlib import Path


def pdb_line(
    name: str,
    residue: str,
    number: int | str,
    position: tuple[float, float, float] = (0.0, 0.0, 0.0),
    *,
    chain: str = "A",
    altloc: str = " ",
    occupancy: float = 1.0,
    element: str | None = None,
    het: bool = False,
) -> str:
    """An ATOM or HETATM record; the number may end with an insertion code ("45B")."""
    record = "HETATM" if het else "ATOM  "
    element = name[0] if element is None else element
    name = name if len(name) == 4 or len(element) == 2 else f" {name}"
    number = str(number) if str(number)[-1].isalpha() else f"{number} "
    x, y, z = position
    return (
        f"{record}    1 {name:<4}{altloc}{residue:>3} {chain}{number:>5}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}  0.00          {element:>2}\n"
    )


def alanine(number: int | str, residue: str = "ALA", **options) -> str:
    """The five atoms of alanine, 10 Å further along x for each number."""
    start = 10.0 * int(str(number).rstrip("ABCDEF"))
    places = {
        "N": (0.0, 0.0, 0.0),
        "CA": (1.46, 0.0, 0.0),
        "C": (2.0, 1.42, 0.0),
        "O": (1.25, 2.4, 0.0),
        "CB": (2.0, -0.8, 1.2),
    }
    return "".join(
        pdb_line(name, residue, number, (start + x, y, z), **options)
        for name, (x, y, z) in places.items()
    )


def write_pdb(folder: Path, *parts: str, name: str = "receptor.pdb") -> Path:
    path = folder / name
    path.write_text("".join(parts) + "END\n")
    return path
