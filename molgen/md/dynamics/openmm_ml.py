"""A checkpoint as a potential of openmm-ml: `MLPotential("molgen", checkpoint="...")`.

openmm-ml finds `MolgenPotentialImplFactory` by the entry point `openmmml.potentials` and makes one
whenever it is imported: nothing is imported here until a potential is asked for. The classes have
the methods of its `MLPotentialImplFactory` and `MLPotentialImpl`, which cannot be base classes: to
import them would run that search again, before these are defined.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molgen.md.potentials.model import ModelPotential


class MolgenPotentialImplFactory:
    """What openmm-ml asks for a potential named `molgen`."""

    def createImpl(
        self, name: str, checkpoint: str, noise: float | None = None
    ) -> MolgenPotentialImpl:
        """The potential of a checkpoint.

        Args:
            name: as registered, `molgen`.
            checkpoint: a shipped name, a checkpoint, or a run folder.
            noise: noise / signal of the evaluation; that of the recipe if None.

        Raises:
            UsageError: no such checkpoint, or it is damaged.
        """
        del name
        from molgen import checkpoint as checkpoints
        from molgen.md.dynamics.engines import potential_of

        return MolgenPotentialImpl(potential_of(checkpoints.load(checkpoint), noise))


class MolgenPotentialImpl:
    """A model that adds its force to a system.

    What moves under it are conformers at the noise of the potential: frames that OpenMM reports are
    not carried to the smallest noise, as those of `molgen simulate --engine openmm` are.

    Args:
        potential: of a molecule.
    """

    def __init__(self, potential: ModelPotential) -> None:
        self.potential = potential

    def addForces(
        self,
        topology: Any,
        system: Any,
        atoms: Iterable[int] | None,
        forceGroup: int,
        device: str = "cpu",
        compiled: bool = True,
    ) -> None:
        """Add the model's force on some atoms of a system.

        Args:
            topology: `openmm.app.Topology` of the system.
            system: `openmm.System`.
            atoms: which of its atoms are the beads, in the model's order; all of them if None.
            forceGroup: of the force.
            device: where the model runs.
            compiled: compile the model at the first step.

        Raises:
            UsageError: the atoms are not the model's beads; the first difference is named.
        """
        import openmm
        import torch

        from molgen.md.dynamics.openmm import ModelForce

        chosen = None if atoms is None else list(atoms)
        every = [atom.name for atom in topology.atoms()]
        self._check(every if chosen is None else [every[i] for i in chosen])
        force = openmm.PythonForce(
            ModelForce(self.potential, torch.empty(0, device=device), compiled)
        )
        if chosen is not None:
            force.setParticles(chosen)
        force.setForceGroup(forceGroup)
        system.addForce(force)

    def _check(self, names: list[str]) -> None:
        from molgen.errors import UsageError

        statistics = self.potential.statistics
        beads = [bead.name for bead in statistics.mapping.beads]
        if names != beads:
            raise UsageError(
                f"the model of {statistics.system} has the beads {' '.join(beads)}, the atoms are "
                f"{' '.join(names)}; give it a topology of the beads, or `atoms` that are"
            )

    def getSupportedEmbeddings(self) -> list[str]:
        """None of its own: beads know nothing of a surrounding."""
        return []

    def getMLLongRange(self) -> bool:
        """False: there is no box."""
        return False
