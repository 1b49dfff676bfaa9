import math

import pytest
import torch

from molgen.core.batch import DenseRows, PackedRows
from molgen.core.manifolds import MANIFOLDS, SO3, Centred, Euclidean, Symmetric, so3
from molgen.errors import MolgenError

MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]], dtype=torch.bool)
NAMES = [*MANIFOLDS, *(f"{name} padded" for name in MANIFOLDS), "Euclidean packed"]
NAMES += ["Centred packed", "SO3 packed"]
PACKED = PackedRows(2, MASK.nonzero()[:, 0].contiguous())


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture(params=NAMES)
def setting(request):
    """A manifold, rows and a function that makes a point of it from a seed."""
    name, _, rest = request.param.partition(" ")
    manifold = MANIFOLDS[name]()
    if rest == "packed":
        rows, shape = PACKED, (7,)
    elif name == "Symmetric":
        mask = MASK[:, :, None] & MASK[:, None, :]
        rows, shape = DenseRows(2, (4, 4), mask if rest else None), (2, 4, 4)
    else:
        rows, shape = DenseRows(2, (4,), MASK if rest else None), (2, 4)

    def point(seed):
        if name == "SO3":
            return so3.exp(rows.zero(draw(*shape, 3, seed=seed)))
        return manifold.project(draw(*shape, 2, seed=seed), rows)

    return manifold, rows, point


def tangent(manifold, rows, x, seed):
    return manifold.noise(x, rows, torch.Generator().manual_seed(seed))


def energy(x, rows):
    """Some smooth function of all the entries of each graph."""
    weights = torch.arange(1, x[0].numel() + 1).to(x).reshape(x[0].shape)
    return rows.total(torch.sin(x * weights)).reshape(rows.graphs, -1).sum(1)


def test_log_undoes_exp(setting):
    manifold, rows, point = setting
    x, y = point(1), point(2)
    v = manifold.log(x, y, rows)
    torch.testing.assert_close(manifold.exp(x, v, rows), y, atol=1e-13, rtol=0)
    torch.testing.assert_close(manifold.project(v, rows), v)


def test_moving_along_a_geodesic_twice_is_moving_once(setting):
    manifold, rows, point = setting
    x = point(1)
    v = tangent(manifold, rows, x, 3)
    twice = manifold.exp(manifold.exp(x, 0.3 * v, rows), 0.5 * v, rows)
    torch.testing.assert_close(twice, manifold.exp(x, 0.8 * v, rows), atol=1e-13, rtol=0)


def test_geodesics_have_the_length_of_their_vectors(setting):
    manifold, rows, point = setting
    x = point(1)
    v = 0.1 * tangent(manifold, rows, x, 3)
    back = manifold.log(x, manifold.exp(x, v, rows), rows)
    torch.testing.assert_close(back, v, atol=1e-13, rtol=0)


def test_gradient_is_the_slope_along_every_geodesic(setting):
    manifold, rows, point = setting
    x = point(1).requires_grad_()
    (ambient,) = torch.autograd.grad(energy(x, rows).sum(), x)
    x = x.detach()
    gradient = manifold.gradient(x, ambient, rows)
    h = 1e-6
    for seed in range(3):
        v = tangent(manifold, rows, x, seed)
        ends = [energy(manifold.exp(x, sign * h * v, rows), rows) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * h)
        # Central differences: h^2 times a third derivative up to 1e3.
        torch.testing.assert_close(manifold.inner(gradient, v, rows), slope, atol=1e-7, rtol=1e-7)


def test_frame_resolves_the_identity(setting):
    """sum_k <e_k, u><e_k, w> = <u, w>, hence sum_k <e_k, A e_k> is the trace of A."""
    manifold, rows, point = setting
    x = point(1)
    u, w = tangent(manifold, rows, x, 1), tangent(manifold, rows, x, 2)
    frame = list(manifold.frame(x, rows))
    total = sum(manifold.inner(e, u, rows) * manifold.inner(e, w, rows) for e in frame)
    torch.testing.assert_close(total, manifold.inner(u, w, rows))
    norm = sum(manifold.inner(e, e, rows) for e in frame)
    torch.testing.assert_close(norm, manifold.dim(x, rows))


