"""The report: whole and offline, right numbers in the page, maps and superposition exact."""

import json
import re

import numpy as np
import pytest
import torch

from molgen.errors import UsageError
from molgen.md.evaluation.certificate import certify
from molgen.md.evaluation.comparison import compare
from molgen.md.evaluation.ensemble import Ensemble, bead_variables, plane_of, thermal
from molgen.md.evaluation.results import Results, load_results
from molgen.md.system import load_system
from molgen.report.md.maps import basin_symbol, difference, free_energy
from molgen.report.md.overview import write_overview
from molgen.report.md.viewer import superpose, viewer_data
from molgen.report.numbers import number, plus_minus
from molgen.report.page import write_report
from molgen.results import Curve


@pytest.fixture(scope="module")
def results():
    """Alanine dipeptide with noise on its start for conformers and made-up dihedrals."""
    system = load_system("ala2")
    mapping, plane = system.mapping("backbone5"), plane_of(system)
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    start = mapping.select(system.start).numpy()
    ensembles, conformers = {}, {}
    for source in ("reference", "iid", "simulation"):
        x = start + 0.004 * rng.normal(size=(4000, *start.shape))
        measured = Ensemble.from_positions(x, bead_variables(system, mapping), mapping)
        points = rng.normal((-1.3, 2.3), 0.5, size=(4000, 2))
        chains = np.repeat(np.arange(20), 200) if source == "simulation" else None
        ensembles[source] = Ensemble(points, chains, measured.distances, measured.angles)
        conformers[source] = x[:4]
    kT, unit = thermal(system)
    options = {"energy_unit": unit, "basins": system.basins, "repeats": 20, "generator": generator}
    comparisons = {
        source: compare(ensembles[source], ensembles["reference"], plane, kT, **options)
        for source in ("iid", "simulation")
    }
    certificate = certify(ensembles["iid"], ensembles["simulation"], plane, kT, **options)
    return Results(
        title="Alanine <dipeptide>",
        plane=plane,
        ensembles=ensembles,
        comparisons=comparisons,
        certificate=certificate.to_dict(),
        boxes={basin.name: dict(basin.bounds) for basin in system.basins},
        mapping=mapping,
        conformers=conformers,
        residuals=(Curve("with", [0.01, 0.1, 1.0], [0.3, 0.2, 0.1], [0.2, 0.1, 0.05], [1, 1, 1]),),
        evaluations={"js": (Curve("Heun", [10, 50], [0.02, 0.01]),)},
        published={"Published": {"iid": {"js": 0.0079, "pmf": 0.089}}},
        provenance={"seed": 7, "model": {"parameters": 1234}},
    )


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    results.save(folder)
    return write_report(folder).read_text(encoding="utf-8")


def test_page_is_one_file_that_loads_nothing(page, assert_whole):
    assert assert_whole(page) > 10


def test_figures_share_no_ids_that_they_refer_to(page):
    defined = re.findall(
        r'<(?:clipPath|image|path|g|use)[^>]* id="((?:p|image)[0-9a-f]{8,})"', page
    )
    assert len(defined) > 10
    assert len(defined) == len(set(defined))


def test_page_shows_the_metrics_of_the_summary(page, results):
    for source in ("iid", "simulation"):
        for metric in results.comparisons[source]["metrics"].values():
            assert plus_minus(metric["debiased"], metric["sd"]) in page
    assert "0.0890" in page  # published
    assert "1234" in page
    assert "with" in page
    assert basin_symbol("alpha_R") == "αR"
    assert "αR" in page


def test_text_of_the_user_cannot_become_markup(page):
    assert "Alanine &lt;dipeptide&gt;" in page
    assert "<dipeptide>" not in page


def test_conformers_in_the_page_are_the_molecules_in_angstrom(page, results):
    data = json.loads(re.search(r'id="conformers">(.*?)</script>', page, re.S).group(1))
    assert data["bonds"] == [[0, 1], [1, 2], [2, 3], [3, 4]]
    drawn = np.array(data["sources"]["iid"][2]).reshape(-1, 3)
    true = results.conformers["iid"][2] * 10
    bond = np.linalg.norm(drawn[1] - drawn[0])
    assert bond == pytest.approx(np.linalg.norm(true[1] - true[0]), abs=2e-3)  # three decimals


