from collections import Counter, defaultdict
from math import sqrt

import networkx as nx
import numpy as np
import pytest
from rdkit import Chem
from scipy.sparse import csr_matrix

from molgen.chem.labelled import labelled_graph
from molgen.graphs.metrics import nspdk

SMILES = ["CCO", "COC", "c1ccccc1", "C1CC1O", "CC(=O)N", "N#CC1CC1"]

# Linear kernel of these molecules (atomic numbers, bond orders) by the authors' program: package
# eden-kernel 0.3.1350, Vectorizer(complexity=4, discrete=True, nbits=30).
EDEN_LINES = """
1.0            0.114272732401 0.084438691547 0.143064374653 0.169140735122 0.078533799455
0.114272732401 1.0            0.0            0.0            0.102402757929 0.0
0.084438691547 0.0            1.0            0.14209764296  0.0            0.174746226346
0.143064374653 0.0            0.14209764296  1.0            0.115383344686 0.273136254418
0.169140735122 0.102402757929 0.0            0.115383344686 1.0            0.053211584579
0.078533799455 0.0            0.174746226346 0.273136254418 0.053211584579 1.0
"""
EDEN = np.array(EDEN_LINES.split(), float).reshape(6, 6)


def molecules(*smiles):
    return [labelled_graph(Chem.MolFromSmiles(text)) for text in smiles]


def random_graphs(number, seed):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        n = int(rng.integers(1, 9))
        upper = np.triu(rng.integers(0, 3, (n, n)) * (rng.random((n, n)) < 0.5), 1)
        yield rng.integers(0, 3, n), upper + upper.T


def kernel(rows):
    """Inner products of the rows, over the columns that are used."""
    used, column = np.unique(rows.indices, return_inverse=True)
    rows = csr_matrix((rows.data, column, rows.indptr), shape=(rows.shape[0], len(used)))
    return (rows @ rows.T).toarray()


def spelt_out(labels, edges, complexity):
    """Features by their definition: nested tuples instead of hashes, a walk over the graph."""
    graph = nx.from_numpy_array((edges > 0).astype(int))
    far = dict(nx.all_pairs_shortest_path_length(graph))

    def neighbourhood(v, r):
        levels = []
        for k in range(2 * r + 1):
            if k % 2 == 0:
                members = [u for u, d in far[v].items() if d == k // 2]
                bag = [("node", int(labels[u]), graph.degree(u)) for u in members]
            else:
                near = [(min(far[v][i], far[v][j]), i, j) for i, j in graph.edges if i in far[v]]
                bag = [("edge", int(edges[i, j])) for d, i, j in near if d == k // 2]
            levels.append(tuple(sorted(bag)))
        return tuple(levels)

    counts = defaultdict(Counter)
    for v in graph:
        for u, d in far[v].items():
            for r in range(complexity + 1):
                if d > complexity or not all(r in far[w].values() for w in (v, u)):
                    continue
                ends = neighbourhood(v, r), neighbourhood(u, r)
                counts[r, d][tuple(sorted(ends))] += 1
                counts[r, d][ends[1:]] += 1
    row = {}
    for block, features in counts.items():
        scale = sqrt(len(counts) * sum(c * c for c in features.values()))
        row |= {(block, feature): count / scale for feature, count in features.items()}
    return row


@pytest.mark.parametrize("complexity", [1, 2, 4])
def test_features_are_those_of_the_definition(complexity):
    graphs = list(random_graphs(40, seed=complexity))
    rows = [spelt_out(*graph, complexity) for graph in graphs]
    expected = [[sum(v * y.get(k, 0) for k, v in x.items()) for y in rows] for x in rows]
    found = nspdk.features(graphs, complexity, column_bits=30)  # hardly any share a column
    np.testing.assert_allclose(kernel(found), expected, atol=1e-12)


def test_kernel_is_that_of_the_authors_program():
    found = nspdk.features(molecules(*SMILES))
    # written out to twelve digits
    np.testing.assert_allclose(kernel(found), EDEN, atol=1e-12)


def test_mmd_of_means_is_the_mean_over_all_pairs():
    x, y = (nspdk.features(random_graphs(n, seed=n)) for n in (20, 30))
    xx, yy, xy = (a @ b.T for a, b in ((x, x), (y, y), (x, y)))
    expected = xx.mean() + yy.mean() - 2 * xy.mean()
    assert nspdk.distance_of_means(x, y) == pytest.approx(expected, rel=1e-10)


def test_two_single_atoms_by_hand():
    """An atom has one (r, d) block, of two features: the pair and its half, 1/sqrt 2 each."""
    carbon, nitrogen = molecules("C", "N")
    assert nspdk.NSPDK([carbon], [nitrogen]) == pytest.approx(2)
    assert nspdk.NSPDK([carbon], [carbon]) == 0
    assert nspdk.NSPDK([carbon, nitrogen], [carbon]) == pytest.approx(0.5)


def test_order_of_the_nodes_and_of_the_graphs_change_nothing():
    graphs = list(random_graphs(12, seed=5))
    rng = np.random.default_rng(0)
    turned = []
    for labels, edges in graphs:
        order = rng.permutation(len(labels))
        turned.append((labels[order], edges[np.ix_(order, order)]))
    together = nspdk.features([*graphs, *turned])
    assert abs(together[:12] - together[12:]).max() < 1e-12
    one_by_one = [nspdk.features([graph]) for graph in graphs]
    assert max(abs(together[k] - row).max() for k, row in enumerate(one_by_one)) < 1e-12


def test_every_process_finds_the_same_features():
    """Python's own hash differs from process to process; these columns must not."""
    graph = np.array([6, 7, 8]), np.diag([1, 2], 1) + np.diag([1, 2], -1)
    columns = sorted(nspdk.features([graph]).indices.tolist())
    assert (len(columns), columns[0], columns[-1]) == (35, 678, 1027444)


def test_no_graphs_and_empty_graphs_have_no_features():
    assert nspdk.features([]).shape[0] == 0
    empty = np.zeros(0, int), np.zeros((0, 0), int)
    assert nspdk.features([empty, *molecules("C")]).getnnz(1).tolist() == [0, 2]
