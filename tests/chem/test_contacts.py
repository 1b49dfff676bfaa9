import numpy as np

from molgen.chem.contacts import polar_contacts
from molgen.chem.ligand import read_ligand
from molgen.chem.receptor import read_receptor
from tests.chem.structures import alanine, pdb_line, write_pdb


def test_donors_meet_acceptors_and_metals_within_reach(tmp_path):
    path = write_pdb(
        tmp_path,
        alanine(1),  # its O, an acceptor, at (11.25, 2.4, 0)
        pdb_line("ZN", "ZN", 9, (20.0, 0.0, 0.0), element="ZN", het=True),
    )
    receptor = read_receptor(path)
    ligand = read_ligand("CO")  # its oxygen gives and takes
    oxygens = [(11.25, 2.4, 2.8), (11.25, 2.4, 3.6), (20.0, 2.1, 0.0), (20.0, 2.9, 0.0)]
    poses = np.array([[(0.0, 99.0, 0.0), oxygen] for oxygen in oxygens]) / 10
    found = [
        [str(one) for one in contacts]
        for contacts in polar_contacts(receptor, ligand.molecule, poses)
    ]
    assert found == [["O2...A:1 ALA O 2.8"], [], ["O2...A:9 ZN ZN 2.1"], []]
    fluorine = read_ligand("CF")
    assert polar_contacts(receptor, fluorine.molecule, poses) == [[], [], [], []]