def test_noise_has_unit_variance_in_each_of_dim_directions(setting):
    manifold, rows, point = setting
    x = point(1)
    u = tangent(manifold, rows, x, 9)
    generator = torch.Generator().manual_seed(0)
    count = 4000
    parts, squares = [], []
    for _ in range(count):
        z = manifold.noise(x, rows, generator)
        parts.append(manifold.inner(u, z, rows))
        squares.append(manifold.inner(z, z, rows))
    dim, length2 = manifold.dim(x, rows), manifold.inner(u, u, rows)
    # <u, z> ~ N(0, |u|^2) and |z|^2 ~ chi^2_D: five standard errors of each mean.
    ratio = torch.stack(parts).square().mean(0) / length2
    assert ((ratio - 1).abs() < 5 * math.sqrt(2 / count)).all()
    excess = torch.stack(squares).mean(0) - dim
    assert (excess.abs() < 5 * (2 * dim / count).sqrt()).all()


def test_project_is_an_orthogonal_projection(setting):
    manifold, rows, point = setting
    x = point(1)
    like = tangent(manifold, rows, x, 0)
    a, b = draw(*like.shape, seed=3), draw(*like.shape, seed=4)
    pa, pb = manifold.project(a, rows), manifold.project(b, rows)
    torch.testing.assert_close(manifold.project(pa, rows), pa)
    torch.testing.assert_close(manifold.inner(pa, b, rows), manifold.inner(a, pb, rows))


def test_padding_stays_empty(setting):
    manifold, rows, point = setting
    x = point(1)
    if not isinstance(rows, DenseRows) or rows.mask is None:
        return
    moved = manifold.exp(x, tangent(manifold, rows, x, 1), rows)
    eye = torch.eye(3, dtype=x.dtype).expand(x.shape) if isinstance(manifold, SO3) else 0 * x
    assert torch.equal(moved[~rows.mask], eye[~rows.mask])


@pytest.mark.parametrize("name", ["Euclidean", "Centred", "SO3"])
def test_packed_equals_padded(name):
    manifold = MANIFOLDS[name]()
    rows = DenseRows(2, (4,), MASK)
    u, w = (manifold.project(draw(2, 4, 3, seed=seed), rows) for seed in (1, 2))
    x = so3.exp(u) if name == "SO3" else u
    packed_x = x[MASK]
    torch.testing.assert_close(manifold.inner(u[MASK], w[MASK], PACKED), manifold.inner(u, w, rows))
    assert torch.equal(manifold.dim(packed_x, PACKED), manifold.dim(x, rows))
    raw = draw(2, 4, 3, seed=5)
    torch.testing.assert_close(
        manifold.project(raw[MASK], PACKED), manifold.project(raw, rows)[MASK]
    )


def test_dimensions():
    rows = DenseRows(2, (4,), MASK)
    pairs = DenseRows(2, (4, 4), MASK[:, :, None] & MASK[:, None, :])
    assert Euclidean().dim(draw(2, 4, 3), rows).tolist() == [9, 12]
    assert Centred().dim(draw(2, 4, 3), rows).tolist() == [6, 9]
    assert Symmetric().dim(draw(2, 4, 4, 2), pairs).tolist() == [6, 12]
    assert SO3().dim(draw(2, 4, 3, 3), rows).tolist() == [9, 12]


def test_symmetric_noise_is_symmetric_with_an_empty_diagonal():
    rows = DenseRows(2, (4, 4))
    z = Symmetric().noise(draw(2, 4, 4, 3), rows, torch.Generator().manual_seed(0))
    assert torch.equal(z, z.transpose(1, 2))
    assert (z.diagonal(dim1=1, dim2=2) == 0).all()


def test_symmetric_matrices_cannot_be_packed():
    with pytest.raises(MolgenError, match="packed rows"):
        Symmetric().noise(draw(7, 7), PACKED, None)


def test_rotating_the_lab_leaves_the_body_frame_vectors_alone():
    """Left invariance: log(Q x, Q y) = log(x, y) and exp(Q x, v) = Q exp(x, v)."""
    rows, manifold = DenseRows(2, (4,)), SO3()
    q, x, y = so3.exp(draw(3)), so3.exp(draw(2, 4, 3, seed=1)), so3.exp(draw(2, 4, 3, seed=2))
    v = manifold.log(x, y, rows)
    torch.testing.assert_close(manifold.log(q @ x, q @ y, rows), v)
    torch.testing.assert_close(manifold.exp(q @ x, v, rows), q @ y)
