"""What solvers are asked to recover: exact moments, in as many steps as each needs."""

import math

import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.solvers import SOLVERS

STEPS = {
    "euler_maruyama": 60,
    "ancestral": 120,
    "s4": 60,
    "heun": 30,
    "adams": 30,
    "predictor_corrector": 40,
    "dpm2": 20,
    "dpm3": 12,
    "dpm++": 45,
    "dpm++sde": 45,
    "pndm": 30,
    "edm": 30,
    "ghvb": 45,
}

BIAS = {
    "euler_maruyama": 0.08,
    "ancestral": 0.08,
    "s4": 0.08,
    "heun": 0.03,
    "adams": 0.003,
    "predictor_corrector": 0.08,
    "dpm2": 0.03,
    "dpm3": 0.003,
    "dpm++": 0.03,
    "dpm++sde": 0.03,
    "pndm": 0.03,
    "edm": 0.03,
    "ghvb": 0.03,
}


def sample(case, solver, steps, graphs, generator, **options):
    process = next(iter(case.processes.values()))
    times = grids.karras(process, steps)
    batch = solvers.prior(case.processes, case.empty(graphs), generator)
    with torch.no_grad():
        return SOLVERS[solver](case.processes, case.model.score, batch, times, generator, **options)


def check_moments(case, batch, *, bias):
    """Mean, variance in each direction and covariance of every field against the exact ones.

    `bias`: what truncation may add to a variance, relative; the rest is five standard errors.
    """
    n = batch.graphs
    for name, process in case.processes.items():
        field, manifold, rows = case.model.fields[name], process.manifold, batch.rows[name]
        start = torch.full((1,), process.t_min, dtype=torch.float64)
        m, s2 = process.signal(start), process.noise(start).square()
        mean = (m * field.means[0]).expand(batch.state[name].shape)
        v = manifold.log(mean, batch.state[name], rows)
        v = v / (m.square() * field.spread() + s2).sqrt()
        # Coordinates in a frame e_k: their covariance is <e_k, e_l>, the identity on the space.
        frame = list(manifold.frame(mean, rows))
        z = torch.stack([manifold.inner(e, v, rows) for e in frame], dim=1)
        expected = torch.stack(
            [torch.stack([manifold.inner(e, f, rows)[0] for f in frame]) for e in frame]
        )
        covariance = z.T @ z / n
        assert z.mean(0).abs().max() < 5 / math.sqrt(n) + bias / 3, name
        # A covariance of unit variables scatters by up to sqrt(2 / n).
        assert (covariance - expected).abs().max() < 5 * math.sqrt(2 / n) + bias, name
        dim = manifold.dim(mean, rows)[0]
        total = covariance.diagonal().sum() / dim
        assert abs(total - 1) < 5 * math.sqrt(2 / n / dim) + bias, name


def line(x):
    return Batch({"x": x.reshape(-1, 1, 1)}, {"x": DenseRows(len(x), (1,))})
