import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import Denoising, VelocityMatching, corrupt
from molgen.core.models.velocity import scores, velocities
from molgen.core.processes import VE, VP, Brownian, Linear, SubVP, Trigonometric

FLAT = {
    "VP": VP(),
    "VE": VE(sigma_min=0.05, sigma_max=4.0),
    "SubVP": SubVP(),
    "Linear": Linear(),
    "Trigonometric": Trigonometric(latent=0.5),
}
every_flat = pytest.mark.parametrize("process", FLAT.values(), ids=FLAT)
TIMES = torch.tensor([0.01, 0.1, 0.4, 0.8, 0.98], dtype=torch.float64)


def point(seed=0):
    x = torch.randn(
        len(TIMES), 2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return Batch({"x": x}, {"x": DenseRows(len(TIMES), (2,))})


@every_flat
def test_velocity_of_one_pair_is_the_slope_of_its_path(process):
    """f - g^2/2 (-eps / s) = d/dt (m x_0 + s eps) at fixed x_0 and eps, by finite differences."""
    clean, eps = point(0), point(1).state["x"]
    rows, h = clean.rows["x"], 1e-6
    x_t = process.noised(clean.state["x"], TIMES, eps, rows)
    found = velocities({"x": process}, clean.replace(x=x_t.x_t), TIMES, {"x": x_t.score})["x"]
    ends = [process.noised(clean.state["x"], TIMES + k * h, eps, rows).x_t for k in (1, -1)]
    torch.testing.assert_close(found, (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-7)


@every_flat
def test_velocity_of_a_gaussian_follows_its_width(process):
    """Data of width d: v = x dv/dt / 2v with v = m^2 d^2 + s^2, from the score -x / v."""
    d2 = 0.3**2

    def variance(t):
        return process.signal(t).square() * d2 + process.noise(t).square()

    batch, h = point(), 1e-6
    slope = (variance(TIMES + h).log() - variance(TIMES - h).log()) / (4 * h)
    expected = slope[:, None, None] * batch.state["x"]
    score = -batch.state["x"] / variance(TIMES)[:, None, None]
    found = velocities({"x": process}, batch, TIMES, {"x": score})["x"]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("process", [*FLAT.values(), Brownian()], ids=[*FLAT, "Brownian"])
def test_scores_and_velocities_are_one_another(process, generator):
    rows = DenseRows(len(TIMES), (2,))
    x = process.prior(torch.zeros(len(TIMES), 2, 3, 3, dtype=torch.float64), rows, generator)
    batch = Batch({"x": x}, {"x": rows})
    score = {"x": process.manifold.noise(x, rows, generator)}
    v = velocities({"x": process}, batch, TIMES, score)
    back = scores({"x": process}, batch, TIMES, v)
    torch.testing.assert_close(back["x"], score["x"], rtol=1e-9, atol=1e-11)


def test_velocity_matching_is_the_error_of_velocities(joint, generator):
    """On every manifold: the mean of |v - v_conditional|^2 / D, computed from velocities."""
    clean = joint.data(32, generator)

    class Off:
        """A score that is not right: 0.9 times it."""

        def score(self, batch, t):
            return {name: 0.9 * s for name, s in joint.model.score(batch, t).items()}

    loss = VelocityMatching(low=0.2, high=2.0)
    found, log = loss(Off(), joint.processes, clean, torch.Generator().manual_seed(4))
    same = torch.Generator().manual_seed(4)
    t = loss.times(joint.processes, clean, same)
    noised, target, _ = corrupt(joint.processes, clean, t, same)
    model = velocities(joint.processes, noised, t, Off().score(noised, t))
    conditional = velocities(joint.processes, noised, t, target)
    for name, process in joint.processes.items():
        rows, manifold = noised.rows[name], process.manifold
        error = model[name] - conditional[name]
        square = manifold.inner(error, error, rows) / manifold.dim(noised.state[name], rows)
        assert log[f"velocity_matching/{name}"].item() == pytest.approx(square.mean().item())
    expected = torch.stack([log[f"velocity_matching/{name}"] for name in joint.processes]).mean()
    torch.testing.assert_close(found, expected)


def test_velocity_matching_is_least_at_the_exact_score(case_of, generator):
    case = case_of("Linear Centred", 1)
    slopes = []
    for _ in range(20):
        size = torch.zeros((), dtype=torch.float64, requires_grad=True)

        class Scaled:
            def score(self, batch, t, size=size):
                exact = case.model.score(batch, t)
                return {name: (1 + size) * s.detach() for name, s in exact.items()}

        loss, _ = VelocityMatching()(Scaled(), case.processes, case.data(300, generator), generator)
        slopes.append(torch.autograd.grad(loss, size)[0])
    slopes = torch.stack(slopes)
    assert abs(slopes.mean()) < 4 * slopes.std() / 20**0.5


def test_velocity_matching_weighs_what_denoising_does_otherwise(case_of):
    """At one time t the two differ by the factor (g^2 / 2 s)^2."""
    case = case_of("Linear Centred", 1)
    path = case.processes["x"]
    t = torch.tensor([0.3], dtype=torch.float64)
    ratio = (path.noise(t) / path.signal(t)).item()
    ends = {"low": ratio * (1 - 1e-9), "high": ratio * (1 + 1e-9)}
    values = []
    for kind in (Denoising, VelocityMatching):
        same = torch.Generator().manual_seed(0)
        batch = case.data(50, torch.Generator().manual_seed(1))
        with torch.no_grad():
            values.append(kind(**ends)(case.model, case.processes, batch, same)[0])
    factor = (path.diffusion(t).square() / (2 * path.noise(t))).square().item()
    assert (values[1] / values[0]).item() == pytest.approx(factor, rel=1e-6)
