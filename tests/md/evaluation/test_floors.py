"""Noise floors: perfect samples are at zero, known differences come out, correlation is seen."""

import numpy as np
import pytest
import torch

from molgen.errors import UsageError
from molgen.md.evaluation.comparison import measure_lengths, measure_plane
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.floors import measure, resample_counts, split_counts
from molgen.md.evaluation.metrics import RAMACHANDRAN, js_from_counts, pmf_from_counts

CENTRES = np.array([[-1.2, -0.6], [-1.4, 2.6], [-2.6, 2.7], [1.0, 0.7]])
WIDTHS = np.array([0.30, 0.45, 0.40, 0.25])
WEIGHTS = (0.45, 0.35, 0.17, 0.03)


def mixture(rng, n, weights=WEIGHTS, states=None):
    """n points of a Ramachandran-like mixture of four wrapped Gaussians."""
    k = rng.choice(4, size=n, p=weights) if states is None else states
    points = CENTRES[k] + WIDTHS[k][:, None] * rng.normal(size=(len(k), 2))
    return (points + np.pi) % (2 * np.pi) - np.pi


def markov(rng, frames, chains, stay):
    """Chains that stay in a state with probability `stay` a frame: points and chain labels."""
    states = np.empty((chains, frames), dtype=int)
    states[:, 0] = rng.choice(4, size=chains, p=WEIGHTS)
    for t in range(1, frames):
        fresh = rng.choice(4, size=chains, p=WEIGHTS)
        states[:, t] = np.where(rng.random(chains) > stay, fresh, states[:, t - 1])
    return mixture(rng, 0, states=states.ravel()), np.repeat(np.arange(chains), frames)


def test_floor_of_50000_against_50000_is_the_published_value(torch_generator):
    # two exact samples of this mixture score JS 0.0099, PMF 0.112 (which is what the literature
    # reports for its best models of alanine dipeptide); sd of the floor 2 % and 5 %
    rng = np.random.default_rng(0)
    a, b = mixture(rng, 50_000), mixture(rng, 50_000)
    found = measure_plane(Ensemble(a), Ensemble(b), RAMACHANDRAN, generator=torch_generator)
    assert found["js"].floor == pytest.approx(0.0099, rel=0.05)
    assert found["pmf"].floor == pytest.approx(0.112, rel=0.05)
    assert abs(found["js"].z) < 3
    assert abs(found["pmf"].z) < 3


@pytest.mark.parametrize("use_pool", [False, True])
def test_exact_samples_debias_to_zero_within_their_error(torch_generator, use_pool):
    rng = np.random.default_rng(1)
    pool = mixture(rng, 100_000) if use_pool else None
    z = []
    for _ in range(15):
        pair = Ensemble(mixture(rng, 10_000)), Ensemble(mixture(rng, 30_000))
        found = measure_plane(*pair, RAMACHANDRAN, pool=pool, repeats=60, generator=torch_generator)
        assert found["js"].floor_from == ("reference" if use_pool else "permutation")
        z.append([found["js"].z, found["pmf"].z])
    # mean of 15 standard normal z: sd 0.26; their spread 1 +- 0.18
    assert np.abs(np.mean(z, axis=0)).max() < 0.9
    assert np.std(z, axis=0).max() < 1.6


def test_a_wrong_mixture_debiases_to_its_value_at_large_n(torch_generator):
    wrong = (0.35, 0.45, 0.17, 0.03)
    rng = np.random.default_rng(2)

    def found(n):
        pair = Ensemble(mixture(rng, n, wrong)), Ensemble(mixture(rng, n))
        return measure_plane(*pair, RAMACHANDRAN, generator=torch_generator)

    small, large = found(60_000), found(2_000_000)
    for name, share in (("js", 0.9), ("pmf", 0.9)):
        assert small[name].value > 1.5 * large[name].debiased  # the floor hides it in the raw value
        # bins too empty to judge at small n keep a tenth of the difference from view
        assert small[name].debiased > share * large[name].debiased - 3 * small[name].sd
        assert small[name].debiased < large[name].debiased + 3 * small[name].sd
        assert small[name].z > 3


