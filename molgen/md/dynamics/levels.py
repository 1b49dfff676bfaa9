"""Levels of replica exchange on a learned energy: the same model hotter, or under more noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.core.models import EnergyModel
from molgen.errors import UsageError
from molgen.md.potentials import Potential
from molgen.md.potentials.model import ModelPotential
from molgen.md.task import restore
from molgen.units import KB


@dataclass(frozen=True)
class Level:
    """One level of a ladder.

    Attributes:
        name: what sets it apart, such as `350 K`.
        potential: energies and forces.
        kT: thermal energy, kJ/mol.
    """

    name: str
    potential: Potential
    kT: float


@dataclass(frozen=True)
class LadderOptions:
    """What a user asks for above the wanted level.

    Attributes:
        temperatures_K: ascending. A model of many temperatures has its own energy at each; of
            another, whose energy is of one temperature, only the chains are hotter.
        noises: noise / signal, ascending: the model's energy at later diffusion times.
    """

    temperatures_K: tuple[float, ...] = ()
    noises: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.temperatures_K and self.noises:
            raise UsageError("replica exchange: over temperatures or over noises, not both")

    def levels(
        self, checkpoint: str | Path, found: Checkpoint, model: EnergyModel, wanted: ModelPotential
    ) -> tuple[Level, ...]:
        """Every level, the wanted one first; none if nothing was asked for.

        Args:
            checkpoint: the name by which `found` was loaded.
            found: it.
            model: it, where it runs.
            wanted: its potential.

        Raises:
            UsageError: levels do not ascend from the wanted one, or the model does not know one.
        """
        statistics = wanted.statistics
        if self.noises:
            _require_ascending("noise", (wanted.noise, *self.noises), "")
            found_at = [ModelPotential(model, statistics, noise) for noise in self.noises]
            for noise, potential in zip(self.noises, found_at, strict=True):
                if potential.time > 1:
                    raise UsageError(f"replica exchange: the model knows no noise {noise:g}")
            potentials = dict(zip((wanted.noise, *self.noises), (wanted, *found_at), strict=True))
            return tuple(
                Level(f"noise {noise:g}", potential, statistics.kT)
                for noise, potential in potentials.items()
            )
        if not self.temperatures_K:
            return ()
        own = statistics.kT / KB
        _require_ascending("temperature", (own, *self.temperatures_K), " K")
        others = [
            Level(f"{kelvin:g} K", self._at(kelvin, checkpoint, found, model, wanted), KB * kelvin)
            for kelvin in self.temperatures_K
        ]
        return (Level(f"{own:g} K", wanted, statistics.kT), *others)

    def _at(
        self,
        kelvin: float,
        checkpoint: str | Path,
        found: Checkpoint,
        model: EnergyModel,
        wanted: ModelPotential,
    ) -> Potential:
        bound = found.meta.get("bound")
        if bound is None:
            return wanted
        whole = str(checkpoint).removesuffix(f":{bound}")
        subject = bound.partition("@")[0]
        hot, statistics = restore(checkpoints.load(f"{whole}:{subject}@{kelvin:g}"))
        device = next(model.parameters()).device
        return ModelPotential(hot.to(device), statistics, wanted.noise)


def _require_ascending(what: str, values: Sequence[float], unit: str) -> None:
    for low, high in pairwise(values):
        if not low * (1 + 1e-6) < high < math.inf:
            raise UsageError(
                f"replica exchange: {what} {high:g}{unit} does not lie above {low:g}{unit}; "
                "name ascending levels above the wanted one"
            )
