"""Models of graphs to be timed: networks of real sizes with random weights, which cost the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from molgen.config import Recipe, load_recipe
from molgen.core.losses import LOSSES
from molgen.families import build
from molgen.graphs.dense import Bucket, as_batch
from molgen.graphs.drawing import draw
from molgen.graphs.models.kinds import GraphModel, build_model
from molgen.graphs.models.properties import PropertyModel
from molgen.graphs.models.reference_networks import NoiseScore
from molgen.graphs.models.statistics import Statistics
from molgen.sampler import SampleTable

RECIPE = "qm9"
NODES = (0.719, 0.158, 0.117, 0.003, 0.001, 0.001, 0.0005, 0.0005)
EDGES = (0.727, 0.234, 0.031, 0.008)
QM9 = (0, 3, 4, 8, 26, 115, 558, 2903, 16541, 100645)
"""Molecules of 0, 1, 2, ... atoms, frequencies of atoms (with charges) and of bonds in QM9."""


def of_size(atoms: int) -> tuple[int, ...]:
    """Sizes that are all the same."""
    return (0,) * atoms + (1,)


@dataclass(frozen=True)
class Subject:
    """A model to be timed, and what it draws.

    Attributes:
        model: with random weights.
        statistics: of the graphs.
        device: where it runs.
    """

    model: GraphModel
    statistics: Statistics
    device: str = "cpu"

    @classmethod
    def of_recipe(cls, sizes: Sequence[int], device: str = "cpu") -> Subject:
        """The recipe's model, for graphs of these sizes."""
        return cls._made(Statistics(NODES, EDGES, tuple(sizes), None), device, {})

    @classmethod
    def gdss(cls, sizes: Sequence[int], kinds: int, device: str = "cpu", **options: Any) -> Subject:
        """GDSS's networks with these options, for so many types of atoms."""
        statistics = Statistics((1 / kinds,) * kinds, EDGES, tuple(sizes), None)
        made = cls._made(statistics, device, {"model": {"kind": "gdss", **options}})
        assert isinstance(made.model, NoiseScore)
        for part in made.model.network.children():
            # The corrector's step goes with the inverse of the answer, so that it must be one of
            # the right size: noise of one everywhere.
            final: Any = part.final
            torch.nn.init.zeros_(final[-1].weight)
            torch.nn.init.ones_(final[-1].bias)
        return made

    @classmethod
    def _made(cls, statistics: Statistics, device: str, changes: dict[str, Any]) -> Subject:
        recipe = Recipe.parse({**load_recipe(RECIPE).tables(), **changes}, RECIPE)
        torch.manual_seed(0)
        model = build_model(recipe, statistics)
        assert not isinstance(model, PropertyModel)
        return cls(model.to(device), statistics, device)

    @property
    def parameters(self) -> int:
        """Numbers that training finds."""
        return sum(p.numel() for p in self.model.parameters())

    def drawing(self, count: int, steps: int, solver: str = "ancestral") -> Callable[[], object]:
        """A function that draws so many graphs at once."""
        return partial(
            draw,
            self.model,
            self.statistics,
            count,
            table=SampleTable(steps=steps, solver=solver),
            batch_size=count,
            device=self.device,
        )

    def training(self, count: int) -> Callable[[], object]:
        """A function that takes a training step of the recipe with so many graphs."""
        losses = [(build(part, LOSSES, RECIPE), part.weight) for part in load_recipe(RECIPE).loss]
        optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-5, foreach=True)
        generator = torch.Generator(self.device).manual_seed(0)
        graphs = _random_graphs(self.statistics, count).to(torch.device(self.device))
        batch = as_batch(graphs, self.model.encodings)

        def step() -> None:
            for loss, weight in losses:
                value, _ = loss(self.model, self.model.processes, batch, generator)
                (weight * value).backward()
            optimiser.step()
            optimiser.zero_grad()
            if self.device == "cuda":
                torch.cuda.synchronize()

        return step


def draw_once(sizes: tuple[int, ...], count: int) -> None:
    """So many graphs of a new model, in two steps: for what it needs of memory."""
    Subject.of_recipe(sizes).drawing(count, 2)()


def _random_graphs(statistics: Statistics, count: int) -> Bucket:
    """Types as frequent as in a set, independent of each other; all as large as the largest."""
    generator, n = torch.Generator().manual_seed(0), statistics.most

    def types(frequencies: Sequence[float], *shape: int) -> torch.Tensor:
        weights, total = torch.tensor(frequencies), torch.Size(shape).numel()
        found = torch.multinomial(weights, total, replacement=True, generator=generator)
        return found.reshape(shape).to(torch.int8)

    upper = types(statistics.edges, count, n, n).triu(1)
    sizes = torch.full((count,), n)
    return Bucket(sizes, types(statistics.nodes, count, n), upper + upper.mT)