def test_correlated_chains_raise_the_floor_and_debias_to_zero(torch_generator):
    rng = np.random.default_rng(3)
    blind, labelled = [], []
    for _ in range(15):
        points, chains = markov(rng, frames=300, chains=60, stay=0.99)
        exact = Ensemble(mixture(rng, 30_000))
        for z, labels in ((blind, None), (labelled, chains)):
            found = measure_plane(
                Ensemble(points, labels), exact, RAMACHANDRAN, repeats=60, generator=torch_generator
            )
            z.append(found["js"].z)
    # each labelled z has mean 0 and sd 1: mean of 15 within 3 x 0.26
    assert abs(np.mean(labelled)) < 0.8
    assert np.mean(blind) > 3


def test_split_draws_are_disjoint_parts_of_the_pool():
    rng = np.random.default_rng(4)
    pool = np.array([5, 0, 3, 12])
    first, second = split_counts(pool, 7, 6, 50, rng)
    assert (first.sum(1) == 7).all()
    assert (second.sum(1) == 6).all()
    assert (first + second <= pool).all()
    # hypergeometric mean of a bin: n K / N
    assert first[:, 3].mean() == pytest.approx(7 * 12 / 20, abs=0.6)


def test_bootstrap_over_chains_keeps_chains_whole():
    rng = np.random.default_rng(5)
    chains = np.array([[10, 0], [0, 10], [10, 0]])
    draws = resample_counts(chains, 200, rng)
    assert (draws.sum(1) == 30).all()
    assert set(np.unique(draws)) <= {0, 10, 20, 30}


def test_uncertainty_far_from_the_floor_is_the_true_spread(torch_generator):
    # two bins, p = 0.3 against q = 0.6: repeat the experiment and compare the spreads
    rng = np.random.default_rng(6)
    draws = [
        (np.array([k, 2000 - k]), np.array([m, 2000 - m]))
        for k, m in zip(rng.binomial(2000, 0.3, 300), rng.binomial(2000, 0.6, 300), strict=True)
    ]
    for distance in (js_from_counts, pmf_from_counts):
        truth = np.std([distance(p, q) for p, q in draws])
        sd = [
            measure(distance, p, q, repeats=200, generator=torch_generator).sd
            for p, q in draws[:20]
        ]
        assert np.mean(sd) == pytest.approx(truth, rel=0.12)  # 4 % each from 300 and 200 draws


def test_wasserstein_of_shifted_gaussians_is_the_shift(torch_generator):
    rng = np.random.default_rng(7)
    a, b = rng.normal(0.133, 0.003, 50_000), rng.normal(0.1332, 0.003, 50_000)
    found = measure_lengths(a, b, generator=torch_generator)
    # standard error of a difference of means: 0.003 sqrt(2/50000) = 1.9e-5
    assert found.value == pytest.approx(2e-4, abs=6e-5)
    assert found.debiased == pytest.approx(2e-4, abs=6e-5)
    assert found.z > 5
    same = measure_lengths(a, rng.normal(0.133, 0.003, 50_000), generator=torch_generator)
    assert abs(same.z) < 3
    assert same.value == pytest.approx(same.floor, rel=1.0)


def test_the_same_seed_gives_the_same_numbers():
    rng = np.random.default_rng(8)
    pair = Ensemble(mixture(rng, 2000)), Ensemble(mixture(rng, 2000))
    first, second = (
        measure_plane(*pair, RAMACHANDRAN, generator=torch.Generator().manual_seed(5))
        for _ in range(2)
    )
    assert first == second


def test_a_single_chain_label_is_refused():
    with pytest.raises(UsageError, match="all frames are of one chain"):
        Ensemble(np.zeros((4, 2)), np.zeros(4, dtype=int))


@pytest.fixture
def torch_generator():
    return torch.Generator().manual_seed(20)
