r"""Whether a score changes in time as that of noised data does: the score's Fokker-Planck equation.

    d s / dt = grad q,    q = sum_fields g^2/2 (div s + |s|^2) - <f, s> - div f

(Lai et al. 2023, eq. 8), for scores that have no log q. The gradient is exact; the divergence is
that of random probes, and the mean of <R_1, R_2> over two draws of them is unbiased for the squared
residual.
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
from molgen.core.jacobian import Tangent, moved, probes
from molgen.core.models import ScoreModel
from molgen.core.processes import Processes

_PROBES = 2
"""Of each of the two estimates."""

_SCALE = Scale("largest rms residual, of its terms", 0.1, 0.5)
_TITLE = "The score's Fokker-Planck equation"


def score_equation(
    subject: Subject, effort: Effort, generator: torch.Generator, tell: Tell
) -> Finding:
    """Residual against noise; of models without log q."""
    if subject.energy is not None:
        return Finding(
            _TITLE,
            "d s / dt against what it must be.",
            "Not measured: the model has log q, whose own equation says more.",
        )
    noises, found = [], []
    for level in noised_levels(subject, effort.levels, effort.points, generator, tell):
        noises.append(level.noise)
        squares, scale = squared_residual(
            subject.model, subject.processes, level.batch, level.t, generator
        )
        found.append(level.mean(squares / scale).root())
    k = worst(found)
    least = max(range(len(found)), key=lambda i: found[i].value + 2 * found[i].error)
    hidden = found[least].value + 2 * found[least].error
    obeys = "obeys" if found[k].value <= _SCALE.fair else "does not obey"
    verdict = (
        f"The score {obeys} its equation in time: {percent(found[k].value)} of its terms is left "
        f"at most, at noise/signal {noises[k]:.2g}."
    )
    if hidden > 2 * found[k].value:
        verdict += f" At {noises[least]:.2g}, chance hides less than {percent(hidden)}."
    return Finding(
        _TITLE,
        "d s / dt less the gradient of g²/2 (div s + |s|²) − ⟨f, s⟩ − div f (Lai et al. 2023, "
        "eq. 8), by automatic differentiation: root mean square in units of the noise, relative "
        "to g² √D / s³, the size of the terms that must cancel.",
        verdict,
        _SCALE.mood(found[k].value),
        str(_SCALE),
        numbers=(
            Number(
                "largest residual",
                found[k].value,
                found[k].error,
                "largest rms residual of any noise level; 1 is as large as its terms",
                "below 0.1: the scores at all noises belong to one density",
            ),
            Number(
                "at the least noise",
                found[0].value,
                found[0].error,
                "rms residual at the smallest noise",
                "below 0.1",
            ),
        ),
        plots=(
            Plot(
                "Residual of the score's equation",
                "noise / signal",
                "rms, of its terms",
                (positive(line_of("residual", noises, found)),),
                log_y=True,
                note="Below 0.1 is good. Where chance hides all, there is no point.",
            ),
        ),
    )


def squared_residual(
    model: ScoreModel,
    processes: Processes,
    batch: Batch,
    t: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Unbiased estimates of sum_fields s^2 |R|^2, and the size of what cancels: `[graphs]` each."""
    slope: dict[str, Tensor] = torch.func.jvp(
        lambda times: model.score(batch, times), (t,), (torch.ones_like(t),)
    )[1]
    sides = []
    for _ in range(2):
        parts = [
            _gradient(model, processes, batch, t, probes(processes, batch, generator))
            for _ in range(_PROBES)
        ]
        sides.append({name: torch.stack([p[name] for p in parts]).mean(0) for name in processes})
    total, scale = torch.zeros_like(t), torch.zeros_like(t)
    for name, process in processes.items():
        rows, s2 = batch.rows[name], process.noise(t).square()
        left, right = (slope[name] - side[name] for side in sides)
        total = total + s2 * process.manifold.inner(left, right, rows)
        rate = process.diffusion(t).square() / s2
        scale = scale + rate.square() * process.manifold.dim(batch.state[name], rows)
    return total.detach().double(), scale.detach().double()


def _gradient(
    model: ScoreModel, processes: Processes, batch: Batch, t: Tensor, v: Tangent
) -> dict[str, Tensor]:
    """Gradient of q in tangent coordinates, the divergences by the probe `v`.

    That of <v, J v> is the slope, as the graphs move along v, of the gradient of <v, s>.
    """
    half = {name: 0.5 * process.diffusion(t).square() for name, process in processes.items()}

    def probed(state: dict[str, Tensor], h: Tensor) -> Tensor:
        score = model.score(moved(processes, batch.replace(**state), v, h), t)
        parts = [
            half[name] * process.manifold.inner(score[name], v[name], batch.rows[name])
            for name, process in processes.items()
        ]
        return torch.stack(parts).sum()

    def rest(state: dict[str, Tensor]) -> Tensor:
        score = model.score(batch.replace(**state), t)
        parts = []
        for name, process in processes.items():
            x, rows, inner = state[name], batch.rows[name], process.manifold.inner
            parts.append(half[name] * inner(score[name], score[name], rows))
            parts.append(-inner(process.drift(x, t, rows), score[name], rows))
            parts.append(-process.drift_divergence(x, t, rows))
        return torch.stack(parts).sum()

    state = dict(batch.state)
    divergence: dict[str, Tensor] = torch.func.jvp(
        lambda h: torch.func.grad(probed)(state, h), (torch.zeros_like(t),), (torch.ones_like(t),)
    )[1]
    other = torch.func.grad(rest)(state)
    return {
        name: process.manifold.gradient(x, divergence[name] + other[name], batch.rows[name])
        for (name, process), x in zip(processes.items(), state.values(), strict=True)
    }
