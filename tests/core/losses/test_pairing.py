"""Paired noise: what the assignment does, what it leaves as it is, and what is learned from it."""

import math

import pytest
import torch

from molgen.core import grids
from molgen.core.batch import Batch, DenseRows
from molgen.core.losses import CrossEntropy, Denoising
from molgen.core.losses.corruption import corrupt, with_noise
from molgen.core.losses.pairing import paired_noise
from molgen.core.manifolds import Centred, Symmetric, so3
from molgen.core.processes import VP, Brownian, Linear
from molgen.core.solvers import SOLVERS, prior
from molgen.errors import UsageError


def normal(*shape, seed=11):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def numbers(n, seed=11):
    """One number a graph."""
    return Batch({"x": normal(n, 1, 1, seed=seed)}, {"x": DenseRows(n, (1,))})


def positions(n, beads=4, seed=11):
    rows = DenseRows(n, (beads,))
    return Batch({"x": Centred().project(normal(n, beads, 3, seed=seed), rows)}, {"x": rows})


LINE = {"x": Linear()}
SPACE = {"x": Linear(manifold=Centred())}


def test_pairing_sorts_numbers():
    """In one dimension the least cost pairs the smallest with the smallest; all noise is used."""
    batch = numbers(60)
    paired, plain = (
        paired_noise(LINE, batch, torch.Generator().manual_seed(7), group=group)["x"][:, 0, 0]
        for group in (20, 1)
    )
    for part in torch.arange(60).split(20):
        order = batch.state["x"][part, 0, 0].argsort()
        assert (paired[part][order].diff() > 0).all()
        assert torch.equal(paired[part].sort().values, plain[part].sort().values)


def test_pairs_of_two_have_the_covariance_of_theory(generator):
    """Swapping the better way: E max / 2 = E |x - x'| E |eps - eps'| / 4 = 1 / pi."""
    n = 4000
    batch = numbers(n)
    paired = paired_noise(LINE, batch, generator, group=2)["x"]
    product = (batch.state["x"] * paired).flatten()
    # A mean of n/2 pair sums of scatter below two.
    assert abs(product.mean() - 1 / math.pi) < 5 * 2 / math.sqrt(2 * n)


def test_paired_noise_stays_white(generator):
    """Each moment of one coordinate, to the fourth."""
    batch = positions(4000)
    eps = paired_noise(SPACE, batch, generator, group=8)["x"]
    manifold, rows = Centred(), batch.rows["x"]
    e = next(manifold.frame(eps, rows))
    z = manifold.inner(e / manifold.inner(e, e, rows).sqrt()[:, None, None], eps, rows)
    for power, moment, square in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105)):
        error = math.sqrt((square - moment**2) / len(z))
        assert abs((z**power).mean() - moment) < 5 * error


def test_rotations_bring_noise_as_near_as_any_rotation_can(generator):
    """Against ten thousand rotations tried; and nothing is mirrored."""
    batch = positions(3)
    eps = paired_noise(SPACE, batch, torch.Generator().manual_seed(1), group=1)["x"]
    turned = paired_noise(
        SPACE, batch, torch.Generator().manual_seed(1), group=1, symmetry="rotations"
    )["x"]
    turns = so3.uniform(torch.empty(10_000, 3, 3, dtype=torch.float64), generator)
    for x, plain, best in zip(batch.state["x"], eps, turned, strict=True):
        tried = (x * (plain @ turns.mT)).sum((1, 2)).max()
        found = (x * best).sum()
        assert found > tried
        assert found < tried * 1.02  # the nearest of so many is within three degrees
        # The same triple products: a rotation.
        volume = [torch.linalg.det(values[:3] - values[3]) for values in (plain, best)]
        assert volume[0].item() == pytest.approx(volume[1].item())


def test_noise_turned_to_data_is_white_once_both_are_turned_at_random(generator):
    """With all orientations of the data alike: moments of a coordinate of the noise."""
    n = 2000
    batch = positions(1).take(torch.zeros(n, dtype=torch.int64))  # one molecule
    eps = paired_noise(SPACE, batch, generator, group=1, symmetry="rotations")["x"]

    def moments(values):
        return (values[:, 0, 0] / math.sqrt(3 / 4)).square().mean()  # of variance 1 - 1/4 if white

    assert abs(moments(eps) - 1) > 0.1  # as it is, it has taken the molecule's orientation
    turns = so3.uniform(torch.empty(n, 3, 3, dtype=torch.float64), generator)
    z = (eps @ turns.mT)[:, 0, 0] / math.sqrt(3 / 4)
    assert abs(z.square().mean() - 1) < 5 * math.sqrt(2 / n)
    assert abs(z.pow(4).mean() - 3) < 5 * math.sqrt(96 / n)


