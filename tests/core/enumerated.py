"""Categorical rows whose every answer is a sum over the few configurations there are."""

import math

import torch
from torch import Tensor, nn

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.models.categorical import Categories
from molgen.core.processes import VP
from molgen.core.solvers.sde import ancestral


class Enumerated:
    """Rows of types that come in a few configurations only: everything is a sum over those.

    Args:
        configurations: int64 `[M, rows]`.
        weights: `[M]`, their probabilities.
    """

    def __init__(self, configurations: Tensor, weights: Tensor) -> None:
        self.configurations, self.weights = configurations, weights / weights.sum()
        kinds = int(configurations.max()) + 1
        frequencies = torch.stack(
            [(self.weights[:, None] * (configurations == k)).sum() for k in range(kinds)]
        )
        self.categories = Categories(frequencies).double()
        self.encodings = {"x": self.categories}
        self.processes = {"x": VP(t_min=0.03, data_std=self.categories.std)}

    def posterior(self, batch: Batch, t: Tensor) -> Tensor:
        """p(configuration | state at t): `[graphs, M]`."""
        x, process = batch.state["x"], self.processes["x"]
        m, s = process.signal(t)[:, None, None], process.noise(t)[:, None, None]
        corners = self.categories.corners
        log_p = (m * (x @ corners.mT) - 0.5 * m.square() * corners.square().sum(1)) / s.square()
        chosen = self.configurations.mT.expand(len(x), -1, -1)
        return (self.weights.log() + log_p.gather(2, chosen).sum(1)).softmax(-1)

    def log_probabilities(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        kinds = nn.functional.one_hot(self.configurations, self.categories.width).double()
        return {"x": torch.einsum("gm,mrk->grk", self.posterior(batch, t), kinds).log()}

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        mean = self.categories.mean(self.log_probabilities(batch, t)["x"].exp())
        process = self.processes["x"]
        return {"x": process.kernel_score(batch.state["x"], mean, t, batch.rows["x"])}

    def empty(self, graphs: int) -> Batch:
        rows = self.configurations.shape[1]
        x = torch.zeros(graphs, rows, self.categories.width, dtype=torch.float64)
        return Batch({"x": x}, {"x": DenseRows(graphs, (rows,))})

    def drawn(self, score, graphs: int, steps: int) -> Tensor:
        """Types `[graphs, rows]` drawn by ancestral steps of a score."""
        generator = torch.Generator().manual_seed(1)
        batch = solvers.prior(self.processes, self.empty(graphs), generator)
        times = grids.karras(self.processes["x"], steps)
        batch = ancestral(self.processes, score, batch, times, generator)
        return self.categories.decode(batch.state["x"])

    def distance(self, drawn: Tensor, exact: Tensor) -> float:
        """Total variation between drawn configurations and probabilities `[M]`."""
        found = torch.stack([(drawn == c).all(1).double().mean() for c in self.configurations])
        return 0.5 * ((found - exact).abs().sum() + 1 - found.sum()).item()

    @staticmethod
    def noise(exact: Tensor, graphs: int) -> float:
        """Total variation from `exact` that counting so many graphs leaves, on average."""
        return ((exact * (1 - exact) / graphs).sqrt().sum() * (2 / math.pi) ** 0.5 / 2).item()
