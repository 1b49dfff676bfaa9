r"""Whether data are as likely under the model as what it draws.

If data and draws are of one distribution, so is log q of both: ranks of the data's among those of
the draws are uniform, whatever function log q is. Energy models answer log q at the smallest noise
themselves; of others the bound by the denoising error stands for it (`surprise_bound`), the same
for data and draws. The largest difference of the two cumulative distributions is the statistic of
Kolmogorov and Smirnov; the rank of a datum is the probability integral transform (Dawid 1984).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.diagnostics.finding import Finding, Line, Number, Plot, Scale, percent
from molgen.core.diagnostics.subject import Effort, Subject, Tell, in_chunks
from molgen.core.likelihood.bounds import surprise_bound
from molgen.core.likelihood.density import noised
from molgen.core.steering.denoised import denoised

_CHANCE = 0.001
_SCALE = Scale(f"distance, where chance does not explain it (p < {_CHANCE})", 0.1, 0.25)
_TITLE = "Calibration of likelihood"
FEW = 16
"""Data that are too few to tell anything of a distribution."""

_CHUNK = 64
_BINS = (8, 24)
"""Fewest and most of a histogram."""


def likelihood(subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell) -> Finding:
    """Ranks of log q of data among those of draws."""
    del effort
    about = (
        "Ranks of log q of held-out data among those of the model's draws, which are uniform if "
        "both are of one distribution: a test that needs no other model. The statistic is the "
        "largest difference of the two cumulative distributions (Kolmogorov & Smirnov)."
    )
    if subject.drawn is None or subject.data is None:
        return Finding(_TITLE, about, "Not measured: there are no held-out data to rank.")
    values = []
    for k, batch in enumerate((subject.data, subject.drawn)):
        tell(k, 2)
        values.append(log_q(subject, batch, generator, is_drawn=batch is subject.drawn))
    tell(2, 2)
    data, draws = values
    distance, chance = two_samples(data, draws)
    ranks = (draws[None] < data[:, None]).double().mean(1)
    shift = (data.mean() - draws.mean()).item() / max(draws.std().item(), 1e-12)
    source = "log q" if subject.energy is not None else "the bound on log q"
    if len(data) < FEW:
        return Finding(
            _TITLE,
            f"{about} Here of {len(data)} data, which are too few for that, and {len(draws)} "
            f"draws, by {source}.",
            f"The data rank at {percent(ranks.mean().item())} among {len(draws)} draws under "
            f"{source}: {len(data)} data are too few to tell more.",
        )
    verdict = (
        f"Data are as likely as draws under {source} (distance {distance:.2f}, p = {chance:.2g})."
        if chance >= _CHANCE
        else f"Data are {'less' if shift < 0 else 'more'} likely than draws under {source}: the "
        f"distributions differ by {distance:.2f} (p = {chance:.1g}), the means by {abs(shift):.2g} "
        "standard deviations."
    )
    return Finding(
        _TITLE,
        about + f" Here of {len(data)} data and {len(draws)} draws, by {source}.",
        verdict,
        _SCALE.mood(0.0 if chance >= _CHANCE else distance),
        str(_SCALE),
        numbers=(
            Number(
                "distance of the distributions",
                distance,
                None,
                "Kolmogorov-Smirnov: largest difference of the cumulative distributions, 0 to 1",
                f"below {1.36 * math.sqrt(1 / len(data) + 1 / len(draws)):.2g}, what chance leaves "
                "in 95 of 100",
            ),
            Number(
                "probability by chance",
                chance,
                None,
                "of a distance as large between two sets of one distribution",
                f"above {_CHANCE}",
            ),
            Number(
                "shift of the mean",
                shift,
                None,
                "mean of the data less that of the draws, in standard deviations of the draws; "
                "below 0: the model is too sure, above: not sure enough",
                "0; below 0.1 either way",
            ),
        ),
        plots=(
            Plot(
                "Ranks of data among draws",
                "rank",
                "share of the data below it",
                (
                    Line("data", [0.0, *ranks.sort().values.tolist(), 1.0], _steps(len(ranks))),
                    Line("uniform", [0.0, 1.0], [0.0, 1.0], style="rule"),
                ),
                log_x=False,
                note="Above the diagonal: data less likely than draws.",
            ),
            Plot(
                f"Distribution of {source}",
                f"{source} (nats)",
                "share",
                tuple(
                    _histogram(name, v, values)
                    for name, v in zip(("data", "draws"), values, strict=True)
                ),
                log_x=False,
            ),
        ),
    )


def log_q(subject: Subject, batch: Batch, generator: torch.Generator, *, is_drawn: bool) -> Tensor:
    """Log q of each graph, or the bound on it up to a constant: `[graphs]` float64.

    Args:
        subject: whose model answers.
        batch: clean data, or draws at the smallest time.
        generator: of noise.
        is_drawn: which of the two.
    """
    processes, model = subject.processes, subject.energy
    first = next(iter(processes.values()))
    like = next(iter(batch.state.values()))
    found = []
    smallest = like.new_full((batch.graphs,), first.t_min)
    for part, t in in_chunks(batch, smallest, _CHUNK):
        if model is not None:
            if not is_drawn:
                part = noised(processes, part, generator)
            with torch.no_grad():
                found.append(-model.energy(part, t).double())
            continue
        if is_drawn:
            with torch.no_grad():
                part = denoised(processes, subject.model.score(part, t), part, t)
        ends = torch.tensor([first.t_min, 1.0], dtype=torch.float64)
        low, high = (first.noise(ends) / first.signal(ends)).tolist()
        bound = surprise_bound(
            subject.model, processes, part, generator, low=low, high=high, points=24
        )
        found.append(-bound.double())
    return torch.cat(found).detach().cpu()


def two_samples(one: Tensor, other: Tensor) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance of two sets of numbers, and the chance of a larger one.

    The chance by the asymptotic series with Stephens' correction (1970).
    """
    both = torch.cat([one, other]).sort().values
    below = [torch.searchsorted(v.sort().values, both, right=True) / len(v) for v in (one, other)]
    distance = (below[0] - below[1]).abs().max().item()
    size = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    x = (size + 0.12 + 0.11 / size) * distance
    if x < 0.2:
        return distance, 1.0
    terms = [(-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 60)]
    return distance, min(max(2 * sum(terms), 0.0), 1.0)


def _steps(count: int) -> list[float]:
    return [0.0, *[(k + 1) / count for k in range(count)], 1.0]


def _histogram(name: str, values: Tensor, both: list[Tensor]) -> Line:
    everything = torch.cat(both)
    low, high = everything.quantile(0.002).item(), everything.quantile(0.998).item()
    fewest, most = _BINS
    bins = min(max(int(2 * min(map(len, both)) ** 0.5), fewest), most)
    edges = torch.linspace(low, max(high, low + 1e-9), bins + 1, dtype=torch.float64)
    counts = torch.histogram(values.clamp(low, high), edges).hist / len(values)
    centres = 0.5 * (edges[1:] + edges[:-1])
    return Line(name, centres.tolist(), counts.tolist())
