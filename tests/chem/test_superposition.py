import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from molgen.chem.superposition import superpose


@pytest.mark.parametrize("points", [1, 2, 3, 4, 20])
def test_a_moved_body_is_laid_back_exactly(points):
    generator = np.random.default_rng(points)
    body = generator.normal(size=(points, 3))
    turn = Rotation.random(rng=generator).as_matrix()
    target = body @ turn.T + [1.0, -2.0, 3.0]
    rotation, shift = superpose(body, target)
    np.testing.assert_allclose(body @ rotation.T + shift, target, atol=1e-13)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-13)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_the_misfit_is_that_of_another_program():
    generator = np.random.default_rng(0)
    body, target = generator.normal(size=(2, 7, 3))
    rotation, shift = superpose(body, target)
    _, root = Rotation.align_vectors(target - target.mean(0), body - body.mean(0))
    assert np.linalg.norm(body @ rotation.T + shift - target) == pytest.approx(root)


def test_a_mirror_image_is_rotated_and_not_reflected():
    generator = np.random.default_rng(0)
    body = generator.normal(size=(5, 6, 3))
    rotation, shift = superpose(body, body * [1, 1, -1])
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    assert shift.shape == (5, 3)
