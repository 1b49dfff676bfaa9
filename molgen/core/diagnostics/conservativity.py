r"""Whether a score is a gradient: how far its Jacobian is from symmetric.

    NAsym = E |J - J^T|^2 / (4 E |J|^2),    |.| the Frobenius norm

(Chao et al. 2023), whose root is the share of the antisymmetric part A = (J - J^T) / 2; by random
directions v of the size of the noise, with J v by forward and J^T v by reverse differentiation, so
that every direction tells of all others. A v is also what of the score turns along the way of one
noise, which is set against the score itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.diagnostics.finding import (
    Finding,
    Number,
    Plot,
    Scale,
    line_of,
    percent,
    positive,
    worst,
)
from molgen.core.diagnostics.subject import Effort, Subject, Tell, noised_levels
from molgen.core.jacobian import times, transposed_times
from molgen.core.models import ScoreModel
from molgen.core.processes import Processes

_SCALE = Scale("largest turning part of the score (rms)", 0.05, 0.25)


def conservativity(
    subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell
) -> Finding:
    """The antisymmetric share of the Jacobian, and the turning share of the score."""
    noises, jacobian, turning = [], [], []
    for level in noised_levels(subject, effort.levels, effort.points, generator, tell):
        parts = asymmetry(subject.model, subject.processes, level.batch, level.t, generator)
        skew, whole, score = (part.detach().double() for part in parts)
        noises.append(level.noise)
        jacobian.append(level.mean(skew).root(whole.mean().item()))
        turning.append(level.mean(skew).root(score.mean().item()))
    k, j = worst(jacobian), worst(turning)
    by_construction = subject.energy is not None
    share = percent(jacobian[k].value)
    verdict = (
        f"The score is a gradient by construction; its Jacobian is symmetric to {share}."
        if by_construction
        else f"The score is a gradient but for {percent(turning[j].value)} of it at every noise "
        f"(most turns at noise/signal {noises[j]:.2g})."
    )
    return Finding(
        "Conservativity",
        "The antisymmetric part A = (J − Jᵀ)/2 of the score's Jacobian (on rotations, of its "
        "covariant derivative), by random directions v of the size of the noise: |A v| against "
        "|J v|, the root of NAsym (Chao et al. 2023), and against the score, as A v is what turns "
        "along the way of one noise.",
        verdict,
        _SCALE.mood(turning[j].value),
        str(_SCALE),
        numbers=(
            Number(
                "turning part of the score",
                turning[j].value,
                turning[j].error,
                "largest rms of A v relative to the score, over noise levels",
                "0 for a gradient; below 0.05 few would notice",
            ),
            Number(
                "antisymmetry of the Jacobian",
                jacobian[k].value,
                jacobian[k].error,
                "largest |A| / |J| over noise levels, the root of NAsym: 0 to 1",
                "0 for a gradient; below 0.03",
            ),
        ),
        plots=(
            Plot(
                "What of the score is no gradient",
                "noise / signal",
                "share (rms)",
                (
                    positive(line_of("of the Jacobian", noises, jacobian)),
                    positive(line_of("of the score", noises, turning)),
                ),
                log_y=True,
                note="Rounding leaves 1e-7 to 1e-5 of an exact gradient.",
            ),
        ),
    )


def asymmetry(
    model: ScoreModel,
    processes: Processes,
    batch: Batch,
    t: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """|A v|^2, |J v|^2 and |s|^2 of a random v each, in units of the noise: `[graphs]`.

    All fields are taken together, each in units of its own noise: v = S eps and norms are those of
    S times the vectors, S the noise of each field.
    """
    noise = {name: process.noise(t) for name, process in processes.items()}
    v = {}
    for name, process in processes.items():
        x, rows = batch.state[name], batch.rows[name]
        eps = process.manifold.noise(x, rows, generator)
        v[name] = rows.spread(noise[name], eps) * eps
    score, right = times(model, processes, batch, t, v)
    left = transposed_times(model, processes, batch, t, v)

    def size(vectors: dict[str, Tensor]) -> Tensor:
        parts = [
            noise[name].square() * process.manifold.inner(u, u, batch.rows[name])
            for (name, process), u in zip(processes.items(), vectors.values(), strict=True)
        ]
        return torch.stack(parts).sum(0)

    skew = {name: 0.5 * (right[name] - left[name]) for name in processes}
    return (
        size(skew),
        size({name: right[name] for name in processes}),
        size({name: score[name] for name in processes}),
    )
