"""`molgen evaluate`: numbers of checkpoints against the reference and against themselves."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.cli.arguments import Seed
from molgen.errors import UsageError


def evaluate_md(
    model: Annotated[
        list[str],
        typer.Option(
            "--model", "-m", help="A shipped name, a checkpoint, or a run folder; may be repeated."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder; the run folder if left out, or runs/evaluate-NAME."
        ),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="One table of them all; only what is missing is done.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change [evaluate]; may be repeated."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Seed = 0,
) -> None:
    """Sample, simulate and compare both with the reference, each number beside its noise floor."""
    if output is not None and len(model) > 1:
        raise UsageError("--output goes with one --model; each run folder keeps its own results")
    from molgen.cli.progress import progress_bars
    from molgen.evaluation import evaluated
    from molgen.md.evaluation.evaluate import evaluate
    from molgen.md.evaluation.results import load_results
    from molgen.report.console import evaluation_table, runs_table, show

    found = []
    for checkpoint in model:
        results = evaluated(checkpoint, load_results, output) if table else None
        if results is None:
            with progress_bars() as progress:
                done = evaluate(
                    checkpoint,
                    output=output,
                    changes=set_ or (),
                    seed=seed,
                    device=device,
                    progress=progress,
                )
            results = done.results
            if not table:
                show(evaluation_table(results))
                for line in done.remarks:
                    typer.echo(line)
                typer.echo(done.folder)
        found.append(results)
    if table:
        show(runs_table(found))
