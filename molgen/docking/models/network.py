"""What a pose looks like: contacts with the pocket and within the ligand, seen through the noise.

Atoms of the ligand gather messages from the atoms of the pocket within reach, then from each other,
then from the pocket again. A message depends on the distance, on the angles between the direction
of the contact and the vectors that both atoms carry (where their neighbours lie), and on the noise.
All that enters is invariant under rotation and reflection of the whole, and smooth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.docking.data.system import Vocabulary, points
from molgen.docking.models.encoders import Encoded, LigandEncoder, PocketEncoder, Residual
from molgen.nn.embeddings import NoiseEmbedding
from molgen.nn.radial import RadialBasis, unit


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The size of a network.

    Attributes:
        width: scalars an atom.
        pair_width: scalars a message.
        vectors: vectors an atom.
        cutoff: nm, reach of a contact.
        neighbours: at most so many atoms of the pocket for each of the ligand, the nearest.
        radial: Gaussians of a distance.
    """

    width: PositiveInt = 64
    pair_width: PositiveInt = 32
    vectors: PositiveInt = 8
    cutoff: float = 0.65
    neighbours: PositiveInt = 24
    radial: PositiveInt = 16


class Filter(nn.Module):
    """Weights of messages from invariants of a pair and the noise.

    Args:
        inputs: invariants.
        noise: features of the noise.
        width: weights in each of the rounds.
        rounds: how many.
    """

    def __init__(self, inputs: int, noise: int, width: int, rounds: int) -> None:
        super().__init__()
        self.pair = nn.Linear(inputs, width)
        self.noise = nn.Linear(noise, width)
        self.out = nn.Linear(width, width * rounds)
        self.rounds = rounds

    def forward(self, invariants: Tensor, noise: Tensor, envelope: Tensor) -> list[Tensor]:
        """`[g, a, b, inputs]`, `[g, noise]`, `[g, a, b]` -> rounds of `[g, a, b, width]`."""
        hidden = nn.functional.silu(self.pair(invariants) + self.noise(noise)[:, None, None])
        return list((self.out(hidden) * envelope[..., None]).chunk(self.rounds, -1))


@dataclass(frozen=True)
class Seen:
    """What a network makes of poses, atom by atom.

    Attributes:
        state: the fragments' places, the centres divided by the signal.
        points: `[g, N, 3]` nm.
        centres: `[g]` nm, noise of the fragments' centres.
        angles: `[g]` rad, noise of their orientations.
        mask: `[g, A]`, which atoms are real.
        atoms: `[g, A, width + pair_width + noise]`, features of the ligand's atoms.
        contacts: `[g, A, k, pair_width]`, messages of the last round.
        towards: `[g, A, k, 3]`, directions of the contacts.
        pairs: `[g, A, A, pair_width]`, messages between the ligand's atoms.
        apart: `[g, A, A, 3]`, their directions.
    """

    state: Mapping[str, Tensor]
    points: Tensor
    centres: Tensor
    angles: Tensor
    mask: Tensor
    atoms: Tensor
    contacts: Tensor
    towards: Tensor
    pairs: Tensor
    apart: Tensor


