"""Fragments laid upon atoms."""

import torch

from molgen.core.batch import Batch
from molgen.core.manifolds import so3
from molgen.docking.data.system import as_batch, atom_positions, points
from molgen.docking.rigid import laid_upon
from tests.docking.toys import system


def test_fragments_return_to_where_their_atoms_are() -> None:
    batch = as_batch([system(12, 3), system(9, 2, seed=1)], 2).to("cpu", torch.float64)
    generator = torch.Generator().manual_seed(0)
    # Dummies aim at the atoms that they copy, so the fragments must fit: make it so by one motion.
    one = as_batch([system(12, 1)]).to("cpu", torch.float64)
    turn = so3.of_normal(torch.randn(1, 1, 4, generator=generator, dtype=torch.float64))
    shift = torch.randn(1, 1, 3, generator=generator, dtype=torch.float64)
    moved = one.replace(rot=turn @ one.state["rot"], trans=one.state["trans"] + shift)
    found = laid_upon(one, atom_positions(moved))
    assert torch.allclose(found.state["rot"], moved.state["rot"], atol=1e-12)
    assert torch.allclose(found.state["trans"], moved.state["trans"], atol=1e-12)
    # Where they do not fit, no small motion of any fragment brings its points nearer.
    aims = torch.randn(4, 12, 3, generator=generator, dtype=torch.float64)
    found = laid_upon(batch, aims)
    best = misfit(found, aims)
    for name in ("trans", "rot"):
        rows, state = batch.rows[name], found.state[name]
        v = 1e-3 * rows.zero(torch.randn(4, 3, 3, generator=generator, dtype=torch.float64))
        other = state + v if name == "trans" else state @ so3.exp(v)
        assert (misfit(found.replace(**{name: other}), aims) > best).all()


def misfit(batch: Batch, aims: torch.Tensor) -> torch.Tensor:
    """Summed square distances of the points from the atoms that they are or copy."""
    given, system_of = batch.given, batch.given["system"]
    graph = torch.arange(len(system_of))[:, None]
    apart = points(batch.state, given) - aims[graph, given["atom"][system_of]]
    mask = given["point_mask"][system_of]
    return torch.where(mask, apart.square().sum(-1), 0.0).sum(1)
