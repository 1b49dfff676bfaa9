import math

import pytest
import torch
from torch import nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import LOSSES, Denoising, FokkerPlanck, corrupt, fokker_planck
from molgen.core.losses.noise_levels import NoiseRange, noise_times
from molgen.core.manifolds import Symmetric
from molgen.core.models import EnergyModel
from molgen.core.processes import VP
from molgen.errors import UsageError


def test_denoising_loss_of_the_exact_score_is_what_cannot_be_known(case_of, generator):
    """Per direction, s^2 (E|s_cond|^2 - E|s|^2) = m^2 v / (m^2 v + s^2), a mean over the times."""
    case = case_of("VP Euclidean", 1)
    process, variance = case.processes["x"], case.model.fields["x"].variance
    n = 20_000
    loss = Denoising()
    with torch.no_grad():
        found, log = loss(case.model, case.processes, case.data(n, generator), generator)
    t = noise_times(process, 4000, generator, noise=NoiseRange(), like=variance)
    m2, s2 = (value.square()[:, None] for value in (process.signal(t), process.noise(t)))
    expected = (m2 * variance / (m2 * variance + s2)).mean()
    # A mean of n 8 terms like squares of standard normals.
    assert abs(found - expected) < 5 * math.sqrt(2 / (8 * n))
    assert torch.equal(log["denoising/x"], found)


def test_denoising_loss_is_least_at_the_exact_score(gaussian, scaled, generator):
    """On every manifold: its gradient vanishes there within its own scatter."""
    model = scaled(gaussian)
    slopes = []
    for _ in range(20):
        loss, _ = Denoising()(model, gaussian.processes, gaussian.data(300, generator), generator)
        (slope,) = torch.autograd.grad(loss, model.size)
        slopes.append(slope)
    slopes = torch.stack(slopes)
    assert abs(slopes.mean()) < 4 * slopes.std() / math.sqrt(20)


