import torch

from molgen.nn.conditioned import ConditionedMLP


def test_folded_network_is_the_conditioned_one_where_features_are_zero():
    torch.manual_seed(0)
    network = ConditionedMLP(9, 4, hidden=16, layers=3, outputs=2).double()
    for weight in network.parameters():  # gains and the last layer start at or near zero
        torch.nn.init.normal_(weight, std=0.4)
    used, mix, c = torch.tensor([0, 3, 4, 8]), torch.tensor([1.0, -0.3]).double(), torch.randn(4)
    x = torch.zeros(7, 9, dtype=torch.float64)
    x[:, used] = torch.randn(7, 4, dtype=torch.float64)
    expected = network(x, c.double().expand(7, 4)) @ mix
    plain = network.folded(c.double(), used, mix).double()
    assert torch.allclose(plain(x[:, used])[:, 0], expected, atol=1e-6)  # folded in float32
