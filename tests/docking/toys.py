"""Small made-up systems, for what does not depend on chemistry."""

from __future__ import annotations

import torch

from molgen.core.manifolds import SO3, Euclidean, so3
from molgen.core.processes import VE, Brownian
from molgen.docking.data.system import System, Vocabulary

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
