"""A system ready to simulate: atoms, potential, temperature, and what is looked at."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molgen import resources
from molgen.errors import UsageError
from molgen.md.potentials import DoubleWell, MuellerBrown, Potential
from molgen.md.system.beads import BeadMapping
from molgen.md.system.collective import Basin, assign, collective, radians
from molgen.md.system.definition import (
    DoubleWellTable,
    ForceFieldTable,
    MuellerBrownTable,
    PeptideTable,
    SystemDefinition,
)
from molgen.units import kT as thermal_energy


@dataclass(frozen=True)
class System:
    """A system ready to simulate; made by `load_system`.

    Attributes:
        name: Name of its folder.
        folder: Where its files are.
        definition: What system.toml says.
        atoms: Every atom (test systems: one particle) and the bonds.
        start: Starting coordinates [atoms, dims] float64, nm.
        kT: Thermal energy, kJ/mol (reduced for test systems).
    """

    name: str
    folder: Path
    definition: SystemDefinition
    atoms: BeadMapping
    start: Tensor
    kT: float

    @property
    def description(self) -> str:
        """One line for lists and reports."""
        return self.definition.description

    @property
    def dims(self) -> int:
        """Coordinates of one atom."""
        return self.start.shape[1]

    @property
    def temperature_K(self) -> float | None:
        """Temperature of a molecule; None for a test system (see `kT`)."""
        return self.definition.temperature_K

    @property
    def timestep_ps(self) -> float:
        """Timestep with the physical masses."""
        return self.definition.timestep_ps

    @property
    def friction_per_ps(self) -> float:
        """Langevin friction."""
        return self.definition.friction_per_ps

    @property
    def masses(self) -> Tensor:
        """Masses [atoms] float64, amu."""
        return self.atoms.masses

    @property
    def topology(self) -> BeadMapping:
        """The atom table with bonds, the same as `atoms`."""
        return self.atoms

    @property
    def answers(self) -> dict[str, Any]:
        """Known numbers that tests compare with."""
        return self.definition.answers

    @property
    def free(self) -> bool:
        """Whether nothing holds the system in place, so that its centre may be subtracted."""
        return isinstance(self.definition.potential, ForceFieldTable | PeptideTable)

    @cached_property
    def collective_variables(self) -> dict[str, tuple[int, ...]]:
        """Name -> four atom indices (dihedral, rad) or one index of a plain coordinate."""
        variables: dict[str, tuple[int, ...]] = {}
        for name, value in self.definition.collective_variables.items():
            if isinstance(value, int):
                variables[name] = (value,)
            else:
                variables[name] = tuple(self.atoms.index(label) for label in value)
        return variables

    @property
    def compared(self) -> dict[str, tuple[int, ...]]:
        """Those collective variables in which samples are compared; see `SystemDefinition`."""
        names = self.definition.compared or tuple(self.collective_variables)
        return {name: self.collective_variables[name] for name in names}

    @cached_property
    def basins(self) -> tuple[Basin, ...]:
        """The named regions of collective variables, bounds in rad for dihedrals."""
        basins = []
        for name, box in self.definition.basins.items():
            angular = {cv: len(self.collective_variables[cv]) == 4 for cv in box}
            bounds = {cv: radians(b) if angular[cv] else b for cv, b in box.items()}
            basins.append(Basin(name, bounds))
        return tuple(basins)

    def variables(self, x: Tensor) -> dict[str, Tensor]:
        """Every collective variable, [n] each, of full coordinates x: [n, atoms, dims] nm."""
        return {name: collective(x, atoms) for name, atoms in self.collective_variables.items()}

    def basin_index(self, x: Tensor) -> Tensor:
        """Index into `basins` of each configuration, int64 [n]; -1 outside all of them."""
        return assign(self.basins, self.variables(x))

    def mapping(self, name: str) -> BeadMapping:
        """A bead selection: `all`, `heavy`, or one that system.toml names.

        Raises:
            UsageError: there is none of that name.
        """
        if name == "all":
            return self.atoms
        if name == "heavy" and self.free:
            return self.atoms.heavy()
        if name in self.definition.beads:
            labels = self.definition.beads[name]
            return self.atoms.choose(name, [self.atoms.index(label) for label in labels])
        known = ["all", *(["heavy"] if self.free else []), *self.definition.beads]
        raise UsageError(
            f"system {self.name} has no bead selection '{name}'"
            f"{resources.did_you_mean(name, known)} (it has {', '.join(known)})"
        )

    def potential(
        self,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        compile: bool = True,
    ) -> Potential:
        """Its energy function, taking x: [n, atoms, dims] nm of that dtype and device.

        compile: fuse a force field with torch.compile; worth the wait for more than a few steps.
        """
        table = self.definition.potential
        if isinstance(table, DoubleWellTable):
            return DoubleWell(table.barrier, table.half_width, table.tilt, table.stiffness)
        if isinstance(table, MuellerBrownTable):
            return MuellerBrown()
        from molgen.md.forcefield.force_field import ForceField

        return ForceField.from_openmm(self.openmm_system(), dtype, device, compile)

    def openmm_system(self) -> Any:
        """The same energy function as an `openmm.System` (molecules only).

        Raises:
            UsageError: a test system has none; or PDB and force field do not fit.
        """
        from molgen.md.system.build import molecule_of, openmm_system

        table = self.definition.potential
        if not isinstance(table, ForceFieldTable | PeptideTable):
            raise UsageError(f"system {self.name} has no OpenMM form (it is an analytic surface)")
        return openmm_system(molecule_of(table, self.folder), table.force_field)

    def at_temperature(self, temperature_K: float) -> "System":
        """The same molecule at another temperature.

        Raises:
            UsageError: a test system has no temperature, or it is not positive.
        """
        if not self.free or temperature_K <= 0:
            raise UsageError(f"system {self.name} cannot be at {temperature_K:g} K")
        definition = self.definition.model_copy(update={"temperature_K": temperature_K})
        return replace(self, definition=definition, kT=thermal_energy(temperature_K))

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of what decides the distribution: potential, temperature, molecule."""
        table = self.definition.potential
        content = {
            "potential": table.model_dump(mode="json"),
            "kT": self.kT,
            "atoms": self.atoms.to_dict(),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
