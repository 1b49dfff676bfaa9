"""What is simulated: read from a folder with a `system.toml` (and a PDB file for molecules)."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from molgen import resources, toml
from molgen.errors import UsageError
from molgen.md.beads import Bead, BeadMapping
from molgen.md.collective import Basin, assign, collective, radians
from molgen.md.potentials import DoubleWell, MuellerBrown, Potential
from molgen.units import kT as thermal_energy

Bounds = tuple[float, float]
Dihedral = tuple[str, str, str, str]


class _Table(BaseModel):
    """A table of system.toml: keys by name, unknown ones refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ForceFieldTable(_Table):
    """A molecule: a PDB file beside system.toml, and OpenMM force-field files by name."""

    kind: Literal["force_field"]
    pdb: str
    force_field: tuple[str, ...] = Field(min_length=1)


class DoubleWellTable(_Table):
    """`potentials.DoubleWell` in 1 or 2 dimensions, one particle, reduced units."""

    kind: Literal["double_well"]
    dims: Literal[1, 2]
    barrier: float = Field(gt=0)
    half_width: float = Field(gt=0)
    tilt: float = 0.0
    stiffness: float = Field(default=1.0, gt=0)
    mass: float = Field(default=1.0, gt=0)
    start: tuple[float, ...]


class MuellerBrownTable(_Table):
    """`potentials.MuellerBrown`, one particle, reduced units."""

    kind: Literal["mueller_brown"]
    mass: float = Field(default=0.5, gt=0)
    start: tuple[float, float]


class Sampling(_Table):
    """How equilibrium frames of a system are best made; the distribution does not depend on it.

    Attributes:
        timestep_ps: Timestep of the sampling; that of the system by default.
        friction_per_ps: Friction of the sampling; that of the system by default.
        hydrogen_mass_amu: Mass of hydrogens while sampling (heavier allows a longer timestep); the
            physical one by default.
        ladder: Temperature levels of parallel tempering as factors, ascending from 1.
        lowest: Chains of a group at the wanted temperature; one at each higher level.
        groups: Groups of chains; groups never exchange.
        exchange_every: Steps between rounds of exchange.
        stride: Steps between frames, a multiple of `exchange_every`.
        burn_in_ps: Time that every chain runs before the first frame.
    """

    timestep_ps: float | None = Field(default=None, gt=0)
    friction_per_ps: float | None = Field(default=None, gt=0)
    hydrogen_mass_amu: float | None = Field(default=None, gt=0)
    ladder: tuple[float, ...] = (1.0, 1.3, 1.7, 2.2)
    lowest: int = Field(default=5, ge=1)
    groups: int = Field(default=16, ge=1)
    exchange_every: int = Field(default=50, ge=1)
    stride: int = Field(default=100, ge=1)
    burn_in_ps: float = Field(default=200.0, ge=0)


class SystemDefinition(_Table):
    """Everything that system.toml may say.

    Attributes:
        description: One line for lists and reports.
        potential: A molecule with a force field, or an analytic test system.
        temperature_K: Temperature of a molecule.
        kT: Thermal energy of a test system, reduced units.
        timestep_ps: Timestep with the physical masses (reduced units for test systems).
        friction_per_ps: Langevin friction.
        collective_variables: Name -> four atoms `residue number:atom name` (a dihedral), or the
            index of a plain coordinate.
        limits: Name of a collective variable -> range for plots and metrics, of plain coordinates.
        beads: Further bead selections: name -> atoms `residue number:atom name`.
        basins: Name -> bounds of collective variables (degrees for dihedrals; low > high runs
            through 180). They should not overlap.
        sampling: How `molgen md generate` samples it.
        answers: Known numbers that tests compare with.
    """

    description: str
    potential: Annotated[
        ForceFieldTable | DoubleWellTable | MuellerBrownTable, Field(discriminator="kind")
    ]
    temperature_K: float | None = Field(default=None, gt=0)
    kT: float | None = Field(default=None, gt=0)
    timestep_ps: float = Field(gt=0)
    friction_per_ps: float = Field(gt=0)
    collective_variables: dict[str, Dihedral | int] = {}
    limits: dict[str, Bounds] = {}
    beads: dict[str, tuple[str, ...]] = {}
    basins: dict[str, dict[str, Bounds]] = {}
    sampling: Sampling = Sampling()
    answers: dict[str, Any] = {}


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
        return isinstance(self.definition.potential, ForceFieldTable)

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
        self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> Potential:
        """Its energy function, taking x: [n, atoms, dims] nm of that dtype and device."""
        table = self.definition.potential
        if isinstance(table, DoubleWellTable):
            return DoubleWell(table.barrier, table.half_width, table.tilt, table.stiffness)
        if isinstance(table, MuellerBrownTable):
            return MuellerBrown()
        from molgen.md.forcefield import ForceField

        return ForceField.from_openmm(self.openmm_system(), dtype, torch.device(device))

    def openmm_system(self) -> Any:
        """The same energy function as an `openmm.System` (molecules only).

        Raises:
            UsageError: a test system has none; or PDB and force field do not fit.
        """
        from molgen.md.build import openmm_system

        table = self.definition.potential
        if not isinstance(table, ForceFieldTable):
            raise UsageError(f"system {self.name} has no OpenMM form (it is an analytic surface)")
        return openmm_system(self.folder / table.pdb, table.force_field)

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