class PoseNetwork(nn.Module):
    """Messages between the atoms of poses and of their pockets.

    Args:
        processes: forward processes of `trans` and `rot`.
        vocabulary: of the categorical features.
        shape: the size.
    """

    def __init__(self, processes: Processes, vocabulary: Vocabulary, shape: Shape) -> None:
        super().__init__()
        self.processes, self.shape = dict(processes), shape
        width, pair, vectors, radial = shape.width, shape.pair_width, shape.vectors, shape.radial
        self.pocket = PocketEncoder(vocabulary.pocket, width, pair, vectors)
        self.ligand = LigandEncoder(vocabulary.ligand, vocabulary.bonds, width, vectors)
        trans = self.processes["trans"]
        ends = torch.tensor([trans.t_min, 1.0])
        low, high = (trans.noise(ends) / trans.signal(ends)).tolist()
        self.noise = NoiseEmbedding(low, high)
        self.radial = RadialBasis(shape.cutoff, radial)
        self.contacts = Filter(radial + 3 * vectors, self.noise.width, pair, 2)
        self.inner = Filter(radial + _RELATIONS, self.noise.width, pair, 1)
        self.senders = nn.ModuleList(nn.Linear(width, pair, bias=False) for _ in range(3))
        self.receivers = nn.ModuleList(nn.Linear(width, pair) for _ in range(3))
        self.updates = nn.ModuleList(Residual(width, pair + self.noise.width) for _ in range(2))
        self.width = width + pair + self.noise.width

    def forward(self, batch: Batch, t: Tensor) -> Seen:
        """Everything that heads need; `t`: `[graphs]`."""
        trans, rot = self.processes["trans"], self.processes["rot"]
        m = trans.signal(t)
        centres, angles = trans.noise(t) / m, rot.noise(t)
        given, system = batch.given, batch.given["system"]
        site = given["site"][:, None, None]
        state = {**batch.state, "trans": batch.state["trans"] / m[:, None, None]}
        pocket, ligand = self.pocket(given), self.ligand(given)
        x = points(state, given)
        count = given["atoms"].shape[1]
        graph = torch.arange(len(system), device=x.device)[:, None]
        fragment = given["fragment"][system][:, :count]
        atoms, mask = x[:, :count], given["atom_mask"][system]
        own = torch.einsum("gaij,gavj->gavi", state["rot"][graph, fragment], ligand.vectors[system])
        noise = self.noise(centres)
        spread = noise[:, None].expand(-1, count, -1)

        near, invariants, reach, towards = self._contacts(atoms, own, given, pocket)
        first, second = self.contacts(invariants, noise, reach)
        theirs = [self.senders[k](pocket.scalars)[site, near] for k in (0, 2)]
        h = ligand.scalars[system]
        message = (first * theirs[0]).sum(2) * self.receivers[0](h)
        h = self.updates[0](h, torch.cat([message, spread], -1))
        invariants, reach, apart = self._pairs(atoms, fragment, mask, given)
        (weights,) = self.inner(invariants, noise, reach)
        pairs = weights * self.senders[1](h)[:, None] * self.receivers[1](h)[:, :, None]
        h = self.updates[1](h, torch.cat([pairs.sum(2), spread], -1))
        contacts = second * theirs[1] * self.receivers[2](h)[:, :, None]
        features = torch.cat([h, contacts.sum(2), spread], -1)
        return Seen(state, x, centres, angles, mask, features, contacts, towards, pairs, apart)

    def _contacts(
        self, atoms: Tensor, own: Tensor, given: Mapping[str, Tensor], pocket: Encoded
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pocket atoms near each atom, invariants of the pairs, their reach and directions."""
        site = given["site"]
        positions, real = given["pocket"][site], given["pocket_mask"][site]
        with torch.no_grad():
            apart = torch.cdist(atoms.detach(), positions)
            apart = apart.masked_fill(~real[:, None], 1e3)
            near = apart.topk(
                min(self.shape.neighbours, apart.shape[2]), largest=False, sorted=False
            ).indices
        graph = torch.arange(len(site), device=atoms.device)[:, None, None]
        distance, direction = unit(positions[graph, near] - atoms[:, :, None], 1e-3)
        their = pocket.vectors[site[:, None, None], near]
        invariants = torch.cat(
            [
                self.radial(distance),
                torch.einsum("gakx,gavx->gakv", direction, own),
                torch.einsum("gakx,gakvx->gakv", direction, their),
                torch.einsum("gavx,gakvx->gakv", own, their),
            ],
            dim=-1,
        )
        reach = torch.where(real[graph, near], self.radial.envelope(distance), 0.0)
        return near, invariants, reach, direction

    def _pairs(
        self, atoms: Tensor, fragment: Tensor, mask: Tensor, given: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Invariants of the ligand's own pairs, their reach and directions."""
        distance, direction = unit(atoms[:, None] - atoms[:, :, None], 1e-3)
        same = fragment[:, None] == fragment[:, :, None]
        bonded = given["bonds"][given["system"]] > 0
        relations = torch.stack([same, bonded], -1).to(distance)
        eye = torch.eye(atoms.shape[1], dtype=torch.bool, device=atoms.device)
        real = mask[:, None] & mask[:, :, None] & ~eye
        reach = torch.where(real, self.radial.envelope(distance), 0.0)
        return torch.cat([self.radial(distance), relations], -1), reach, direction


_RELATIONS = 2
