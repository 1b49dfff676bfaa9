r"""Which part of a score's error changes the density: what is left beyond its gauge freedom.

A field r added to the true score changes no density where div(q r) = 0: the gauge freedom of a
diffusion model (Horvat & Pfister 2024). Of the error e = s - s* only the part that is a gradient in
the metric of q acts (Khelifa et al. 2026), and its size is a supremum over functions phi,

    E |grad part of e|^2 = sup_phi  2 E <e, grad phi> - E |grad phi|^2,

where the denoising target may stand for s*. Over the span of some functions it is found by least
squares on half of the points and measured on the other, so that it is a lower bound without bias.
Inner products are weighted by g^2 of each field, as div(g^2 q r) is what enters.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.diagnostics.finding import (
    SURE,
    Estimate,
    Finding,
    Number,
    Plot,
    Scale,
    integral,
    line_of,
    percent,
    worst,
)
from molgen.core.diagnostics.subject import (
    Effort,
    Noised,
    Subject,
    Tell,
    in_chunks,
    noised_levels,
    scores,
)
from molgen.core.diagnostics.waves import gradients
from molgen.core.processes import Processes

_SCALE = Scale("cost in nats", 0.1, 1.0)
FUNCTIONS = 24
"""Test functions, at most: one for every eight data, so that they are not learned by heart."""

_RIDGE = 1e-3
_SEEN = 1e-3  # nats: less is rounding
_AT_ONCE = 2**21  # numbers in the gradients that are held together: bounds the memory


def gauge(subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell) -> Finding:
    """The part of the error that changes the density, against noise."""
    noises, nats, shares = [], [], []
    for level in noised_levels(subject, effort.levels, effort.draws, generator, tell):
        acting, square = acting_error(subject, level)
        noises.append(level.noise)
        nats.append(per_level(subject, level, acting))
        shares.append(acting.root(square))
    total = integral(noises, nats)
    k = worst(shares)
    sure = total.value > SURE * total.error and total.value > _SEEN
    # what is fitted to chance on one half costs on the other: below 0 without anything to see
    unseen = max(SURE * total.error - min(total.value, 0.0), _SEEN)
    where = " At the model's own draws: what makes it disagree with itself."
    return Finding(
        "Gauge: what of the error acts",
        "A field r added to the score changes no density where div(q r) = 0 (Horvat & Pfister "
        "2024); only the gradient part of the error acts (Khelifa et al. 2026). It is sought in "
        f"the span of up to {FUNCTIONS} test functions, fitted on half of the data and measured on "
        "the other: a lower bound, as functions outside the span may see what these do not. In "
        "nats for each e-fold of noise, s² E|error|²: their sum is what it costs of log q (Song et "
        "al. 2021)." + ("" if subject.held_out else where),
        f"An error that changes the density costs at least {total.value:.2g} nats of log q; it is "
        f"{percent(shares[k].value)} of the score at noise/signal {noises[k]:.2g}."
        if sure
        else "No error that changes the density was seen; from "
        f"{unseen:.1g} nats of log q on these functions would see it.",
        _SCALE.mood(total.value if sure else 0.0),
        str(_SCALE),
        numbers=(
            Number(
                "cost of what changes the density",
                total.value,
                total.error,
                "nats of log q, at least; summed over all noise",
                "0 or below: nothing was seen; up to 0.1",
            ),
            Number(
                "largest share of the score",
                shares[k].value,
                shares[k].error,
                "rms of that error relative to the score, at the noise where it is largest",
                "0 within its error; below 0.05",
            ),
        ),
        plots=(
            Plot(
                "Cost of the error that changes the density, at least",
                "noise / signal",
                "nats for each e-fold of noise",
                (line_of("cost", noises, nats),),
                note="Above 0 by more than its band: seen. Below 0: nothing, and fitting chance "
                "on one half cost so much on the other.",
            ),
        ),
    )


def acting_error(subject: Subject, level: Noised, seed: int = 0) -> tuple[Estimate, float]:
    """The mean square of the error's gradient part in the span, and that of the score.

    Both are sums over fields weighted by g^2.
    """
    count = max(2, min(FUNCTIONS, level.distinct // 8))
    gram, product, square = _moments(subject, level, count, seed)
    # by what they are noised forms of: else both halves would know the same data
    first = (level.origin < level.distinct / 2).cpu()
    gains = torch.zeros_like(square)
    for fit, test in ((first, ~first), (~first, first)):
        matrix = gram[fit].mean(0)
        ridge = _RIDGE * matrix.diagonal().mean().clamp_min(1e-30)
        eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        c = torch.linalg.solve(matrix + ridge * eye, product[fit].mean(0))
        gains[test] = 2 * product[test] @ c - torch.einsum("k,nkl,l->n", c, gram[test], c)
    return level.mean(gains.to(level.t.device)), square.mean().item()


def per_level(subject: Subject, level: Noised, square: Estimate) -> Estimate:
    """A mean square weighted by g^2 as nats for each e-fold of the first field's noise.

    g^2/2 E|e|^2 dt of log q (Song et al. 2021, theorem 2), with d log(noise / signal) = g^2 / (2
    s^2) dt.
    """
    first = next(iter(subject.processes.values()))
    unit = (first.noise(level.t[:1]) / first.diffusion(level.t[:1])).square().item()
    return Estimate(unit * square.value, unit * square.error)


def _moments(
    subject: Subject, level: Noised, count: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """<grad phi_k, grad phi_l>, <e, grad phi_k> and |s|^2 at every graph, by s - c for e.

    `[graphs, K, K]`, `[graphs, K]`, `[graphs]`, float64.
    """
    processes: Processes = subject.processes
    score = scores(subject.model, level.batch, level.t)
    numbers = sum(x[0].numel() for x in level.batch.state.values())
    size = max(1, _AT_ONCE // (count * max(numbers, 1)))
    grams, products = [], []
    start = 0
    for some, t in in_chunks(level.batch, level.t, size):
        here = torch.arange(start, start + some.graphs, device=t.device)
        start += some.graphs
        many, gradient = gradients(processes, some, t, count, seed=seed)
        gram = torch.zeros(count, count, some.graphs, dtype=torch.float64)
        product = torch.zeros(count, some.graphs, dtype=torch.float64)
        copies = torch.arange(some.graphs, device=t.device).repeat(count)
        for name, process in processes.items():
            rows, inner = many.rows[name], process.manifold.inner
            weight = process.diffusion(t).square().double()
            own = level.batch.rows[name].take(here)[1]
            error = (score[name] - level.target[name])[own]
            spread = some.rows[name].take(copies)[1]
            found = inner(error[spread], gradient[name], rows).double()
            product += (weight * found.reshape(count, -1)).cpu()
            for k in range(count):
                graphs = torch.arange(some.graphs, device=t.device) + k * some.graphs
                one = gradient[name][rows.take(graphs)[1]]
                found = inner(one[spread], gradient[name], rows).double()
                gram[k] += (weight * found.reshape(count, -1)).cpu()
        grams.append(gram.permute(2, 0, 1))
        products.append(product.T)
    square = torch.zeros(level.batch.graphs, dtype=torch.float64)
    for name, process in processes.items():
        weight = process.diffusion(level.t).square().double()
        rows = level.batch.rows[name]
        inner2 = process.manifold.inner(score[name], score[name], rows).double()
        square += (weight * inner2).cpu()
    return torch.cat(grams), torch.cat(products), square
