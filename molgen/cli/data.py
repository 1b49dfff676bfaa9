"""`molgen data prepare`: molecules, or graphs without chemistry, for training and testing."""

from pathlib import Path
from typing import Annotated

import typer

from molgen.errors import UsageError


def prepare(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SET",
            help="qm9, zinc250k, moses, or your file of SMILES; or a set of plain graphs: "
            "community_small, ego_small, grid, planar, sbm, tree, or a .json of edge lists; or an "
            ".npz of either, as drawn or saved from Python.",
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="File of the known set. Else: molecules of an installed qm9pack or molsets; plain "
            "graphs drawn anew.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; else molgen's data directory, by name."),
    ] = None,
    test: Annotated[Path | None, typer.Option(help="A second file: the test molecules.")] = None,
    test_indices: Annotated[
        Path | None, typer.Option(help="JSON list of rows for testing, from 0.")
    ] = None,
    test_share: Annotated[
        float, typer.Option(min=0, max=1, help="For testing, drawn at random; of your own file.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    graphs: Annotated[
        int | None,
        typer.Option(min=1, help="How many plain graphs; the usual number if not given."),
    ] = None,
    column: Annotated[str | None, typer.Option(help="The SMILES of a .csv or .tsv.")] = None,
    properties: Annotated[
        str, typer.Option(help="Labels to compute: logp,qed,sa,weight,heavy_atoms.")
    ] = "",
    aromatic: Annotated[
        bool, typer.Option("--aromatic", help="Aromatic bonds as a type of their own.")
    ] = False,
    at_least: Annotated[int, typer.Option(min=1, help="Leave out atom types rarer than this.")] = 1,
    max_atoms: Annotated[
        int | None, typer.Option(min=1, help="Leave out molecules with more heavy atoms.")
    ] = None,
    allowed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of lines that may be skipped.")
    ] = 0.05,
) -> None:
    """Prepare data for training: graphs and their split. Molecules lose hydrogens and stereo."""
    from molgen.cli.progress import progress_bars
    from molgen.graphs.data.edge_lists import is_edge_lists
    from molgen.graphs.data.folder import DataFolder
    from molgen.graphs.data.generic import GENERIC
    from molgen.graphs.data.graph_set import GraphSet
    from molgen.graphs.data.prepare import PrepareOptions, prepare
    from molgen.graphs.data.prepare_graphs import prepare_graphs

    options = PrepareOptions(
        test_share=test_share,
        seed=seed,
        aromatic=aromatic,
        at_least=at_least,
        max_atoms=max_atoms,
        column=column,
        properties=tuple(name.strip() for name in properties.split(",") if name.strip()),
    )
    if what in GENERIC or is_edge_lists(what):
        if test or test_indices or options != PrepareOptions(seed=seed):
            raise UsageError(
                f"{what}: its graphs are no molecules; only --from, --output, --seed and --graphs "
                "are for them"
            )
        folder = _plain(what, source, output, seed, graphs)
    elif what.endswith(".npz"):
        own = PrepareOptions(test_share=test_share, seed=seed)
        if source or test or test_indices or graphs is not None or options != own:
            raise UsageError(
                f"{what}: holds graphs already; only --output, --test-share, --seed and --allowed "
                "are for it"
            )
        folder = prepare_graphs(
            GraphSet.load(what),
            Path(what).stem,
            output,
            test_share=test_share,
            seed=seed,
            allowed=allowed,
        )
    else:
        if graphs is not None:
            raise UsageError(f"{what}: --graphs is for sets that are drawn: {', '.join(GENERIC)}")
        with progress_bars() as progress:
            folder = prepare(
                what,
                output,
                source=source,
                test=test,
                test_rows=test_indices,
                options=options,
                allowed=allowed,
                progress=progress,
            )
    typer.echo(DataFolder.open(folder.resolve()).summary)
    typer.echo(folder)


def _plain(
    what: str, source: Path | None, output: Path | None, seed: int, graphs: int | None
) -> Path:
    from molgen.graphs.data.edge_lists import is_edge_lists
    from molgen.graphs.data.prepare_plain import prepare_drawn, prepare_file

    if is_edge_lists(what):
        if source is not None:
            raise UsageError(f"{what}: is a file already, so it takes no --from")
        source, name = Path(what), None
    else:
        name = what
    if source is None:
        return prepare_drawn(what, output, graphs=graphs, seed=seed)
    if seed or graphs is not None:
        raise UsageError(f"{source}: is taken whole; --seed and --graphs are for sets drawn anew")
    return prepare_file(source, output, name=name)