def test_results_survive_saving_and_loading(results, tmp_path):
    results.save(tmp_path)
    found = load_results(tmp_path)
    assert found.plane == results.plane
    assert found.comparisons == json.loads(json.dumps(results.comparisons))
    assert found.mapping == results.mapping
    assert list(found.ensembles["iid"].distances) == list(results.ensembles["iid"].distances)
    assert (found.ensembles["simulation"].chains == results.ensembles["simulation"].chains).all()
    assert found.ensembles["iid"].points == pytest.approx(results.ensembles["iid"].points, abs=1e-6)
    (tmp_path / "summary.json").write_text(json.dumps({"steps": 5}))
    results.save(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["steps"] == 5


@pytest.mark.parametrize("name", ["mueller_brown", "double_well_1d"])
def test_a_test_system_has_a_report_without_molecules(tmp_path, name):
    system = load_system(name)
    plane, rng = plane_of(system), np.random.default_rng(1)
    low, high = np.array(plane.limits).T
    ensembles = {
        source: Ensemble(rng.uniform(low, high, (2000, len(low))))
        for source in ("reference", "iid")
    }
    kT, unit = thermal(system)
    assert unit == "kT"
    found = compare(
        ensembles["iid"],
        ensembles["reference"],
        plane,
        kT,
        energy_unit=unit,
        basins=system.basins,
        repeats=10,
        generator=torch.Generator().manual_seed(2),
    )
    boxes = {basin.name: dict(basin.bounds) for basin in system.basins}  # some reach infinity
    Results(name, plane, ensembles, comparisons={"iid": found}, boxes=boxes).save(tmp_path)
    page = write_report(tmp_path).read_text()
    assert "Conformers" not in page
    assert ("Where they differ" in page) == (len(plane.names) == 2)


def test_frames_alone_make_a_report(results, tmp_path):
    Results("Bare", results.plane, {"iid": results.ensembles["iid"]}).save(tmp_path)
    page = write_report(tmp_path).read_text()
    assert "Free energy" in page
    assert "Where they differ" not in page
    assert "How far apart" not in page


def test_run_folders_that_cannot_be_read_are_named(results, tmp_path):
    with pytest.raises(UsageError, match="no such run folder"):
        write_report(tmp_path / "none")
    with pytest.raises(UsageError, match=r"summary\.json: cannot be read"):
        write_report(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(UsageError, match="run `molgen evaluate` on it first"):
        write_report(tmp_path)
    results.save(tmp_path)
    (tmp_path / "arrays.npz").write_bytes(b"half a file")
    with pytest.raises(UsageError, match=r"arrays\.npz: cannot be read"):
        write_report(tmp_path)


def test_free_energy_and_difference_of_known_counts():
    counts = np.array([[400, 100], [0, 25]])
    assert free_energy(counts)[0, 1] == pytest.approx(np.log(4))
    assert np.isnan(free_energy(counts)[1, 0])
    other = np.array([[100, 100], [50, 5]])
    found = difference(counts, other)
    # F - F_other = -ln(p / p_other), p = 400/525, p_other = 100/255; too few frames: blank
    assert found[0, 0] == pytest.approx(-np.log((400 / 525) / (100 / 255)))
    assert np.isnan(found[1]).all()
    assert np.nanmax(np.abs(difference(counts, 7 * counts))) == pytest.approx(0, abs=1e-12)


def test_superposition_undoes_a_rotation_and_keeps_the_hand():
    rng = np.random.default_rng(3)
    molecule = rng.normal(size=(6, 3))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    turned = molecule @ rotation.T + [1.0, -2.0, 3.0]
    centred = molecule - molecule.mean(0)
    assert superpose(turned[None], molecule)[0] == pytest.approx(centred, abs=1e-12)
    mirrored = superpose((molecule * [1, 1, -1])[None], molecule)[0]
    assert np.abs(mirrored - centred).max() > 0.1
    assert np.linalg.det(mirrored[:3]) == pytest.approx(
        np.linalg.det((centred * [1, 1, -1])[:3]), rel=1e-6
    )


def test_viewer_data_puts_the_first_conformer_flat(results):
    data = viewer_data(results.conformers, results.mapping)
    first = np.array(data["sources"]["reference"][0]).reshape(-1, 3)
    spread = first.std(axis=0)
    assert spread[0] > spread[1] > spread[2]


def test_numbers_are_rounded_to_their_uncertainty():
    assert plus_minus(0.012345, 0.00123) == "0.0123 ±\u00a00.0012"
    assert plus_minus(-1.2, 0.34) == "−1.20 ±\u00a00.34"
    assert number(-0.00001, 3) == "0.000"


def test_overview_picture_is_written(results, tmp_path):
    path = write_overview(results, tmp_path / "overview.png", dots_per_inch=50)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="at least two sources"):
        write_overview(Results("", results.plane, {"iid": results.ensembles["iid"]}), path)
