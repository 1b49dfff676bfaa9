"""How molecules and plain graphs are shown: pictures, histograms, curves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from molgen.chem.depiction import impossible_svg, molecule_svg
from molgen.report.graphs.pictures import graph_svg


@dataclass(frozen=True)
class Quantity:
    """What a histogram shows.

    Attributes:
        title: above it.
        unit: below it.
        whole: whether values are whole numbers, a bin each.
    """

    title: str
    unit: str = ""
    whole: bool = False


@dataclass(frozen=True)
class CurveLook:
    """How a number is shown against network evaluations.

    Attributes:
        title: above the plot.
        unit: along y.
        factor: from the number to that unit.
        log: whether y is logarithmic.
    """

    title: str
    unit: str
    factor: float = 1.0
    log: bool = True


@dataclass(frozen=True)
class Kind:
    """How graphs of one kind are shown.

    Attributes:
        template: of the page.
        noun: what one of them is.
        example: its picture.
        rejected: a picture of one that is not valid.
        quantities: of the histograms.
        curves: by the name of the number.
        cards: names of the numbers at the top, and how they are called there.
    """

    template: str
    noun: str
    example: Callable[[str], str]
    rejected: Callable[[str], str]
    quantities: Mapping[str, Quantity]
    curves: Mapping[str, CurveLook]
    cards: Mapping[str, str]


def _seconds(noun: str) -> CurveLook:
    return CurveLook("Time", f"ms a {noun}", 1000.0)


KINDS: Mapping[str, Kind] = {
    "molecules": Kind(
        template="molecules.html",
        noun="molecule",
        example=molecule_svg,
        rejected=impossible_svg,
        quantities={
            "logp": Quantity("logP"),
            "qed": Quantity("QED"),
            "sa": Quantity("SA score"),
            "weight": Quantity("Weight", "amu"),
            "heavy_atoms": Quantity("Heavy atoms", whole=True),
        },
        curves={
            "valid_and_connected": CurveLook("Valid and connected", "%", 100.0, log=False),
            "fcd": CurveLook("Fréchet ChemNet distance", "FCD"),
            "nspdk": CurveLook("NSPDK", "MMD²"),
            "seconds": _seconds("molecule"),
        },
        cards={
            "valid_and_connected": "Valid and connected",
            "fcd": "FCD",
            "nspdk": "NSPDK MMD²",
            "novel": "Novel",
        },
    ),
    "plain": Kind(
        template="plain_graphs.html",
        noun="graph",
        example=graph_svg,
        rejected=graph_svg,
        quantities={
            "degree": Quantity("Degree", "neighbours of a node", whole=True),
            "clustering": Quantity("Clustering coefficient"),
            "spectral": Quantity("Spectrum", "eigenvalue of the normalised Laplacian"),
            "size": Quantity("Size", "nodes", whole=True),
        },
        curves={
            "vun": CurveLook("Valid, unique and novel", "%", 100.0, log=False),
            "emd_mean": CurveLook("Mean MMD², earth mover's kernel", "MMD²"),
            "tv_mean": CurveLook("Mean MMD², total variation kernel", "MMD²"),
            "seconds": _seconds("graph"),
        },
        cards={
            "vun": "Valid, unique and novel",
            "emd_mean": "Mean MMD², GDSS's kernel",
            "tv_mean": "Mean MMD², DiGress's kernel",
            "novel": "Novel",
        },
    ),
}
"""By the kind of an evaluation's graphs."""
