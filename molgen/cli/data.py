"""`molgen data prepare`: a file of SMILES to graphs for training and testing."""

from pathlib import Path
from typing import Annotated

import typer


def prepare(
    what: Annotated[
        str, typer.Argument(metavar="SET", help="qm9, zinc250k, moses, or your file of SMILES.")
    ],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="File of the known set; else an installed qm9pack or molsets."),
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
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of test molecules.")] = 0,
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
    """Prepare molecules for training: heavy-atom graphs without stereo, split, with counts."""
    from molgen.cli.progress import progress_bars
    from molgen.graphs.data_folder import DataFolder
    from molgen.graphs.prepare import PrepareOptions, prepare

    options = PrepareOptions(
        test_share=test_share,
        seed=seed,
        aromatic=aromatic,
        at_least=at_least,
        max_atoms=max_atoms,
        column=column,
        properties=tuple(name.strip() for name in properties.split(",") if name.strip()),
    )
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
