"""What a system.toml may say, checked: unknown keys are refused, with a suggestion."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from molgen import resources, toml
from molgen.errors import UsageError

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


class PeptideTable(_Table):
    """A peptide by its sequence, such as `KS` or `Ac-K-NHMe`, and OpenMM force-field files."""

    kind: Literal["peptide"]
    sequence: str
    force_field: tuple[str, ...] = Field(
        default=("amber14-all.xml", "implicit/obc1.xml"), min_length=1
    )


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
        compared: Collective variables in which samples are compared; all of them if empty.
        limits: Name of a collective variable -> range for plots and metrics, of plain coordinates.
        beads: Further bead selections: name -> atoms `residue number:atom name`.
        basins: Name -> bounds of collective variables (degrees for dihedrals; low > high runs
            through 180). They should not overlap.
        sampling: How `molgen md generate` samples it.
        answers: Known numbers that tests compare with.
    """

    description: str
    potential: Annotated[
        ForceFieldTable | PeptideTable | DoubleWellTable | MuellerBrownTable,
        Field(discriminator="kind"),
    ]
    temperature_K: float | None = Field(default=None, gt=0)
    kT: float | None = Field(default=None, gt=0)
    timestep_ps: float = Field(gt=0)
    friction_per_ps: float = Field(gt=0)
    collective_variables: dict[str, Dihedral | int] = {}
    compared: tuple[str, ...] = ()
    limits: dict[str, Bounds] = {}
    beads: dict[str, tuple[str, ...]] = {}
    basins: dict[str, dict[str, Bounds]] = {}
    sampling: Sampling = Sampling()
    answers: dict[str, Any] = {}


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
    "peptide": PeptideTable,
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
