"""`molgen evaluate`: numbers of checkpoints against the reference and against themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from molgen.cli.arguments import Device, Seed
from molgen.cli.emulate import Temperature
from molgen.errors import UsageError

_MODELS = typer.Option(
    "--model", "-m", help="A shipped name, a checkpoint, or a run folder; may be repeated."
)
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Folder; the run folder if left out, or runs/evaluate-NAME[-DATA]."
    ),
]
Together = Annotated[
    bool,
    typer.Option(
        "--table", help="One table of them all; only what was not yet done just so is done."
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change [evaluate]; may be repeated."),
]


def evaluate_md(
    model: Annotated[list[str], _MODELS],
    output: Output = None,
    table: Together = False,
    peptides: Annotated[
        str | None,
        typer.Option(help="For a model of peptides: which, as KS,AT or a file of them."),
    ] = None,
    temperature: Temperature = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Of these peptides: folder with frames of each; the recipe's if out."),
    ] = None,
    set_: Changes = None,
    device: Device = "cpu",
    seed: Seed = 0,
) -> None:
    """Sample, simulate and compare both with the reference, each number beside its noise floor."""
    _require_one_output(model, output)
    if peptides is not None:
        if len(model) > 1 or table:
            raise UsageError("--peptides goes with one --model, and makes one table of itself")
        _evaluate_peptides(
            model[0],
            peptides,
            output,
            temperature_K=temperature,
            reference=data and str(data),
            changes=set_ or (),
            seed=seed,
            device=device,
        )
        return
    if temperature is not None or data is not None:
        raise UsageError("--temperature and --data are of --peptides")
    from molgen import checkpoint as checkpoints
    from molgen.cli.progress import progress_bars
    from molgen.evaluation import evaluated, options_of
    from molgen.md.evaluation.evaluate import asked_of, evaluate
    from molgen.md.evaluation.options import EvaluateTable
    from molgen.md.evaluation.results import load_results
    from molgen.report.console import show
    from molgen.report.md.console import evaluation_table, runs_table

    found = []
    for checkpoint in model:
        loaded = checkpoints.load(checkpoint)
        options = options_of(loaded, EvaluateTable, set_ or ())
        results = None
        if table:
            asked = asked_of(loaded, options, seed)
            results = evaluated(checkpoint, load_results, asked, output)
        if results is None:
            with progress_bars() as progress:
                done = evaluate(
                    checkpoint,
                    output=output,
                    options=options,
                    seed=seed,
                    device=device,
                    progress=progress,
                )
            results = done.results
            if not table:
                show(evaluation_table(results))
                _tell(done.remarks, done.folder)
        found.append(results)
    if table:
        show(runs_table(found))


def _evaluate_peptides(model: str, peptides: str, output: Path | None, **options: Any) -> None:
    from molgen.cli.progress import progress_bars
    from molgen.evaluation import unowned
    from molgen.md.peptides.data import read_peptides
    from molgen.md.peptides.evaluate import evaluate_peptides
    from molgen.report.console import show
    from molgen.report.peptides import peptides_table

    folder = output or unowned(model)
    with progress_bars() as progress:
        results = evaluate_peptides(
            model,
            read_peptides(peptides),
            folder,
            progress=progress,
            tell=lambda line: typer.echo(line, err=True),
            **options,
        )
    show(peptides_table(results))
    for line in (*results.doubts, folder):
        typer.echo(line)


def evaluate_graphs(
    model: Annotated[list[str] | None, _MODELS] = None,
    samples: Annotated[
        Path | None,
        typer.Option(help="Instead: drawn graphs in a file, SMILES (.smi, .csv, ...) or .npz."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Prepared data set, by name or folder; that of the model's recipe."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            "-n",
            min=2,
            help="Graphs; 10000 molecules, or as many plain graphs as there are for testing; all "
            "of a file.",
        ),
    ] = None,
    output: Output = None,
    table: Together = False,
    set_: Changes = None,
    device: Device = "cpu",
    seed: Seed = 0,
) -> None:
    """Draw molecules or graphs, or read drawn ones, and compare them with real ones."""
    if (samples is None) == (not model):
        raise UsageError("give either --model or --samples")
    _require_one_output(model or (), output)
    from molgen import checkpoint as checkpoints
    from molgen.cli.progress import progress_bars
    from molgen.evaluation import evaluated, options_of, with_changes
    from molgen.graphs.evaluation.evaluate import asked_of, evaluate, other_data
    from molgen.graphs.evaluation.evaluate_samples import evaluate_samples
    from molgen.graphs.evaluation.options import EvaluateTable
    from molgen.graphs.evaluation.results import load_results
    from molgen.report.console import show
    from molgen.report.graphs.console import evaluation_table, runs_tables

    common: dict[str, Any] = {
        "count": count,
        "output": output,
        "seed": seed,
        "device": device,
    }
    found = []
    for checkpoint in model or ():
        loaded = checkpoints.load(checkpoint)
        options = options_of(loaded, EvaluateTable, set_ or ())
        results = None
        if table:
            asked = asked_of(loaded, data, count, options, seed)
            other = other_data(loaded, data)
            results = evaluated(checkpoint, load_results, asked, output, other)
        if results is None:
            with progress_bars() as progress:
                done = evaluate(checkpoint, data=data, options=options, progress=progress, **common)
            results = done.results
            if not table:
                show(evaluation_table(results))
                _tell(done.results.remarks, done.folder)
        found.append(results)
    if samples is not None:
        if data is None:
            raise UsageError("--samples needs the data set they are compared with: --data")
        options = with_changes({}, EvaluateTable, set_ or (), "--set")
        with progress_bars() as progress:
            done = evaluate_samples(samples, data, options=options, progress=progress, **common)
        found.append(done.results)
        if not table:
            show(evaluation_table(done.results))
            _tell(done.results.remarks, done.folder)
    if table:
        for runs in runs_tables(found):
            show(runs)


def _require_one_output(models: Sequence[str], output: Path | None) -> None:
    if output is not None and len(models) > 1:
        raise UsageError("--output goes with one --model; each run folder keeps its own results")


def _tell(remarks: Sequence[str], folder: Path) -> None:
    for line in (*remarks, folder):
        typer.echo(line)
