"""Any OpenMM force field without cutoff as a batched, differentiable torch potential.

Energies and forces are one plain torch function of the positions, with the forces written out
(`forcefield_terms`, `gbsa`) and the replicas innermost in memory, so that every operation runs over
contiguous replicas. `torch.compile` fuses it; without a compiler it runs as it is.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.forcefield_terms import (
    Bonded,
    Nonbonded,
    bonded_energies_and_forces,
    nonbonded_energy_and_forces,
)
from molgen.md.gbsa import GBSA, gb_energy_and_forces

if TYPE_CHECKING:
    import openmm

STATE_FORMAT = 1
GROUPS: dict[str, type] = {"bonded": Bonded, "nonbonded": Nonbonded, "gb": GBSA}


def evaluate(
    bonded: Bonded, nonbonded: Nonbonded, gb: GBSA | None, x: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Energy of each term and the total force; a pure function, to be compiled or differentiated.

    Args:
        bonded: bonds, angles, torsions, maps.
        nonbonded: Coulomb and Lennard-Jones.
        gb: implicit solvent, or None.
        x: [N, 3, n], nm, replicas innermost.

    Returns:
        energies by term, each [n], kJ/mol; forces [N, 3, n], kJ/mol/nm.
    """
    energies, forces = bonded_energies_and_forces(bonded, x)
    energies["nonbonded"], pair_forces = nonbonded_energy_and_forces(nonbonded, x)
    forces = forces + pair_forces
    if gb is not None:
        energies["gb"], solvent_forces = gb_energy_and_forces(gb, x)
        forces = forces + solvent_forces
    return energies, forces


class ForceField:
    """Energy and forces of many replicas of one molecule.

    Units: nm, kJ/mol. Positions are [n, atoms, 3], energies [n], forces [n, atoms, 3].

    Args:
        bonded: bonds, angles, torsions, maps.
        nonbonded: Coulomb and Lennard-Jones.
        gb: implicit solvent, or None.
        compile: fuse with torch.compile (the first call takes a while); False runs eagerly.
    """

    def __init__(
        self, bonded: Bonded, nonbonded: Nonbonded, gb: GBSA | None, compile: bool = True
    ) -> None:
        self.bonded, self.nonbonded, self.gb = bonded, nonbonded, gb
        self.compiled = compile
        self._functions: dict[str, Callable[[Tensor], Any]] = {}

    @classmethod
    def from_openmm(
        cls,
        system: "openmm.System",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        compile: bool = True,
    ) -> "ForceField":
        """The force field of an OpenMM System.

        Raises:
            UsageError: naming a force, cutoff or constraint that is not supported.
        """
        from molgen.md.forcefield_openmm import read_system

        return cls(*read_system(system), compile=compile).to(dtype, device)

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return len(self.nonbonded.coulomb)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the parameters; positions must have it too."""
        return self.nonbonded.coulomb.dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters are; positions must be there too."""
        return self.nonbonded.coulomb.device

    def to(
        self, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> "ForceField":
        """The same force field in another precision or on another device."""
        state = {
            name: value.to(device=device, dtype=dtype if value.is_floating_point() else None)
            for name, value in self.state().items()
        }
        return self.from_state(state, compile=self.compiled)

    def state(self) -> dict[str, Tensor]:
        """Everything as named tensors, to be saved without pickle and loaded without OpenMM."""
        state = {"format": torch.tensor(STATE_FORMAT)}
        for group in GROUPS:
            terms = getattr(self, group)
            if terms is not None:
                for field in fields(terms):
                    state[f"{group}.{field.name}"] = getattr(terms, field.name)
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], compile: bool = True) -> "ForceField":
        """The force field whose `state` this is.

        Raises:
            UsageError: for a state of another format or with missing tensors.
        """
        found = int(state["format"]) if "format" in state else None
        if found != STATE_FORMAT:
            raise UsageError(
                f"force-field state: format {found}, expected {STATE_FORMAT}; prepare it again"
            )
        groups: dict[str, Any] = {}
        for group, kind in GROUPS.items():
            names = [field.name for field in fields(kind)]
            missing = [f"{group}.{name}" for name in names if f"{group}.{name}" not in state]
            if group == "gb" and len(missing) == len(names):
                groups[group] = None
            elif missing:
                raise UsageError(f"force-field state: no {', '.join(missing)}; prepare it again")
            else:
                groups[group] = kind(**{name: state[f"{group}.{name}"] for name in names})
        return cls(**groups, compile=compile)

    def planar(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """`evaluate` at x [atoms, 3, n], uncompiled: what a compiled integrator step inlines."""
        return evaluate(self.bonded, self.nonbonded, self.gb, x)

    def energy(self, x: Tensor) -> Tensor:
        """Potential energy [n], kJ/mol, of positions [n, atoms, 3], nm; differentiable."""
        return self._call("energy", x)

    def forces(self, x: Tensor) -> Tensor:
        """Forces [n, atoms, 3], kJ/mol/nm, at positions [n, atoms, 3], nm."""
        return self._call("forces", x)

    def energy_and_forces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Energies [n], kJ/mol, and forces [n, atoms, 3], kJ/mol/nm."""
        return self._call("energy_and_forces", x)

    def terms(self, x: Tensor) -> dict[str, Tensor]:
        """Energies [n], kJ/mol, of bonds, angles, torsions, cmap, nonbonded and gb, if present."""
        return self._call("terms", x)

    def _call(self, what: str, x: Tensor) -> Any:
        if x.ndim != 3 or x.shape[1:] != (self.atoms, 3) or x.dtype != self.dtype:
            raise UsageError(
                f"positions are {list(x.shape)} {x.dtype}; this force field takes "
                f"[n, {self.atoms}, 3] {self.dtype}"
            )
        function = self._functions.get(what) or self._function(what)
        if not self.compiled or (x.requires_grad and torch.is_grad_enabled()):
            return self._eager(what)(x)
        try:
            return function(x)
        except torch._dynamo.exc.TorchDynamoException as error:
            self.compiled = False
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"force field runs uncompiled, slower: {reason}", stacklevel=3)
            return self._eager(what)(x)

    def _eager(self, what: str) -> Callable[[Tensor], Any]:
        def function(x: Tensor) -> Any:
            energies, forces = self.planar(x.permute(1, 2, 0).contiguous())
            if what == "terms":
                return energies
            if what == "forces":
                return forces.permute(2, 0, 1).contiguous()
            energy = torch.stack(list(energies.values())).sum(0)
            if what == "energy":
                return energy
            return energy, forces.permute(2, 0, 1).contiguous()

        return function

    def _function(self, what: str) -> Callable[[Tensor], Any]:
        function = self._eager(what)
        if self.compiled:
            function = torch.compile(function, dynamic=False)
        self._functions[what] = function
        return function
