"""How reference frames are made: options, and the chains that they describe."""

from typing import Any, Literal

import torch
from pydantic import Field, ValidationError

from molgen.errors import UsageError
from molgen.md.dynamics.integrators import BAOAB
from molgen.md.dynamics.replica_exchange import Exchanger, level_ladder
from molgen.md.dynamics.tempering import Sampler, Tempering
from molgen.md.system import System
from molgen.md.system.definition import Sampling
from molgen.resources import did_you_mean


class GenerateOptions(Sampling):
    """Options of `generate`: those of the system's [sampling] table, and these.

    Attributes:
        frames: Frames at the wanted temperature to have at the end; a finished folder can be
            continued to more.
        effective_samples: Go on until every basin's population is known as well as from so many
            independent samples (see `molgen.md.data.convergence`).
        frames_per_part: Of those frames, how many one file has; at most so many are lost on
            interruption.
        engine: `molgen` (BAOAB with parallel tempering) or `openmm` (its LangevinMiddleIntegrator,
            one chain after another, without tempering after a hot start; an independent check).
        keep_forces: Write forces too.
        all_levels: Write the frames of every temperature level, not of the wanted one alone.
        dtype: Of forces and velocities; positions accumulate in float64.
        device: Where the chains run.
        seed: Of all random numbers.
    """

    frames: int = Field(default=100_000, ge=1)
    effective_samples: float = Field(default=0.0, ge=0)
    frames_per_part: int = Field(default=20_000, ge=1)
    engine: Literal["molgen", "openmm"] = "molgen"
    keep_forces: bool = False
    all_levels: bool = False
    dtype: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    seed: int = 0

    @property
    def group_size(self) -> int:
        """Chains of a group: plain OpenMM has none at higher levels."""
        return self.lowest + (0 if self.engine == "openmm" else len(self.ladder) - 1)

    @property
    def frames_at_once(self) -> int:
        """Frames of one moment at the wanted temperature."""
        return self.groups * self.lowest


TARGETS = {"frames", "effective_samples"}
"""Options that may change when a run is continued."""


def generate_options(system: System, **changes: Any) -> GenerateOptions:
    """The options for a system: its [sampling] table, with changes by name.

    Raises:
        UsageError: an unknown option (with a suggestion) or a value out of range.
    """
    values = system.definition.sampling.model_dump(exclude_unset=True) | changes
    for name in changes:
        if name not in GenerateOptions.model_fields:
            near = did_you_mean(name, GenerateOptions.model_fields)
            raise UsageError(f"generate: no option '{name}'{near}")
    try:
        options = GenerateOptions(**values)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"generate: {where}: {problem['msg'].lower()}") from None
    if options.all_levels and options.engine == "openmm":
        raise UsageError("generate: plain OpenMM has no further temperature levels to write")
    if options.stride % options.exchange_every:
        raise UsageError(
            f"generate: stride ({options.stride}) must be a multiple of exchange_every "
            f"({options.exchange_every})"
        )
    return options


def sampling_masses(system: System, options: Sampling) -> torch.Tensor:
    """Masses [atoms] float64 amu to sample with: hydrogens may be heavier than they are."""
    if options.hydrogen_mass_amu is None:
        return system.masses
    light = torch.tensor([bead.element == "H" for bead in system.atoms.beads])
    return torch.where(light, options.hydrogen_mass_amu, system.masses)


def make_sampler(system: System, options: GenerateOptions) -> Sampler:
    """The chains that the options describe, at their start.

    Raises:
        UsageError: the engine cannot run this system.
    """
    timestep = options.timestep_ps or system.timestep_ps
    friction = options.friction_per_ps or system.friction_per_ps
    masses = sampling_masses(system, options)
    if options.engine == "openmm":
        from molgen.md.dynamics.openmm_chains import OpenMMChains

        temperature = system.temperature_K or 0.0
        return OpenMMChains(
            system.openmm_system(),
            system.start,
            masses,
            temperature,
            temperature * options.ladder[-1],
            timestep,
            friction,
            options.frames_at_once,
            options.seed,
        )
    device = torch.device(options.device)
    dtype = {"float32": torch.float32, "float64": torch.float64}[options.dtype]
    potential = system.potential(dtype, device)
    ladder = level_ladder(system.kT, options.ladder, options.lowest)
    return Tempering(
        BAOAB(potential, masses.to(device), timestep, friction),
        Exchanger.start(ladder, options.groups, device),
        system.start,
        options.exchange_every,
        system.free,
        dtype,
        torch.Generator(device).manual_seed(options.seed),
        options.all_levels,
    )
