import numpy as np
from rdkit import Chem

from molgen.chem.labelled import labelled_graph


def test_elements_and_whole_orders_with_aromatic_bonds_as_1():
    elements, orders = labelled_graph(Chem.MolFromSmiles("C#N"))
    assert elements.tolist() == [6, 7]
    assert orders.tolist() == [[0, 3], [3, 0]]
    elements, orders = labelled_graph(Chem.MolFromSmiles("c1ccc[nH]1"))
    assert sorted(elements) == [6, 6, 6, 6, 7]
    assert np.unique(orders).tolist() == [0, 1]
    assert orders.sum() == 10