def test_denoising_learns_the_width_of_the_data(case_of, generator):
    """One parameter, from 1 to the 0.3 of the data, within the scatter of 20 batches of 500."""
    case = case_of("VE Centred", 1)
    mean = case.model.fields["x"].means[0]

    class Width(EnergyModel):
        def __init__(self):
            super().__init__(case.processes)
            self.log_variance = nn.Parameter(torch.zeros((), dtype=torch.float64))

        def energy(self, batch, t):
            process, rows = self.processes["x"], batch.rows["x"]
            v = process.signal(t).square() * self.log_variance.exp() + process.noise(t).square()
            z = batch.state["x"] - rows.spread(process.signal(t), batch.state["x"]) * mean
            return process.manifold.inner(z, z, rows) / (2 * v)

    model = Width()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    found = []
    for step in range(150):
        loss, _ = Denoising()(model, case.processes, case.data(500, generator), generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step >= 100:
            found.append(model.log_variance.exp().item())
    assert sum(found) / len(found) == pytest.approx(0.3, rel=0.05)


class Wrong(EnergyModel):
    """The exact energy plus something smooth that obeys no equation."""

    def __init__(self, case, size):
        super().__init__(case.processes)
        self.exact, self.size = case.model, size

    def energy(self, batch, t):
        extra = sum(
            batch.rows[name].total(torch.sin(x)).reshape(len(t), -1).sum(1)
            for name, x in batch.state.items()
        )
        return self.exact.energy(batch, t) + self.size * torch.sin(extra)


@pytest.mark.parametrize("name", ["VP Centred", "Brownian SO3", "joint"])
def test_fokker_planck_loss_is_the_mean_squared_residual(name, case_of, generator):
    case = case_of(name, 1)
    model = Wrong(case, 0.5)
    loss = FokkerPlanck(fraction=0.5, low=0.3, step=1e-3)
    n = 4000
    with torch.no_grad():
        found = torch.stack(
            [
                loss(model, case.processes, case.data(n // 5, generator), generator)[0]
                for _ in range(10)
            ]
        )
        process = next(iter(case.processes.values()))
        like = torch.zeros((), dtype=torch.float64)
        t = noise_times(process, n, generator, noise=NoiseRange(low=0.3), like=like)
        batch, _, _ = corrupt(case.processes, case.data(n, generator), t, generator)
        squares = fokker_planck.residual(model, batch, t).square()
    error = math.hypot(found.std() / math.sqrt(10), squares.std() / math.sqrt(n))
    assert abs(found.mean() - squares.mean()) < 4 * error
    assert squares.mean() > 10 * error  # so that the comparison says something


def test_fokker_planck_loss_vanishes_for_the_exact_density(mixture, generator):
    with torch.no_grad():
        found, log = FokkerPlanck(fraction=1.0)(
            mixture.model, mixture.processes, mixture.data(400, generator), generator
        )
    # Two independent probes of scatter below 1/2 each, averaged over 400 graphs.
    assert abs(found) < 5 * 0.25 / math.sqrt(400)
    assert torch.equal(log["fokker_planck"], found)


def test_fokker_planck_takes_its_fraction_of_the_batch(case_of, generator):
    case = case_of("VP Euclidean", 1)
    asked = []

    class Counting(Wrong):
        def energy(self, batch, t):
            asked.append(len(t))
            return super().energy(batch, t)

    FokkerPlanck(fraction=0.1)(
        Counting(case, 0.1), case.processes, case.data(50, generator), generator
    )
    assert asked == [4 * 5]


def test_fokker_planck_is_asleep_before_its_part_of_the_training(case_of, generator):
    case, late = case_of("VP Euclidean", 1), FokkerPlanck(after=0.5)
    assert [late.asleep(progress) for progress in (0.0, 0.49, 0.5, 1.0)] == [
        True,
        True,
        False,
        False,
    ]
    wrong, batch = Wrong(case, 0.1), case.data(8, generator)
    assert late(wrong, case.processes, batch, generator, 0.49) == (0.0, {})
    assert late(wrong, case.processes, batch, generator, 0.5)[0] != 0
    assert not any(made().asleep(0.0) for made in LOSSES.values())  # unless they are told so


@pytest.mark.parametrize("kind", ["denoising", "fokker_planck"])
def test_losses_repeat_with_their_generator(kind, joint):
    def value():
        generator = torch.Generator().manual_seed(1)
        return LOSSES[kind]()(joint.model, joint.processes, joint.data(8, generator), generator)

    (first, first_log), (second, second_log) = value(), value()
    assert torch.equal(first, second)
    assert first_log.keys() == second_log.keys()


def test_corrupt_noises_every_field_by_its_own_process(joint, generator):
    n = 2000
    t = torch.full((n,), 0.4, dtype=torch.float64)
    clean = joint.data(n, generator)
    noised, scores, scales = corrupt(joint.processes, clean, t, generator)
    assert set(scores) == set(scales) == {"pos", "adj", "rot"}
    for name, process in joint.processes.items():
        rows = clean.rows[name]
        kept = process.scaled(clean.state[name], torch.zeros_like(t), t, rows)
        v = process.manifold.log(kept, noised.state[name], rows)
        square = process.manifold.inner(v, v, rows) / process.manifold.dim(kept, rows)
        # Variance s^2 in each direction; the curvature of SO(3) takes 1 % at s = 0.26.
        assert square.mean() == pytest.approx(process.noise(t[:1]).item() ** 2, rel=0.08)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Denoising(low=2.0, high=1.0),
        lambda: Denoising(low=-1.0),
        lambda: Denoising(focus=(1.0, 0.1)),
        lambda: Denoising(focus=(0.1, 1.0), share=1.5),
        lambda: FokkerPlanck(fraction=0.0),
        lambda: FokkerPlanck(step=-0.1),
        lambda: FokkerPlanck(low=1.0, high=0.5),
    ],
)
def test_options_out_of_range_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_fields_count_as_much_as_they_are_told_to(joint, generator):
    batch = joint.data(16, generator)

    def loss(**fields):
        same = torch.Generator().manual_seed(3)
        return Denoising(fields=fields)(joint.model, joint.processes, batch, same)

    plain, log = loss()
    found, same_log = loss(adj=4.0, rot=0.0)
    assert log == same_log
    expected = (log["denoising/pos"] + 4 * log["denoising/adj"]) / 3
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(plain, torch.stack(list(log.values())).mean())
    with pytest.raises(UsageError, match="no field 'edges'"):
        loss(edges=1.0)


def test_a_single_node_has_no_loss_of_its_edges(generator):
    processes = {"adj": VP(manifold=Symmetric())}
    rows = DenseRows(2, (1, 1), torch.ones(2, 1, 1, dtype=torch.bool))
    batch = Batch({"adj": torch.zeros(2, 1, 1, 3, dtype=torch.float64)}, {"adj": rows})

    class Any(EnergyModel):
        def energy(self, batch, t):
            return batch.state["adj"].square().sum((1, 2, 3))

    loss, _ = Denoising()(Any(processes), processes, batch, generator)
    assert loss.item() == 0.0
