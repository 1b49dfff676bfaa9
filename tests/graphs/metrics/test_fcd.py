import fcd
import numpy as np
import pytest
from rdkit import Chem

from molgen.errors import UsageError
from molgen.graphs.metrics.fcd import (
    FCD,
    Gaussian,
    activations,
    cached_activations,
    frechet_distance,
)

ALCOHOLS = ["C" * k + "O" for k in range(1, 9)]
AMIDES = ["C" * k + "C(N)=O" for k in range(1, 9)] + ["c1ccccc1", "C1CCOC1", "CC#N"]


def normal_rows(count, scale, seed):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 6)) * scale).astype(np.float32)


def test_activations_are_those_of_the_package():
    expected = fcd.get_predictions(fcd.load_ref_model(), ALCOHOLS, n_jobs=0, device="cpu")
    found = activations(ALCOHOLS)
    # float32 through 350 steps of a recurrent network, in batches of another size
    np.testing.assert_allclose(found, expected, atol=1e-5)
    again = activations([ALCOHOLS[3], ALCOHOLS[0], ALCOHOLS[3]])
    np.testing.assert_allclose(again, expected[[3, 0, 3]], atol=1e-5)


def test_distance_is_that_of_the_package_also_for_singular_covariances():
    # of rank 7 and 10 in 64 dimensions (the package's root of 512 takes seconds)
    x, y = activations(ALCOHOLS)[:, :64], activations(AMIDES)[:, :64]
    moments = [f(rows) for rows in (x, y) for f in (lambda r: r.mean(0), lambda r: np.cov(r.T))]
    expected = fcd.calculate_frechet_distance(*moments)
    # the package adds 1e-6 to singular covariances before it takes the root
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-2)


def test_metric_is_the_distance_of_activations():
    expected = frechet_distance(activations(ALCOHOLS), activations(AMIDES))
    assert FCD(ALCOHOLS, AMIDES) == pytest.approx(expected, rel=1e-5)


def test_distance_of_two_normal_distributions_in_closed_form():
    """Commuting covariances: |m_x - m_y|^2 + sum (s_x - s_y)^2 over the axes."""
    mean = np.array([1.0, -2.0, 0.5])
    s_x, s_y = np.array([1.0, 2.0, 0.0]), np.array([0.5, 3.0, 1.5])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    x = Gaussian(turn @ mean, turn * s_x**2 @ turn.T)
    y = Gaussian(np.zeros(3), turn * s_y**2 @ turn.T)
    expected = np.square(mean).sum() + np.square(s_x - s_y).sum()
    assert x.distance(y) == pytest.approx(expected, rel=1e-7)  # roots of eigenvalues near 0
    assert x.distance(x) == pytest.approx(0, abs=1e-7)


def test_a_set_is_at_distance_0_from_itself():
    rows = normal_rows(500, 1.0, seed=1)
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)


def test_spelling_matters_so_smiles_must_be_canonical():
    assert np.abs(activations(["OCC"]) - activations(["CCO"])).max() > 1e-3
    assert Chem.MolToSmiles(Chem.MolFromSmiles("OCC")) == "CCO"


def test_a_cache_serves_the_same_smiles_only(tmp_path, monkeypatch):
    path = tmp_path / "test.npz"
    first = cached_activations(ALCOHOLS[:3], path)
    monkeypatch.setattr("molgen.graphs.metrics.fcd.activations", lambda *_, **__: np.ones((2, 512)))
    np.testing.assert_array_equal(cached_activations(ALCOHOLS[:3], path), first)
    assert (cached_activations(ALCOHOLS[:2], path) == 1).all()


def test_one_molecule_has_no_covariance():
    with pytest.raises(UsageError, match="at least 2 molecules, not 1"):
        FCD(["CCO"], AMIDES)