def test_only_graphs_of_one_shape_exchange_noise(generator):
    sizes = torch.tensor([2, 4, 2, 4, 3, 2])
    mask = torch.arange(4) < sizes[:, None]
    rows = {
        "x": DenseRows(6, (4,), mask),
        "adj": DenseRows(6, (4, 4), mask[:, :, None] & mask[:, None]),
    }
    symmetric = Symmetric()
    state = {
        "x": rows["x"].zero(normal(6, 4, 3)),
        "adj": symmetric.project(normal(6, 4, 4, 2), rows["adj"]),
    }
    processes = {"x": VP(), "adj": VP(manifold=symmetric)}
    batch = Batch(state, rows)
    for symmetry in ("none", "permutations"):
        eps = paired_noise(processes, batch, generator, group=8, symmetry=symmetry)
        for name in ("x", "adj"):
            filled = eps[name].abs().sum(-1) > 0
            real = rows[name].mask
            if name == "adj":
                real = real & ~torch.eye(4, dtype=torch.bool)
            assert torch.equal(filled, real)
        torch.testing.assert_close(eps["adj"], eps["adj"].transpose(1, 2))


def gaussian(width, n, seed):
    batch = numbers(n, seed)
    return batch.replace(x=width * batch.state["x"])


def slope(batch, noised, answer):
    """Least squares of the answer on the noised number."""
    x, y = noised.state["x"].flatten(), answer.flatten()
    return ((x * y).sum() / x.square().sum()).item()


@pytest.mark.parametrize("time", [0.05, 0.5, 0.9])
def test_the_answer_to_paired_noise_is_no_score(time, generator):
    """Gaussian data of width d: best linear answers to -eps / s against closed forms.

    Independent: -x / (m^2 d^2 + s^2), the score. Paired in large groups: -x / (s (m d + s)), which
    is neither that nor the score of what paired points are, -x / (m d + s)^2.
    """
    width, n, path = 0.5, 3000, LINE["x"]
    batch = gaussian(width, n, 3)
    t = torch.full((n,), time, dtype=torch.float64)
    m, s = path.signal(t)[0].item(), path.noise(t)[0].item()
    noised, target, _ = corrupt(LINE, batch, t, generator)
    score = -1 / (m**2 * width**2 + s**2)
    scatter = 5 * math.sqrt(1 / n) / s * math.sqrt(-score)
    assert abs(slope(batch, noised, target["x"]) - score) < scatter
    noise = paired_noise(LINE, batch, generator, group=300)
    noised, target, _ = with_noise(LINE, batch, t, noise)
    answer = -1 / (s * (m * width + s))
    # Pairs of 300 are not quite a line: their products are a percent short of it.
    assert abs(slope(batch, noised, target["x"]) / answer - 1) < 0.03
    spread = noised.state["x"].var().item()
    assert spread == pytest.approx((m * width + s) ** 2, rel=0.1)
    assert abs(answer * spread + 1) > 0.05  # not the score of that density either


def drawn_all(solver, steps, score, n, generator):
    batch = prior(LINE, numbers(n), generator)
    with torch.no_grad():
        end = SOLVERS[solver](LINE, score, batch, grids.karras(LINE["x"], steps), generator)
    return end.state["x"]


def drawn(*options):
    return drawn_all(*options).std().item()


