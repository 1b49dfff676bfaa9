"""The page of an evaluation of docking says what its numbers say."""

import numpy as np

from molgen.docking.evaluation.results import Results, Row
from molgen.docking.evaluation.statistics import difference, row_of
from molgen.docking.evaluation.verdict import Verdict
from molgen.report.docking.page import by_poses, by_shift, reliability, render
from molgen.report.docking.tables import remarks, tables
from molgen.report.page import write_report


def verdicts(*ranks: int | None) -> list[Verdict]:
    """Ten poses each, of which the one of a rank is right; sure of the first."""
    return [
        Verdict(
            f"c{k}",
            rmsd_nm=[0.1 if rank == place else 0.5 for place in range(1, 11)],
            failed=[[]],
            scores={"confidence": np.linspace(0.95, 0.05, 10).tolist()},
            seconds={"search": 2.0, "checks": 1.0},
            processor=1.5,
        )
        if rank
        else Verdict(f"c{k}", failure="cannot be <embedded>")
        for k, rank in enumerate(ranks)
    ]


MINE, THEIRS, MOVED = verdicts(1, 1, 2, 1), verdicts(1, None, 3, 1), verdicts(1, 5, 5, 5)
RESULTS = Results(
    [
        Row("mine", 0, row_of(MINE)),
        Row("mine", 2, row_of(MOVED)),
        Row("theirs", 0, row_of(THEIRS)),
    ],
    [],
    {"mine": {"theirs": difference(MINE, THEIRS)}, "theirs": {}},
    {"broken": "no atoms"},
    {"complexes": "/data/a set"},
)


def test_the_table_has_shares_in_percent_and_counts_failures():
    first = tables(RESULTS)[0]
    column = {head: k + 1 for k, head in enumerate(first.heads)}
    mine, moved, theirs = first.rows
    assert moved[0] == "mine-shift2"
    assert mine[column["top-1 right"]].startswith("75.0 (")
    assert theirs[column["best of 5"]].startswith("75.0 (")
    assert [row[column["failed"]] for row in first.rows] == ["0", "0", "1"]
    assert [row[column["for 90 %"]] for row in first.rows] == ["2", "5", "never"]
    assert mine[column["s"]] == "2.0"  # the judge's checks do not count


def test_curves_are_of_poses_of_shifts_and_of_confidence():
    assert by_poses(RESULTS.rows)[0].y[:3] == [0.75, 1, 1]
    (shifts,) = by_shift(RESULTS.rows)
    assert (shifts.x, shifts.y) == ([0, 2], [0.75, 0.25])
    assert reliability(RESULTS.rows)[0].y[-1] == 0.75


def test_the_page_is_written_whole_and_names_what_failed(tmp_path, assert_whole):
    RESULTS.save(tmp_path)
    text = write_report(tmp_path).read_text()
    assert "theirs: c1: cannot be &lt;embedded&gt;" in text
    assert "broken: cannot be used: no atoms" in text
    assert text.count("<svg") == 3
    assert_whole(text)
    assert remarks(RESULTS)[0].startswith("broken")
    assert render(RESULTS) == text
