import math

import torch

from molgen.core.batch import DenseRows, PackedRows
from molgen.core.random import Streams, branch, normal, uniform


def test_streams_are_normal_and_independent():
    """Moments, and correlations between entries, graphs and draws, within five standard errors."""
    n, k = 2000, 50
    rows = DenseRows(n, (k,))
    streams = Streams.of(3, 0, n)
    first, second = (normal(torch.zeros(n, k, dtype=torch.float64), rows, streams) for _ in "ab")
    error = 5 / math.sqrt(n * k)
    assert abs(first.mean()) < error
    assert abs(first.square().mean() - 1) < error * math.sqrt(2)
    assert abs(first.pow(3).mean()) < error * math.sqrt(15)
    assert abs(first.pow(4).mean() - 3) < error * math.sqrt(96)
    for other in (second, first.roll(1, 0), first.roll(1, 1), first.roll(7, 0).roll(3, 1)):
        assert abs((first * other).mean()) < error
    # the share beyond two standard deviations, 4.55 %
    assert abs((first.abs() > 2).double().mean() - math.erfc(math.sqrt(2))) < error * 0.21
    other_seed = normal(torch.zeros(n, k), rows, Streams.of(4, 0, n))
    assert abs((first * other_seed).mean()) < error


def test_a_graph_draws_the_same_in_any_batch_and_padding():
    whole = normal(torch.zeros(5, 4, 4, 2), DenseRows(5, (4, 4)), Streams.of(0, 10, 5))
    alone = normal(torch.zeros(1, 4, 4, 2), DenseRows(1, (4, 4)), Streams.of(0, 12, 1))
    assert torch.equal(whole[2:3], alone)
    larger = normal(torch.zeros(5, 6, 6, 2), DenseRows(5, (6, 6)), Streams.of(0, 10, 5))
    assert torch.equal(larger[:, :4, :4], whole)


def test_packed_rows_draw_what_dense_rows_do():
    dense = normal(torch.zeros(2, 3, 2), DenseRows(2, (3,)), Streams.of(0, 0, 2))
    index = torch.tensor([0, 0, 1, 1, 1])
    packed = normal(torch.zeros(5, 2), PackedRows(2, index), Streams.of(0, 0, 2))
    assert torch.equal(packed, torch.cat([dense[0, :2], dense[1]]))


def test_copies_and_branches_are_streams_of_their_own():
    """No two agree, a graph's are the same in any batch, and none is correlated with another."""
    rows = DenseRows(6, (500,))
    like = torch.zeros(6, 500, dtype=torch.float64)
    whole = Streams.of(3, 0, 2)
    part = Streams.of(3, 1, 1)
    copies = whole.copies(3)
    assert torch.equal(copies.seeds[3:], part.copies(3).seeds)
    branched = [copies.branch(0, 1), copies.branch(1, 0), copies.branch(1), copies]
    drawn = torch.cat([streams.normal(like, rows) for streams in branched])
    correlation = torch.corrcoef(drawn) - torch.eye(24, dtype=torch.float64)
    assert correlation.abs().max() < 5 / 500**0.5  # five standard errors of 276 numbers
    numbers = torch.tensor([4, 4, 7])
    taken = branch(copies, torch.tensor([5, 0, 5]), numbers, 2)
    assert torch.equal(taken.seeds[0], copies.take(torch.tensor([5])).branch(4, 2).seeds[0])
    assert len(set(taken.seeds.tolist())) == 3


def test_uniform_numbers_fill_the_interval():
    u = uniform(20_000, Streams.of(1, 0, 20_000))
    # Kolmogorov-Smirnov: 1.95 / sqrt(n) is exceeded once in a thousand
    ramp = (torch.arange(20_000) + 0.5) / 20_000
    assert (u.sort().values - ramp).abs().max() < 1.95 / 20_000**0.5
    assert 0 <= uniform(5, torch.Generator().manual_seed(0)).min() < 1
