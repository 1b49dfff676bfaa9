r"""Experts: several models that share the time axis, each answering for its own range of noise.

Neighbours are blended, not switched, so that the score has no jump:

    E(x, t) = sum_k w_k(t) E_k(x, t),    w_k = S(u - u_k) - S(u - u_{k+1}),    u = log(s / m)

with u_k the edges and S a step of finite width and two continuous derivatives. The weights sum to
one, and an expert is evaluated only on the graphs for which its weight is not zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel, Evaluation, ScoreModel
from molgen.core.processes.process import Process, Processes
from molgen.errors import UsageError


@dataclass(frozen=True)
class Share:
    """What one expert is asked.

    Attributes:
        expert: its number.
        weight: `[k]`, its weight for each graph of `batch`; zero for graphs that only fill up.
        graphs: int64 `[k]`, which graphs of the whole batch those are.
        rows: for each field of the state, which rows of the whole batch those are.
        batch: the graphs themselves.
        t: `[k]`, their times.
    """

    expert: int
    weight: Tensor
    graphs: Tensor
    rows: dict[str, Tensor]
    batch: Batch
    t: Tensor


@dataclass(frozen=True)
class TimeBlend:
    """Weights of the experts over time.

    Attributes:
        process: whose noise-to-signal ratio measures time.
        edges: times between neighbouring experts, increasing: the first expert has the least noise.
        width: of the blend round each edge, in log(noise / signal).

    Raises:
        UsageError: the edges are not increasing between 0 and 1, or the width is not positive.
    """

    process: Process
    edges: tuple[float, ...]
    width: float = 0.5

    def __post_init__(self) -> None:
        times = (0.0, *self.edges, 1.0)
        if any(a >= b for a, b in itertools.pairwise(times)):
            raise UsageError(f"experts: edges {list(self.edges)} must increase between 0 and 1")
        if self.width <= 0:
            raise UsageError(f"experts: the blend width {self.width} must be positive")

    def weights(self, t: Tensor) -> Tensor:
        """w_k(t): `[graphs]` -> `[experts, graphs]`, summing to 1 over the experts."""
        edges = torch.tensor(self.edges, dtype=t.dtype, device=t.device)
        x = (self._level(t) - self._level(edges)[:, None]) / self.width + 0.5
        x = x.clamp(0, 1)
        above = x**3 * (10 + x * (6 * x - 15))
        one = torch.ones_like(t)[None]
        return torch.cat([one, above]) - torch.cat([above, torch.zeros_like(one)])

    def rates(self, t: Tensor) -> Tensor:
        """d w_k / dt: `[graphs]` -> `[experts, graphs]`."""
        rates: Tensor = torch.func.jvp(self.weights, (t,), (torch.ones_like(t),))[1]
        return rates

    def shares(self, batch: Batch, t: Tensor) -> list[Share]:
        """What to ask each expert that has any weight.

        Their batches are filled up to a multiple of a sixteenth of the whole, so that compiled
        experts meet few different sizes.
        """
        step = max(1, batch.graphs // 16)
        shares = []
        for number, weight in enumerate(self.weights(t)):
            used = weight.nonzero()[:, 0]
            count = len(used)
            if count == 0:
                continue
            if count == batch.graphs:
                graphs, part = used, batch
                rows = {name: _every_row(x) for name, x in batch.state.items()}
            else:
                graphs = torch.cat([used, used[:1].expand(-count % step)])
                part = batch.take(graphs)
                rows = {name: batch.rows[name].take(graphs)[1] for name in batch.state}
                filled = torch.arange(len(graphs), device=t.device) >= count
                weight = weight[graphs].masked_fill(filled, 0.0)
            shares.append(Share(number, weight, graphs, rows, part, t[graphs]))
        return shares

    def _level(self, t: Tensor) -> Tensor:
        return torch.log(self.process.noise(t) / self.process.signal(t))


def _every_row(x: Tensor) -> Tensor:
    return torch.arange(len(x), device=x.device)


class EnergySplit(EnergyModel):
    """Energy models of the same processes, blended over time.

    A constant by which two experts differ adds nothing to the score, but w_k' times it to the rate.

    Args:
        experts: from the least noise to the most.
        edges: times between them, increasing.
        width: of each blend, in log(noise / signal).
    """

    def __init__(
        self, experts: Sequence[EnergyModel], edges: Sequence[float], *, width: float = 0.5
    ) -> None:
        super().__init__(experts[0].processes)
        self.experts = nn.ModuleList(experts)
        self.blend = _blend(self.processes, len(experts), edges, width)

    @property
    def augmented(self) -> bool:
        """Whether every expert is told which points are inside out."""
        return all(expert.augmented for expert in self._experts())

    def accelerate(self, *, sizes_vary: bool = True) -> None:
        """Compile the experts, one program for all: each gets another share of every batch."""
        for expert in self._experts():
            expert.accelerate(sizes_vary=sizes_vary)

    def parts(self, t: float) -> list[tuple[float, EnergyModel]]:
        """The experts that have any weight at time `t`; away from the edges, one."""
        weights = self.blend.weights(torch.tensor([t], dtype=torch.float64))[:, 0].tolist()
        return [
            (weight * inner, part)
            for weight, expert in zip(weights, self._experts(), strict=True)
            if weight > 0
            for inner, part in expert.parts(t)
        ]

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t): `[graphs]`."""
        energy = torch.zeros_like(t)
        experts = self._experts()
        for share in self.blend.shares(batch, t):
            part = share.weight * experts[share.expert].energy(share.batch, share.t)
            energy = energy.index_add(0, share.graphs, part)
        return energy

    def evaluate(self, batch: Batch, t: Tensor, *, rate: bool = False) -> Evaluation:
        """Energy, score and (with `rate`) d log q / dt, the weights' own change included."""
        experts, shares = self._experts(), self.blend.shares(batch, t)
        if len(shares) == 1:
            return experts[shares[0].expert].evaluate(batch, t, rate=rate)
        energy, by_time = torch.zeros_like(t), torch.zeros_like(t)
        scores: dict[str, Tensor] = {}
        weight_rates = self.blend.rates(t) if rate else None
        for share in shares:
            part = experts[share.expert].evaluate(share.batch, share.t, rate=rate)
            energy = energy.index_add(0, share.graphs, share.weight * part.energy)
            _add_scores(scores, batch, share, part.score)
            if weight_rates is not None and part.rate is not None:
                change = weight_rates[share.expert][share.graphs] * (share.weight > 0)
                total = share.weight * part.rate - change * part.energy
                by_time = by_time.index_add(0, share.graphs, total)
        return Evaluation(energy, scores, by_time if rate else None)

    def _experts(self) -> list[EnergyModel]:
        return [expert for expert in self.experts if isinstance(expert, EnergyModel)]


