"""Arguments and options that several commands share, each described once."""

import math
from pathlib import Path
from typing import Annotated

import typer

from molgen.errors import UsageError

CheckpointArgument = Annotated[
    str, typer.Argument(metavar="CHECKPOINT", help="A shipped name, a checkpoint, or a run folder.")
]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A shipped name, a checkpoint, or a run folder.")
]
OutputFile = Annotated[
    Path,
    typer.Option("--output", "-o", help="Trajectory: .xtc, .dcd, .pdb; .npz for test systems."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same machine, same file.")]
SOLVERS = (
    "adams",
    "ancestral",
    "dpm++",
    "dpm++sde",
    "dpm2",
    "dpm3",
    "edm",
    "euler_maruyama",
    "ghvb",
    "heun",
    "pndm",
    "predictor_corrector",
    "s4",
)
"""What `molgen.core.solvers.SOLVERS` holds: help must not wait for torch."""

Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Solver steps; the recipe's if left out. Network evaluations a step: 1; heun, edm, "
        "dpm2 and predictor_corrector 2, dpm3 3, pndm 4 in its first three.",
    ),
]
Solver = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"{', '.join(SOLVERS)}; the recipe's if left out. With options such as "
        "dpm++sde,noise=2: that times the noise of the reverse SDE.",
    ),
]
Grid = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Where the steps lie: karras, uniform, window (as window,low=0.3,high=1), or "
        "searched, as molgen tune-grid found.",
    ),
]
Teleport = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Down to so many times the data's spread, noise is taken off in closed form: 3, say.",
    ),
]
Steer = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=VALUE][:WEIGHT]",
        help="Draw from q(x) exp(WEIGHT reward(x)): qed:10, cv=phi~60:5, vinardo; may be repeated.",
    ),
]
Steering = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[,OPTION=VALUE]",
        help="How: feynman-kac (if left out), ensemble, tree, gradient, red-diff or best-of-n; "
        "with options such as feynman-kac,every=2,potential=max.",
    ),
]
Particles = Annotated[
    int | None, typer.Option(min=1, help="Of each sample, that are weighed and chosen among: 64.")
]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
Likelihood = Annotated[
    bool,
    typer.Option(
        "--likelihood", help="Draw by the probability flow, which says the log q of each as well."
    ),
]
Probes = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Of the divergence in log q, random: two or more, which gives a standard error; 0: it "
        "is exact. By the size of a graph if left out.",
    ),
]
ReceptorOfPoses = Annotated[
    Path | None, typer.Option("--receptor", "-r", help="Of poses: .pdb or .cif.")
]
LigandOfPoses = Annotated[
    Path | None,
    typer.Option("--ligand", "-l", help="Of poses: the ligand where it lies, .sdf or .mol2."),
]


def numbers(text: str, option: str) -> tuple[float, ...]:
    """The numbers of an option's text, with commas between them.

    Raises:
        UsageError: one is none, or not finite.
    """
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(math.isfinite(number) for number in found):
        raise UsageError(f"{option} '{text}': numbers with commas between them")
    return found
