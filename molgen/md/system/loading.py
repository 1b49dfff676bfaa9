"""Systems by name: shipped ones, the user's own folders, and peptides by their sequence."""

from dataclasses import replace
from pathlib import Path

import torch

from molgen import resources
from molgen.errors import UsageError
from molgen.md.system.beads import Bead, BeadMapping
from molgen.md.system.definition import (
    DoubleWellTable,
    ForceFieldTable,
    PeptideTable,
    SystemDefinition,
    read_definition,
)
from molgen.md.system.system import System
from molgen.units import kT as thermal_energy

PEPTIDE = "peptide:"
"""What names of systems begin with that are made from a sequence."""


def load_system(name_or_path: str | Path) -> System:
    """A shipped system by its name, the user's own by the path of its folder, or `peptide:KS`.

    `peptide:KS@350` is the same at 350 K.

    Raises:
        UsageError: no such system, or its files cannot be used; the file and entry are named.
    """
    text = str(name_or_path)
    if text.startswith(PEPTIDE):
        from molgen.md.peptides.definition import peptide_definition
        from molgen.md.peptides.sequence import Peptide

        sequence, at, kelvin = text.removeprefix(PEPTIDE).partition("@")
        peptide = Peptide.parse(sequence)
        system = _system(f"{PEPTIDE}{peptide}", Path(), peptide_definition(peptide), text)
        return _at(system, kelvin, text) if at else system
    folder = Path(resources.find("systems", name_or_path))
    file = folder / "system.toml"
    return _system(folder.resolve().name, folder, read_definition(file), str(file))


def _at(system: System, kelvin: str, text: str) -> System:
    """A system at a temperature that stands in its name."""
    try:
        temperature_K = float(kelvin)
    except ValueError:
        raise UsageError(f"{text}: '{kelvin}' is no temperature; write 350 for 350 K") from None
    found = system.at_temperature(temperature_K)
    if temperature_K == system.temperature_K:
        return system
    return replace(found, name=f"{system.name}@{temperature_K:g}")


def _system(name: str, folder: Path, definition: SystemDefinition, source: str) -> System:
    """The system that a definition describes; `source` is what messages call it."""
    table = definition.potential
    if isinstance(table, ForceFieldTable | PeptideTable):
        from molgen.md.system.build import atom_table, molecule_of

        if definition.temperature_K is None or definition.kT is not None:
            raise UsageError(f"{source}: a molecule needs temperature_K (and no kT)")
        atoms, start = atom_table(molecule_of(table, folder), table.force_field)
        energy = thermal_energy(definition.temperature_K)
    else:
        if definition.kT is None or definition.temperature_K is not None:
            raise UsageError(f"{source}: an analytic surface needs kT (and no temperature_K)")
        atoms = BeadMapping("all", (Bead("X", "TOY", 1, "X", table.mass, 0),), ())
        start = torch.tensor([table.start], dtype=torch.float64)
        energy = definition.kT
        if isinstance(table, DoubleWellTable) and len(table.start) != table.dims:
            raise UsageError(f"{source}: potential.start needs {table.dims} coordinates")
    system = System(name, folder, definition, atoms, start, energy)
    _check(system, source)
    return system


def _check(system: System, file: str) -> None:
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
        ("compared", definition.compared),
        *((f"basins.{name}", box) for name, box in definition.basins.items()),
    ):
        for cv in names:
            if cv not in definition.collective_variables:
                near = resources.did_you_mean(cv, definition.collective_variables)
                raise UsageError(f"{file}: {table}: no collective variable '{cv}'{near}")
        if table.startswith("basins.") and not names:
            raise UsageError(f"{file}: {table}: give at least one bound")
