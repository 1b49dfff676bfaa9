"""Small made-up systems, for what does not depend on chemistry."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.losses import corrupt
from molgen.core.manifolds import SO3, Euclidean, so3
from molgen.core.processes import VE, Brownian
from molgen.docking.data.system import System, Vocabulary, as_batch, points

SPREAD = 0.27
"""nm, of the centres of fragments."""

Losses = dict[str, tuple[float, float]]

VOCABULARY = Vocabulary(pocket=(5, 4), ligand=(4, 3), bonds=4)


def processes() -> dict[str, VE | Brownian]:
    """Of centres and orientations."""
    return {
        "trans": VE(sigma_min=0.01, sigma_max=0.8, data_std=0.27, manifold=Euclidean()),
        "rot": Brownian(sigma_min=0.06, sigma_max=3.0, manifold=SO3()),
    }


def system(atoms: int = 9, fragments: int = 3, pocket: int = 40, seed: int = 0) -> System:
    """A chain of atoms in fragments of equal size, each joined to the next, in a random pocket."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    def kinds(count: int, sizes: tuple[int, ...]) -> torch.Tensor:
        return torch.stack(
            [torch.randint(size, (count,), generator=generator) for size in sizes], dim=-1
        )

    of_atom = torch.arange(atoms) * fragments // atoms
    ends = (of_atom[1:] > of_atom[:-1]).nonzero()[:, 0]
    fragment = torch.cat([of_atom, of_atom[ends]])
    atom = torch.cat([torch.arange(atoms), ends + 1])
    dummies = torch.arange(atoms, len(atom))
    bonds = torch.zeros(atoms, atoms, dtype=torch.long)
    chain = torch.arange(atoms - 1)
    bonds[chain, chain + 1] = bonds[chain + 1, chain] = 1 + chain % 4
    body = 0.15 * normal(len(atom), 3)
    mean = torch.stack([body[fragment == k].mean(0) for k in range(fragments)])
    return System(
        pocket=0.6 * normal(pocket, 3),
        pocket_kinds=kinds(pocket, VOCABULARY.pocket),
        atoms=kinds(atoms, VOCABULARY.ligand),
        bonds=bonds,
        body=body - mean[fragment],
        fragment=fragment,
        atom=atom,
        links=torch.cat([torch.stack([ends, ends + 1], -1), torch.stack([ends + 1, dummies], -1)]),
        link_kinds=torch.cat([torch.zeros(len(ends)), torch.full((len(ends),), 2.0)]).long(),
        link_lengths=torch.cat([torch.full((len(ends),), 0.15), torch.zeros(len(ends))]),
        trans=0.27 * normal(fragments, 3),
        rot=so3.of_normal(normal(fragments, 4)),
    )


def two_points() -> System:
    """Two fragments of one point each, which should lie on each other."""
    whole = system(2, 2)
    return whole.replace(
        body=torch.zeros(2, 3),
        fragment=torch.arange(2),
        atom=torch.arange(2),
        links=torch.tensor([[0, 1]]),
        link_kinds=torch.tensor([2]),
        link_lengths=torch.zeros(1),
        trans=torch.tensor([[0.0, 0.0, 0.0], [0.1, -0.2, 0.05]]),
        rot=torch.eye(3).repeat(2, 1, 1),
    )


def assembled(seed: int) -> System:
    """A made-up ligand whose links fit: every link's length is what it is."""
    made = system(12, 3, seed=seed)
    x = points(as_batch([made]).state, as_batch([made]).given)[0]
    dummies = made.link_kinds == 2
    body = made.body.clone()
    for u, v in made.links[dummies].tolist():
        k = made.fragment[v]
        body[v] = made.rot[k].T @ (x[u] - made.trans[k])
    lengths = (x[made.links[:, 0]] - x[made.links[:, 1]]).norm(dim=-1)
    return made.replace(body=body, link_lengths=torch.where(dummies, 0.0, lengths))


def denoising_losses(score: Callable[[Batch, Tensor], dict[str, Tensor]], level: float) -> Losses:
    """Of each field, without and with a part that adds to the base's score, at one noise in nm."""
    made = processes()
    batch = as_batch([assembled(seed) for seed in range(8)], 16)
    t = made["trans"].time_of(torch.tensor(level)).expand(batch.graphs)
    noised, target, scale = corrupt(made, batch, t, torch.Generator().manual_seed(0))
    with torch.no_grad():
        added = score(noised, t)
    losses = {}
    for name, process in made.items():
        rows = batch.rows[name]
        base = process.base_score(noised.state[name], t, rows)
        without, with_it = (
            (scale[name].square() * process.manifold.inner(error, error, rows)).mean().item()
            for error in (base - target[name], base + added[name] - target[name])
        )
        losses[name] = without, with_it
    return losses
