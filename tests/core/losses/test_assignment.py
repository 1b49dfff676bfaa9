import itertools

import torch

from molgen.core.losses.assignment import assigned


def test_the_best_of_all_assignments_is_found(generator):
    gains = torch.randn(30, 5, 5, generator=generator, dtype=torch.float64)
    rows = torch.arange(5)
    tried = torch.stack([gains[:, rows, list(p)].sum(1) for p in itertools.permutations(range(5))])
    found = assigned(gains)
    assert torch.equal(found.sort(1).values, rows.expand(30, 5))
    torch.testing.assert_close(gains.gather(2, found[..., None]).sum((1, 2)), tried.amax(0))
