"""A model's draws of beads made weighted configurations of all atoms, part by part."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.arrays import read_arrays, write_arrays
from molgen.core.models import EnergyModel
from molgen.core.random import Random, Streams
from molgen.errors import UsageError
from molgen.likelihood import LOG_Q
from molgen.md.drawn import Drawn, Progress
from molgen.md.likelihood import AT_ONCE
from molgen.md.models.statistics import Statistics
from molgen.md.potentials import Potential
from molgen.md.potentials.model import ModelPotential
from molgen.md.reconstruction.annealing import Annealing, anneal
from molgen.md.reconstruction.path import Energy, Path
from molgen.md.reconstruction.placement import Placement
from molgen.md.system import System, load_system
from molgen.parts import Parts

_PART = "annealed.npz"
_SECONDS = "seconds"
_STREAM = 1
"""Of a draw's random numbers; the flow has its own."""


@dataclass(frozen=True)
class AllAtoms:
    """Configurations of all atoms.

    Attributes:
        x: `[n, atoms, 3]` float32 nm.
        log_weights: `[n]`, of exp(-U / kT) per nm^3 of every atom but one (the centre of the beads
            stays where it is); the log of their mean is that of the partition function.
        shadow: `[n]` kT, the work that is the timestep's.
        lost: `[n]`, whether a path came to no end; its weight is zero.
        seconds: it took.
    """

    x: NDArray[np.float32]
    log_weights: NDArray[np.float64]
    shadow: NDArray[np.float64]
    lost: NDArray[np.bool_]
    seconds: float

    @property
    def said(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "shadow_work_kT": float(self.shadow.mean()),
            "lost": int(self.lost.sum()),
            "seconds_of_annealing": round(self.seconds, 3),
        }


def all_atom_system(name: str, statistics: Statistics) -> System:
    """The molecule of a model whose beads are atoms of it.

    Raises:
        UsageError: it is none, or the beads are not its atoms.
    """
    system = load_system(statistics.system)
    if not system.free:
        raise UsageError(f"{name}: {system.name} is no molecule; reweight it without --all-atoms")
    for bead in statistics.mapping.beads:
        known = bead.atom < len(system.atoms)
        if not known or system.atoms.beads[bead.atom].label != bead.label:
            raise UsageError(
                f"{name}: bead {bead.label} is no atom of {system.name}; the system is not the one "
                "that the model was trained on"
            )
    return system


def complete_in_parts(
    parts: Parts,
    first_part: int,
    system: System,
    model: EnergyModel,
    statistics: Statistics,
    drawn: Drawn,
    how: Annealing,
    *,
    batch_size: int = AT_ONCE,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> AllAtoms:
    """All atoms of drawn beads; those in parts that are there are not made again.

    Args:
        parts: of the result.
        first_part: number of the first that is of this.
        system: the molecule.
        model: on the device.
        statistics: of its beads.
        drawn: by the model.
        how: options of annealing.
        batch_size: draws in a part.
        seed: of all random numbers.
        device: where the energies are.
        progress: told (what, done, total).

    Raises:
        UsageError: the atoms cannot be placed after the beads.
        MolgenError: the disk is full.
    """
    potential = system.potential(torch.float32, device, compile=torch.device(device).type == "cpu")
    placement = Placement.of(system, statistics.mapping.atoms).to(torch.float32, device)
    beads = statistics.restore(torch.from_numpy(drawn.states).double().to(device))
    log_q = torch.from_numpy(drawn.scores[LOG_Q])
    learned = ModelPotential(model, statistics) if how.beads_move else None
    begin = _start(placement, learned, statistics.kT)
    path = Path(begin, _reduced(potential, system.kT), usual_energy(system), how.softness)
    masses = _masses(system, placement, how).to(device)
    made = []
    for number, first in enumerate(range(0, len(beads), batch_size)):
        part = slice(first, first + batch_size)
        if not parts.done(first_part + number):
            with parts.make(first_part + number) as folder:
                begun, some = time.perf_counter(), beads[part]

                def starts(generator: Random, copies: int, some: Tensor = some) -> Tensor:
                    return placement.draw(some.repeat_interleave(copies, 0), generator)

                streams = Streams.of(seed, first, len(some), device).branch(_STREAM)
                found = anneal(path, starts, masses, system.kT, how, streams)
                log_weights = found.log_weights.cpu() - log_q[part]
                if learned is not None:
                    log_weights -= learned.energy(some.float()).double().cpu() / statistics.kT
                write_arrays(
                    folder / _PART,
                    {
                        "x": found.x.float().numpy(force=True),
                        "log_weights": log_weights.numpy(),
                        "shadow": found.shadow.numpy(force=True),
                        "lost": found.lost.numpy(force=True),
                        _SECONDS: np.array([time.perf_counter() - begun]),
                    },
                )
        made.append(read_arrays(parts[first_part + number] / _PART))
        if progress is not None:
            progress("annealing all atoms", min(first + batch_size, len(beads)), len(beads))
    whole = {name: np.concatenate([one[name] for one in made]) for name in made[0]}
    return AllAtoms(seconds=float(whole.pop(_SECONDS).sum()), **whole)


def usual_energy(system: System) -> float:
    """U / kT of a molecule at its start and half of kT for each coordinate."""
    potential = system.potential(torch.float64, compile=False)
    lowest = float(potential.energy(system.start[None])[0])
    return lowest / system.kT + 0.5 * system.start.numel()


def _start(placement: Placement, learned: ModelPotential | None, kT: float) -> Energy:
    """-log r of the placed atoms, and the model's energy of the beads if they move."""
    if learned is None:
        return placement.energy_and_forces
    beads, of_beads = list(placement.beads), _reduced(learned, kT)

    def energy(x: Tensor) -> tuple[Tensor, Tensor]:
        surprise, forces = placement.energy_and_forces(x)
        own, pull = of_beads(x[:, beads])
        forces = forces.clone()
        forces[:, beads] += pull
        return surprise + own, forces

    return energy


def _reduced(potential: Potential, kT: float) -> Energy:
    def energy(x: Tensor) -> tuple[Tensor, Tensor]:
        found, forces = potential.energy_and_forces(x)
        return found / kT, forces / kT

    return energy


def _masses(system: System, placement: Placement, how: Annealing) -> Tensor:
    """`[atoms]` amu: hydrogens are heavy, and beads that are held never move."""
    light = torch.tensor([bead.element == "H" for bead in system.atoms.beads])
    masses = torch.where(light, how.hydrogen_mass_amu, system.masses)
    if not how.beads_move:
        masses[list(placement.beads)] = math.inf
    return masses
