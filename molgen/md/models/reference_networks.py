r"""The networks of the reference implementation (Plainer et al. 2025), for comparison with ours.

Each comes in two forms. As a correction to the closed-form Gaussian base it is told the noise as
our networks are, and fades where the base is exact:

    correction = strength net(x / std(x_t), log noise / signal) / (1 + (noise / signal)^2)

With `raw = true` it is the whole energy, -log q(x, t) = net(x / std(x_t), t) up to a function of t,
and sees time as the published models do. For the published VP process std(x_t) = 1 always.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.core.processes import LinearProcess, Processes
from molgen.md.models.networks import noise_embedding
from molgen.md.models.statistics import Statistics
from molgen.nn.graph_transformer import GraphTransformer


class RawEnergy(EnergyModel):
    """A network's output as the energy itself: no base, no normalisation.

    Args:
        processes: the forward process of each field.
        network: `network(batch, t)` gives `[graphs]`, kT.
    """

    def __init__(self, processes: Processes, network: nn.Module) -> None:
        super().__init__(processes)
        self.network = network

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t) up to a function of t: `[graphs]`."""
        energy: Tensor = self.network(batch, t)
        return energy


class PublishedTime:
    """Time as the published networks see it: t - (t1 - t0)/2, cos 2 pi t, sin 2 pi t, -cos 4 pi t.

    An expert between t0 and t1 may be told the last three of (t - t0) / (t1 - t0), too.

    Args:
        between: (t0, t1) of an expert; None for a network of all times.
    """

    def __init__(self, between: Sequence[float] | None = None) -> None:
        self.between = between
        self.width = 4 if between is None else 7

    def __call__(self, t: Tensor) -> Tensor:
        """`[graphs]` -> `[graphs, width]`."""
        if self.between is None:
            return torch.stack([t - 0.5, *_waves(t)], dim=1)
        low, high = self.between
        length = high - low
        return torch.stack([t - 0.5 * length, *_waves(t), *_waves((t - low) / length)], dim=1)


def _waves(t: Tensor) -> list[Tensor]:
    angle = 2 * math.pi * t
    return [angle.cos(), angle.sin(), -(2 * angle).cos()]


class ReferenceNetwork(nn.Module, ABC):
    """What the two networks share: how noise and time enter, and the two forms.

    Args:
        process: the forward process of the positions.
        raw: whether the output is the whole energy rather than a correction to the base.
        between: times (t0, t1) of this expert, told it in the raw form.
        strength: correction in kT of a network output of one.
    """

    def __init__(
        self, process: LinearProcess, raw: bool, between: Sequence[float] | None, strength: float
    ) -> None:
        super().__init__()
        self.process, self.raw, self.strength = process, raw, strength
        self.noise = noise_embedding(process)
        self.time = PublishedTime(between)
        self.time_width = self.time.width if raw else self.noise.width

    @abstractmethod
    def output(self, x: Tensor, time: Tensor) -> Tensor:
        """`[n]` of standardised positions `[n, beads, dims]` and time features `[n, width]`."""

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """The energy or the correction to it, kT: `[graphs]`."""
        x = self.process.standardised(batch.state["pos"], t, batch.rows["pos"])
        if self.raw:
            return self.output(x, self.time(t))
        ratio = self.process.noise(t) / self.process.signal(t)
        return self.strength * self.output(x, self.noise(ratio)) / (1 + ratio.square())

    def start_at_base(self, last: nn.Linear) -> None:
        """Let a correction begin near zero; a raw energy begins anywhere."""
        if not self.raw:
            nn.init.normal_(last.weight, std=1e-2 / last.in_features**0.5)
            nn.init.zeros_(last.bias)


class GraphTransformerNetwork(ReferenceNetwork):
    """The graph transformer: a number for each bead from who it is and where the rest are, summed.

    Nodes carry the bead's index (one-hot) and the time, edges the difference vectors x_j - x_i:
    invariant under translation, but what rotation means it learns only from turned data (`rotate`
    in `[data]`).

    Args:
        process: the forward process of the positions.
        statistics: of the molecule.
        hidden: width of the nodes.
        layers: number of layers.
        heads: attention heads.
        head_width: features of each head.
        raw: whether this is the whole energy; see the module.
        between: times (t0, t1) of this expert, in the raw form.
        strength: correction in kT of a network output of one.
    """

    identity: Tensor

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        *,
        hidden: PositiveInt = 96,
        layers: PositiveInt = 2,
        heads: PositiveInt = 8,
        head_width: PositiveInt = 64,
        raw: bool = False,
        between: Sequence[float] | None = None,
        strength: float = 3.0,
    ) -> None:
        super().__init__(process, raw, between, strength)
        beads, dims = len(statistics.mapping), len(statistics.offset)
        self.register_buffer("identity", torch.eye(beads), persistent=False)
        self.transformer = GraphTransformer(
            beads + self.time_width,
            dims,
            hidden=hidden,
            layers=layers,
            heads=heads,
            head_width=head_width,
        )
        self.head = nn.Linear(hidden, 1)
        self.start_at_base(self.head)

    def output(self, x: Tensor, time: Tensor) -> Tensor:
        """Sum over the beads: `[n]`."""
        n, beads, _ = x.shape
        who = self.identity.expand(n, beads, beads)
        nodes = torch.cat([who, time[:, None].expand(n, beads, -1)], dim=-1)
        edges = x[:, None] - x[:, :, None]
        return self.head(self.transformer(nodes, edges))[..., 0].sum(1)


class PlainNetwork(ReferenceNetwork):
    """A perceptron on the plain coordinates and the time, for test systems.

    The published widths for Mueller-Brown: 92, 92, 92 alone or for each of three experts; 64, 64,
    64 and 64, 64 and 54, 54 for three experts that have as many weights together; 512, 512, 512.

    Args:
        process: the forward process of the position.
        statistics: of the system.
        widths: of the hidden layers.
        raw: whether this is the whole energy; see the module.
        between: times (t0, t1) of this expert, in the raw form.
        strength: correction in kT of a network output of one.
    """

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        *,
        widths: Sequence[PositiveInt] = (92, 92, 92),
        raw: bool = False,
        between: Sequence[float] | None = None,
        strength: float = 3.0,
    ) -> None:
        super().__init__(process, raw, between, strength)
        width = len(statistics.mapping) * len(statistics.offset) + self.time_width
        blocks: list[nn.Module] = []
        for following in widths:
            blocks += [nn.Linear(width, following), nn.SiLU()]
            width = following
        last = nn.Linear(width, 1)
        self.start_at_base(last)
        self.network = nn.Sequential(*blocks, last)

    def output(self, x: Tensor, time: Tensor) -> Tensor:
        """Of all coordinates together: `[n]`."""
        return self.network(torch.cat([x.flatten(1), time], dim=1))[:, 0]


REFERENCE_NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "graph_transformer": GraphTransformerNetwork,
    "plain": PlainNetwork,
}
"""Networks by the `kind` a recipe names."""