class ScoreSplit(nn.Module):
    """Score models of the same processes, blended over time; see `EnergySplit`.

    Args:
        experts: from the least noise to the most; each a `ScoreModel` and a module.
        processes: the forward process of each field.
        edges: times between the experts, increasing.
        width: of each blend, in log(noise / signal).
    """

    def __init__(
        self,
        experts: Sequence[nn.Module],
        processes: Processes,
        edges: Sequence[float],
        *,
        width: float = 0.5,
    ) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.processes = dict(processes)
        self.blend = _blend(processes, len(experts), edges, width)

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The weighted sum of the experts' scores of each field, in tangent coordinates."""
        scores: dict[str, Tensor] = {}
        for share in self.blend.shares(batch, t):
            expert: ScoreModel = self.experts[share.expert]  # type: ignore[assignment]
            _add_scores(scores, batch, share, expert.score(share.batch, share.t))
        return scores


def _blend(processes: Processes, count: int, edges: Sequence[float], width: float) -> TimeBlend:
    if len(edges) != count - 1:
        raise UsageError(f"experts: {count} experts need {count - 1} edges, not {len(edges)}")
    return TimeBlend(next(iter(processes.values())), tuple(edges), width)


def _add_scores(
    scores: dict[str, Tensor], batch: Batch, share: Share, new: dict[str, Tensor]
) -> None:
    """Add the weighted scores of a share to the rows of the whole batch they belong to."""
    for name, score in new.items():
        if name not in scores:
            scores[name] = score.new_zeros(len(batch.state[name]), *score.shape[1:])
        weighted = share.batch.rows[name].spread(share.weight, score) * score
        scores[name] = scores[name].index_add(0, share.rows[name], weighted)
