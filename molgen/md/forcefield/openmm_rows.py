"""Plain numbers out of OpenMM forces."""

import openmm
from openmm import unit

COULOMB = 138.93545764438198  # kJ nm/mol/e^2, OpenMM's value


def number(value: object) -> float:
    """A plain float in OpenMM's units (nm, ps, kJ/mol, rad, e) of a quantity or a number."""
    if unit.is_quantity(value):
        return float(value.value_in_unit_system(unit.md_unit_system))  # type: ignore[attr-defined]
    return float(value)  # type: ignore[arg-type]


def describe(force: openmm.Force) -> str:
    """The class of a force, with its name where the user gave it one."""
    kind = type(force).__name__
    return kind if force.getName() == kind else f"{kind} '{force.getName()}'"


def rows(forces: list[openmm.Force], count: str, get: str) -> list[list[float]]:
    """Every parameter row of some forces of one kind, as plain numbers."""
    return [
        [number(v) for v in getattr(f, get)(i)] for f in forces for i in range(getattr(f, count)())
    ]
