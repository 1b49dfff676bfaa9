import pytest
import torch

from molgen.core.batch import Batch, DenseRows, PackedRows
from molgen.errors import MolgenError

MASK = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0]], dtype=torch.bool)
DENSE = DenseRows(3, (3,), MASK)
PACKED = PackedRows(3, torch.tensor([0, 0, 1, 1, 1, 2]))


def values(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_dense_and_packed_rows_agree():
    dense = values(3, 3, 2)
    packed = dense[MASK]
    per_graph = values(3)
    torch.testing.assert_close(PACKED.total(packed), DENSE.total(dense))
    assert torch.equal(PACKED.count(packed), DENSE.count(dense))
    assert PACKED.width(packed) == DENSE.width(dense) == 2
    spread = DENSE.spread(per_graph, dense) * torch.ones_like(dense)
    assert torch.equal(PACKED.spread(per_graph, packed) * torch.ones_like(packed), spread[MASK])
    features = values(3, 2)
    back = DENSE.back(features, dense) * torch.ones_like(dense)
    assert torch.equal(PACKED.back(features, packed), back[MASK])


def test_total_is_the_sum_over_real_rows_of_pairs():
    x = values(2, 3, 3, 2)
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.bool)
    pairs = mask[:, :, None] & mask[:, None, :]
    expected = torch.stack([x[0, :2, :2].sum((0, 1)), x[1].sum((0, 1))])
    torch.testing.assert_close(DenseRows(2, (3, 3), pairs).total(x), expected)


def test_zero_stops_garbage_on_padding_even_when_it_is_not_finite():
    x = values(3, 3, 2)
    x[~MASK] = float("nan")
    assert torch.isfinite(DENSE.zero(x)).all()
    assert torch.equal(DENSE.zero(x)[MASK], x[MASK])
    assert (DENSE.zero(x)[~MASK] == 0).all()


@pytest.mark.parametrize(("rows", "shape"), [(DENSE, (3, 3, 2)), (PACKED, (6, 2))])
def test_units_fill_every_real_entry_once(rows, shape):
    units = list(rows.units(torch.zeros(shape)))
    assert torch.equal(sum(units), torch.ones(shape))
    for unit in units:
        assert (rows.total(unit).sum(1) <= 1).all()


@pytest.mark.parametrize("dense", [True, False])
def test_take_picks_graphs_in_any_order_with_repeats(dense):
    x = values(3, 3, 2)
    rows = DENSE if dense else PACKED
    batch = Batch(
        {"x": x if dense else x[MASK]},
        {"x": rows, "kind": rows},
        {"kind": torch.arange(9).reshape(3, 3) if dense else torch.arange(9).reshape(3, 3)[MASK]},
        ids=("a", "b", "c"),
    )
    order = torch.tensor([2, 0, 0, 1])
    taken = batch.take(order)
    assert taken.ids == ("c", "a", "a", "b")
    assert taken.graphs == 4
    for new, old in enumerate(order.tolist()):
        one = batch.take(torch.tensor([old]))
        again = taken.take(torch.tensor([new]))
        assert torch.equal(one.state["x"], again.state["x"])
        assert torch.equal(one.given["kind"], again.given["kind"])
    total = batch.rows["x"].total(batch.state["x"])[order]
    torch.testing.assert_close(taken.rows["x"].total(taken.state["x"]), total)


def test_take_keeps_gradients():
    x = values(3, 3, 2).requires_grad_()
    taken = Batch({"x": x}, {"x": DENSE}).take(torch.tensor([1, 1, 0]))
    taken.state["x"].sum().backward()
    assert torch.equal(x.grad[:, 0, 0], torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64))


def test_given_without_rows_is_shared_by_all_graphs():
    batch = Batch({"x": values(3, 3, 2)}, {"x": DENSE}, {"pocket": values(7, 3)})
    assert torch.equal(batch.take(torch.tensor([1])).given["pocket"], batch.given["pocket"])


def test_replace_leaves_the_old_batch_alone():
    batch = Batch({"x": values(3, 3, 2)}, {"x": DENSE})
    before = batch.state["x"].clone()
    other = batch.replace(x=batch.state["x"] + 1)
    assert torch.equal(batch.state["x"], before)
    assert torch.equal(other.state["x"], before + 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Batch({}, {}), "empty"),
        (lambda: Batch({"x": values(3, 3, 2)}, {}), "no rows"),
        (lambda: Batch({"x": values(2, 3, 2)}, {"x": DENSE}), "does not fit"),
        (lambda: Batch({"x": values(5, 2)}, {"x": PACKED}), "does not fit"),
        (lambda: Batch({"x": values(3, 3, 2)}, {"x": DENSE, "y": DENSE}), "neither"),
        (
            lambda: Batch(
                {"x": values(3, 3, 2), "y": values(2, 3)}, {"x": DENSE, "y": DenseRows(2, (3,))}
            ),
            "does not fit",
        ),
        (lambda: Batch({"x": values(3, 3, 2)}, {"x": DENSE}, ids=("a",)), "1 ids for 3"),
        (lambda: DenseRows(3, (4,), MASK), "mask of shape"),
        (lambda: Batch({"x": values(3, 3, 2)}, {"x": DENSE}).replace(y=values(3)), "no field 'y'"),
        (lambda: PACKED.swap(values(6, 2)), "packed"),
        (lambda: DENSE.swap(values(3, 3, 2)), "two equal axes"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(make, message):
    with pytest.raises(MolgenError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