def test_the_flow_of_paired_noise_reaches_the_data_and_its_reverse_sde_does_not(generator):
    """With the perfect answer for Gaussian data of width d, from the prior of the process."""
    width, n, path = 0.5, 4000, Linear(data_std=0.5)

    def answer(batch, t):
        m, s = (v[:, None, None] for v in (path.signal(t), path.noise(t)))
        return {"x": -batch.state["x"] / (s * (m * width + s))}

    found = drawn("adams", 60, answer, n, generator)
    assert abs(found / width - 1) < 5 / math.sqrt(2 * n) + 0.01
    # dv/dt = 2 a v + g^2 - 2 g^2 v / (s (m d + s)), backwards, by the same small steps.
    wrong = drawn("euler_maruyama", 400, answer, n, generator)
    t = torch.linspace(1, path.t_min, 20_001, dtype=torch.float64)
    a, g2, s = path.rate(t), path.diffusion(t).square(), path.noise(t)
    push = g2 / (s * (path.signal(t) * width + s))
    v = path.noise(t[:1]).item() ** 2
    for k in range(len(t) - 1):
        dt = (t[k] - t[k + 1]).item()
        v += dt * (-2 * a[k].item() * v - 2 * push[k].item() * v + g2[k].item())
    assert wrong == pytest.approx(math.sqrt(v), rel=0.07)
    assert wrong < 0.85 * width


def test_pairing_a_mixture_keeps_paths_apart(generator):
    """Two points at +-1: noise of one sign goes to one of them, and E[eps | x_t] follows."""
    n = 4000
    batch = numbers(n)
    batch = batch.replace(x=batch.state["x"].sign())
    noise = paired_noise(LINE, batch, generator, group=400)
    same = (noise["x"].sign() == batch.state["x"]).double().mean()
    # All but the excess of one sign in a group, of either noise or data: 2 E|B - 1/2| of 400 coins.
    assert 0.93 < same < 1.0
    plain = paired_noise(LINE, batch, generator, group=1)
    assert abs((plain["x"].sign() == batch.state["x"]).double().mean() - 0.5) < 5 * 0.5 / n**0.5


def test_one_step_along_the_flow_of_paired_noise_reaches_two_points(generator):
    """Points +-1 paired by sign: |x_t| = m + s |eps|, so eps = (x - m sign x) / s, paths straight.

    Of independent noise the score is -(x - m tanh(m x / s^2)) / s^2, and one step goes astray.
    """
    n, path = 2000, Linear()

    def ends(seen):
        def answer(batch, t):
            m, s = (v[:, None, None] for v in (path.signal(t), path.noise(t)))
            x = batch.state["x"]
            return {"x": -(x - m * seen(x, m, s)) / s.square()}

        return drawn_all("heun", 1, answer, n, generator).abs()

    left = path.noise(torch.tensor(path.t_min)).item()
    paired = ends(lambda x, m, s: x.sign())
    assert (paired - 1).abs().max() < 6 * left
    plain = ends(lambda x, m, s: torch.tanh(m * x / s.square()))
    assert (plain - 1).abs().mean() > 0.5


def test_a_model_sees_nothing_that_paired_noise_could_depend_on(generator):
    batch = positions(4)
    labelled = Batch(
        batch.state, {**batch.rows, "y": DenseRows(4, ())}, {"y": normal(4), "z": normal(2)}
    )
    t = torch.full((4,), 0.5, dtype=torch.float64)
    for pairing, given in (("independent", {"y", "z"}), ("immiscible", set())):
        noised, _, _ = Denoising(pairing=pairing).corrupted(None, SPACE, labelled, t, generator)
        assert noised.given.keys() == given


def test_energies_have_no_pairing(case_of, generator):
    case = case_of("VP Euclidean", 1)
    loss = Denoising(pairing="immiscible")
    with pytest.raises(UsageError, match="not for energy models"):
        loss(case.model, case.processes, case.data(4, generator), generator)


def test_what_cannot_be_paired_is_refused(generator):
    batch = positions(4)
    eye = torch.eye(3, dtype=torch.float64).expand(4, 1, 3, 3)
    turns = Batch({"x": eye}, {"x": DenseRows(4, (1,))})
    for process, state, symmetry, message in (
        (Linear(manifold=Centred(), latent=0.5), batch, "none", "latent"),
        (VP(), batch, "rotations", "no positions"),
        (Brownian(), turns, "none", "no noise"),
    ):
        with pytest.raises(UsageError, match=message):
            paired_noise({"x": process}, state, generator, group=2, symmetry=symmetry)


@pytest.mark.parametrize("kind", [Denoising, CrossEntropy])
def test_options_that_do_nothing_are_refused(kind):
    with pytest.raises(UsageError, match="needs pairing"):
        kind(symmetry="rotations")
    with pytest.raises(UsageError, match="group"):
        kind(pairing="immiscible", group=0)
