"""The force field in C for CPUs, made by the C compiler of the machine when first needed.

Every unordered pair of atoms is met once and kept in the cache, which is several times as fast as
what a compiler makes of the torch code. Where there is no C compiler, that code runs.
"""

import ctypes
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molgen.md.forcefield.gbsa import GBSA
from molgen.md.forcefield.terms import Bonded, Nonbonded

SOURCE = Path(__file__).with_name("native.c")
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros")
LANES = 16  # replicas of a block
KINDS = ("bonds", "angles", "torsions", "nonbonded", "gb")
"""Rows of the energies."""


class _Terms(ctypes.Structure):
    """`Terms` of native.c."""

    _fields_ = [
        *((n, ctypes.c_int32) for n in ("atoms", "bonds", "angles", "torsions", "order")),
        *((n, ctypes.c_int32) for n in ("solvent", "engulfed")),
        *((n, ctypes.c_void_p) for n in ("ends", "bond", "angle", "torsion")),
        *((n, ctypes.c_void_p) for n in ("coulomb", "repulsion", "dispersion")),
        *((n, ctypes.c_void_p) for n in ("charge_products", "radius", "rho", "descreening")),
        *((n, ctypes.c_void_p) for n in ("surface", "shape")),
    ]


class NativeForceField:
    """Energies and forces of one molecule on a CPU, float32.

    Args:
        bonded: bonds, angles, torsions; no maps.
        nonbonded: Coulomb and Lennard-Jones.
        gb: implicit solvent, or None.
    """

    def __init__(self, bonded: Bonded, nonbonded: Nonbonded, gb: GBSA | None) -> None:
        self._function = library().molgen_evaluate
        self.atoms = len(nonbonded.coulomb)
        arrays = {
            "bond": bonded.bonds,
            "angle": bonded.angles,
            "torsion": bonded.torsions,
            "coulomb": nonbonded.coulomb,
            "repulsion": nonbonded.repulsion,
            "dispersion": nonbonded.dispersion,
        }
        if gb is not None:
            arrays |= {
                "charge_products": gb.charge_products,
                "radius": gb.radius,
                "rho": gb.offset_radius,
                "descreening": gb.descreening,
                "surface": gb.surface,
                "shape": gb.shape,
            }
        self._arrays = {name: a.to(torch.float32).contiguous() for name, a in arrays.items()}
        self._arrays["ends"] = bonded.ends.to(torch.int32).contiguous()
        self._terms = _Terms(
            atoms=self.atoms,
            bonds=len(bonded.bonds),
            angles=len(bonded.angles),
            torsions=len(bonded.torsions),
            order=bonded.torsions.shape[2] - 1,
            solvent=gb is not None,
            engulfed=gb is not None and gb.engulfed,
            **{name: a.data_ptr() for name, a in self._arrays.items()},
        )

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Energies [kinds, n], kJ/mol, and forces [3, atoms, n], at x [3, atoms, n], contiguous.

        Replicas are shared among as many threads as torch uses.
        """
        n = x.shape[2]
        energies, forces = x.new_empty(len(KINDS), n), torch.empty_like(x)
        blocks = -(-n // LANES)
        threads = max(1, min(torch.get_num_threads(), blocks))
        ends = [min(n, LANES * (blocks * k // threads)) for k in range(threads + 1)]

        def part(first: int, last: int) -> None:
            pointers = (ctypes.c_void_p(a.data_ptr()) for a in (x, energies, forces))
            if self._function(
                ctypes.byref(self._terms),
                ctypes.c_int64(n),
                ctypes.c_int64(first),
                ctypes.c_int64(last),
                *pointers,
            ):
                raise MemoryError

        if threads == 1:
            part(0, n)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(part, ends[:-1], ends[1:]))
        return energies, forces


@cache
def library() -> Any:
    """The compiled native.c, or None where it cannot be made."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "native.so"
        for machine in (("-march=native", "-fopenmp-simd"), ()):
            command = [compiler, *FLAGS, *machine, "-fPIC", "-shared", str(SOURCE), "-o", str(made)]
            if subprocess.run([*command, "-lm"], capture_output=True).returncode == 0:
                try:
                    return ctypes.CDLL(str(made))
                except OSError:
                    continue
    return None