def load_system(name_or_path: str | Path) -> System:
    """A shipped system by its name, or the user's own by the path of its folder.

    Raises:
        UsageError: no such system, or its files cannot be used; the file and entry are named.
    """
    folder = Path(resources.find("systems", name_or_path))
    file = folder / "system.toml"
    definition = read_definition(file)
    table = definition.potential
    if isinstance(table, ForceFieldTable):
        from molgen.md.build import read_molecule

        if definition.temperature_K is None or definition.kT is not None:
            raise UsageError(f"{file}: a molecule needs temperature_K (and no kT)")
        atoms, start = read_molecule(folder / table.pdb, table.force_field)
        energy = thermal_energy(definition.temperature_K)
    else:
        if definition.kT is None or definition.temperature_K is not None:
            raise UsageError(f"{file}: an analytic surface needs kT (and no temperature_K)")
        atoms = BeadMapping("all", (Bead("X", "TOY", 1, "X", table.mass, 0),), ())
        start = torch.tensor([table.start], dtype=torch.float64)
        energy = definition.kT
        if isinstance(table, DoubleWellTable) and len(table.start) != table.dims:
            raise UsageError(f"{file}: potential.start needs {table.dims} coordinates")
    system = System(folder.resolve().name, folder, definition, atoms, start, energy)
    _check(system, file)
    return system


def read_definition(file: Path) -> SystemDefinition:
    """The checked content of a system.toml, without building anything.

    Raises:
        UsageError: the file is missing or an entry is wrong; unknown keys get a suggestion.
    """
    content = toml.read(file)
    try:
        return SystemDefinition.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{file}: {_first_problem(error)}") from None


_TABLES: dict[str, type[BaseModel]] = {
    "force_field": ForceFieldTable,
    "double_well": DoubleWellTable,
    "mueller_brown": MuellerBrownTable,
    "sampling": Sampling,
}


def _first_problem(error: ValidationError) -> str:
    """One line for the first thing wrong, preferring unknown keys, which explain the rest."""
    problems = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    problem = problems[0]
    # Drop the union's own tag from the path: potential.force_field.pdb is potential.pdb in the file
    where = [str(part) for part in problem["loc"]]
    kind = where[1] if len(where) > 1 and where[0] == "potential" else None
    if kind in _TABLES:
        del where[1]
    if problem["type"] == "extra_forbidden":
        table = _TABLES.get(kind or where[0], SystemDefinition)
        hint = resources.did_you_mean(where[-1], table.model_fields)
        return f"unknown key '{'.'.join(where)}'{hint}"
    return f"{'.'.join(where)}: {problem['msg'].lower()}"


def _check(system: System, file: Path) -> None:
    """Resolve every atom label and name once, so that mistakes show when the system is loaded."""
    definition = system.definition
    for table, labels in (
        *((f"beads.{name}", labels) for name, labels in definition.beads.items()),
        *(
            (f"collective_variables.{name}", value)
            for name, value in definition.collective_variables.items()
            if not isinstance(value, int)
        ),
    ):
        for label in labels:
            try:
                system.atoms.index(label)
            except UsageError:
                near = resources.did_you_mean(label, [bead.label for bead in system.atoms.beads])
                raise UsageError(f"{file}: {table}: no atom '{label}'{near}") from None
    for name, value in definition.collective_variables.items():
        if isinstance(value, int) and not 0 <= value < system.start.numel():
            raise UsageError(f"{file}: collective_variables.{name}: no coordinate {value}")
    for table, names in (
        ("limits", definition.limits),
        *((f"basins.{name}", box) for name, box in definition.basins.items()),
    ):
        for cv in names:
            if cv not in definition.collective_variables:
                near = resources.did_you_mean(cv, definition.collective_variables)
                raise UsageError(f"{file}: {table}: no collective variable '{cv}'{near}")
        if table != "limits" and not names:
            raise UsageError(f"{file}: {table}: give at least one bound")
