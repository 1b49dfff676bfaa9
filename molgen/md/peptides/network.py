r"""One correction to the energy of noised backbones for every peptide, and what it is for one.

    correction = closed form + strength d^2 net(features(y), noise; c),    d = 1 / sqrt(1 + sigma^2)
    net = net_1 + (T_0 / T - 1) net_2

The network is told by c which residues there are, through a few learned numbers of each amino acid
at each place, which ends, and the temperature, and by learned functions of these together what they
are to each other; all shift and scale its hidden layers. Of one peptide at one temperature c is
fixed, and the network a plain one over fewer atoms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import LinearProcess
from molgen.md.models.handedness import Handedness
from molgen.md.models.networks import noise_embedding
from molgen.md.models.statistics import Statistics
from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.closed_form import ClosedForm
from molgen.md.peptides.coordinates import FEATURES, Internal, Present
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import SLOTS
from molgen.md.peptides.statistics import LETTERS, Case, PeptideStatistics, Sizes
from molgen.nn.conditioned import ConditionedMLP
from molgen.nn.mlp import mlp

BOUND = "peptide"
"""The `kind` of network of a model of one peptide."""

CASE = "case"
"""Name of what a batch is given: int64 `[graphs]`, which of the cases each graph is."""


class PeptideCorrection(nn.Module):
    """The correction for many peptides: batches hold all slots and are given the case of each.

    Args:
        process: the forward process of the positions.
        statistics: of all peptides.
        cases: that a batch may be given.
        hidden: width of the network.
        layers: number of hidden layers.
        embedding: learned numbers of each amino acid.
        volumes: learned signed volumes; see `molgen.md.models.handedness`.
        together: learned functions of all that is given together; without any, c is linear in what
            is given of each residue, the ends and the temperature.
        strength: energy in kT of a network output of one.
        floor: noise below which the network stands still; see `molgen.md.models.networks`.
    """

    residues: Tensor
    ends: Tensor
    warmth: Tensor
    mask: Tensor
    slots: Tensor

    def __init__(
        self,
        process: LinearProcess,
        statistics: PeptideStatistics,
        cases: Sequence[Case],
        *,
        hidden: PositiveInt = 256,
        layers: PositiveInt = 3,
        embedding: PositiveInt = 8,
        volumes: PositiveInt = 64,
        together: NonNegativeInt = 0,
        strength: float = 3.0,
        floor: float = 0.05,
    ) -> None:
        super().__init__()
        self.process = process
        self.strength = strength
        self.floor = floor
        self.volumes = volumes
        present = [Present.of(Backbone.of(case.peptide)) for case in cases]
        sizes = [statistics.of(case).padded(own) for case, own in zip(cases, present, strict=True)]
        self.internal = Internal()
        self.closed_form = ClosedForm.of_many(sizes)
        mask, slots = torch.zeros(len(cases), FEATURES), torch.zeros(len(cases), SLOTS)
        for seen, there, own in zip(mask, slots, present, strict=True):
            seen[list(own.features)] = 1.0
            there[list(own.slots)] = 1.0
        warmth = [case.temperature_K / statistics.temperature_K for case in cases]
        for name, value in (
            ("mask", mask),
            ("slots", slots),
            ("residues", torch.stack([_residues(case.peptide) for case in cases])),
            ("ends", torch.stack([_ends(case.peptide) for case in cases])),
            ("warmth", torch.tensor(warmth)),
        ):
            self.register_buffer(name, value, persistent=False)
        self.amino_acids = nn.Embedding(len(LETTERS) + 1, embedding)
        nn.init.normal_(self.amino_acids.weight, std=0.3)
        self.noise = noise_embedding(process, floor)
        self.handedness = Handedness(SLOTS, volumes)
        conditions = 2 * embedding + self.ends.shape[1] + 1
        self.together: nn.Module | None = None
        self.added: list[dict[str, int | None]] = []
        if together:
            self.together = nn.Sequential(
                nn.Linear(conditions, 2 * together), nn.SiLU(), nn.Linear(2 * together, together)
            )
            # training may begin with the weights of a network without these
            whole = dict.fromkeys(f"together.{name}" for name in self.together.state_dict())
            parts = [f"network.{part}.{k}" for part in ("shifts", "gains") for k in range(layers)]
            self.added.append({**whole, **{f"{part}.weight": together for part in parts}})
        self.network = ConditionedMLP(
            FEATURES + volumes + self.noise.width, conditions + together, hidden, layers, outputs=2
        )

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        m = self.process.signal(t)
        y, sigma = batch.state["pos"] / m[:, None, None], self.process.noise(t) / m
        case = batch.given[CASE]
        prior, features = _seen(self.internal, self.closed_form, y, sigma, case)
        scale = torch.rsqrt(1 + sigma.square())[:, None, None]
        hands = self.handedness(y * scale, self.slots[case])
        noise = self.noise(torch.sqrt(sigma.square() + self.floor**2))
        features = torch.cat([features * self.mask[case], hands, noise], dim=1)
        first, second = self.network(features, self.conditions(case)).unbind(1)
        learned = first + (1 / self.warmth[case] - 1) * second
        return prior + self.strength * learned / (1 + sigma.square())

    def conditions(self, case: Tensor) -> Tensor:
        """c of each case: `[n, conditions]`."""
        residues = self.amino_acids(self.residues[case]).flatten(-2)
        warmth = self.warmth[case].log()[..., None]
        c = torch.cat([residues, self.ends[case], warmth], dim=-1)
        return c if self.together is None else torch.cat([c, self.together(c)], dim=-1)

    def folded(self, present: Present) -> nn.Sequential:
        """The network of the first case as a plain one, of the features that it has."""
        others = torch.arange(FEATURES, self.network.inputs)
        inputs = torch.cat([torch.tensor(present.features), others])
        outputs = torch.stack([torch.ones(()), 1 / self.warmth[0] - 1])
        return self.network.folded(self.conditions(torch.tensor(0)), inputs, outputs)


class BoundCorrection(nn.Module):
    """The correction of one peptide at one temperature: sizes and network are its weights.

    Args:
        process: the forward process of the positions.
        statistics: of the molecule.
        peptide: its name.
        hidden: width of the network.
        layers: number of hidden layers.
        volumes: learned signed volumes.
        strength: energy in kT of a network output of one.
        floor: noise below which the network stands still.
    """

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        *,
        peptide: str,
        hidden: PositiveInt,
        layers: PositiveInt,
        volumes: PositiveInt,
        strength: float,
        floor: float,
    ) -> None:
        super().__init__()
        del statistics
        self.process = process
        self.strength = strength
        self.floor = floor
        backbone = Backbone.of(Peptide.parse(peptide))
        present = Present.of(backbone)
        self.internal = Internal(backbone)
        self.closed_form = ClosedForm.of_one(Sizes.unknown(present), present)
        self.noise = noise_embedding(process, floor)
        self.handedness = Handedness(len(backbone.slots), volumes)
        inputs = len(present.features) + volumes + self.noise.width
        self.network = mlp(inputs, hidden, layers, 1)

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        m = self.process.signal(t)
        y, sigma = batch.state["pos"] / m[:, None, None], self.process.noise(t) / m
        prior, features = _seen(self.internal, self.closed_form, y, sigma)
        hands = self.handedness(y * torch.rsqrt(1 + sigma.square())[:, None, None])
        noise = self.noise(torch.sqrt(sigma.square() + self.floor**2))
        learned = self.network(torch.cat([features, hands, noise], dim=1))[:, 0]
        return prior + self.strength * learned / (1 + sigma.square())


def _seen(
    internal: Internal,
    closed_form: ClosedForm,
    y: Tensor,
    sigma: Tensor,
    case: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Energy in closed form `[n]` and features `[n, features]` of positions `[n, beads, 3]`."""
    distances, volumes = internal.distances(y), internal.signed_volumes(y)
    q = internal.stiff(distances, volumes)
    energy, standard = closed_form(y, q, sigma, case)
    return energy, internal.features(y, sigma, distances, volumes, standard)


def _residues(peptide: Peptide) -> Tensor:
    """`[2]` number of the amino acid at each place; one beyond the last where there is none."""
    numbers = [LETTERS.index(letter) for letter in peptide.residues]
    return torch.tensor([*numbers, *[len(LETTERS)] * (2 - len(numbers))])


def _ends(peptide: Peptide) -> Tensor:
    """`[2]`, which ends are capped."""
    return torch.tensor([float(peptide.acetyl), float(peptide.amide)])
