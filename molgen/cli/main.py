"""The `molgen` command: each command parses, calls one function, and turns errors into exit codes.

Exit codes: 0 done, 1 the run failed, 2 the input cannot be used, 130 interrupted. A failure prints
one line. Nothing heavy is imported here or in the command modules, so that `--help` is quick.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import molgen
from molgen.cli import (
    average,
    bench,
    complexes,
    data,
    demo,
    diagnose,
    dock,
    emulate,
    evaluate,
    evaluate_docking,
    generate,
    likelihood,
    list_shipped,
    report,
    reweight,
    sample,
    simulate,
    train,
    tune_grid,
)
from molgen.errors import MolgenError

app = typer.Typer(
    name="molgen",
    help="Scientific diffusion for molecules: one model that samples and simulates.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
md = typer.Typer(help="Molecular dynamics: make reference data.", no_args_is_help=True)
sampling = typer.Typer(help="Draw from a trained model.", no_args_is_help=True)
evaluation = typer.Typer(
    help="Judge a model, each number beside its noise floor.", no_args_is_help=True
)
sets = typer.Typer(help="Molecules, graphs and complexes to train on.", no_args_is_help=True)
benchmarks = typer.Typer(help="Measure speed on this machine, and solvers.", no_args_is_help=True)

app.command("demo")(demo.demo)
app.command("list")(list_shipped.list_shipped)
app.command("train")(train.train)
app.command("average")(average.average)
app.add_typer(sampling, name="sample")
app.command("emulate")(emulate.emulate)
app.command("tune-grid")(tune_grid.tune_grid)
app.command("simulate")(simulate.simulate)
app.command("dock")(dock.dock)
app.add_typer(evaluation, name="evaluate")
app.command("likelihood")(likelihood.likelihood)
app.command("consistency")(likelihood.consistency)
app.command("reweight")(reweight.reweight)
app.command("diagnose")(diagnose.diagnose)
app.command("report")(report.report)
app.add_typer(md, name="md")
app.add_typer(sets, name="data")
app.add_typer(benchmarks, name="bench")
sampling.command("md")(sample.sample_md)
sampling.command("graphs")(sample.sample_graphs)
evaluation.command("md")(evaluate.evaluate_md)
evaluation.command("graphs")(evaluate.evaluate_graphs)
evaluation.command("docking")(evaluate_docking.evaluate_docking)
md.command("generate")(generate.generate)
sets.command("prepare")(data.prepare)
sets.command("prepare-complexes")(complexes.prepare_complexes)
sets.command("judge-poses")(complexes.judge_poses)
benchmarks.command("md")(bench.bench_md)
benchmarks.command("peptides")(bench.bench_peptides)
benchmarks.command("graphs")(bench.bench_graphs)
benchmarks.command("dock")(bench.bench_docking)
benchmarks.command("solvers")(bench.bench_solvers)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"molgen {molgen.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Scientific diffusion for molecules: one model that samples and simulates."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command line.

    Args:
        arguments: words after `molgen`; those of the process if None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(words, prog_name="molgen", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except MolgenError as error:
        return _fail(error, str(error), error.exit_code, words)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "molgen":
            raise
        return _fail(error, f"this command needs {package}: pip install {package}", 1, words)
    except OSError as error:  # a full disk, a folder without permission
        where = f"{error.filename}: " if error.filename else ""
        return _fail(error, f"{where}{error.strerror or error}", 1, words)
    except Exception as error:
        if not hasattr(error, "format_message"):  # not typer's own complaint: a defect of ours
            raise
        return _fail(error, error.format_message(), getattr(error, "exit_code", 2), words)
    if code == 130:
        print("molgen: interrupted", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _fail(error: Exception, message: str, code: int, words: list[str]) -> int:
    if "--debug" in words:
        raise error
    if message:
        print(f"molgen: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
