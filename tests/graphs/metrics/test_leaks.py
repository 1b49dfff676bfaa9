import networkx as nx

from molgen.graphs.metrics.leaks import find_leaks


def test_leaks_by_hand(plain):
    train = plain(nx.path_graph(4), nx.star_graph(3), nx.path_graph(4))
    turned = nx.relabel_nodes(nx.path_graph(4), {0: 2, 2: 0})
    test = plain(nx.cycle_graph(4), turned, nx.star_graph(3), nx.complete_graph(4))
    found = find_leaks(train, test)
    assert found.leaked == (1, 2)
    assert (found.train, found.test, found.distinct, found.largest) == (3, 4, 4, 3)
    assert str(found) == ("2 of 4 test graphs are also among the 3 for training; 4 of 7 differ")
