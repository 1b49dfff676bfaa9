"""A short evaluation of graphs."""

from molgen.graphs.evaluation.evaluate_samples import evaluate_samples
from molgen.graphs.evaluation.options import EvaluateTable

FEW = EvaluateTable(repeats=3, floor_draws=2)


def judged(path, data, folder, **options):
    return evaluate_samples(path, data.folder, output=folder, **{"options": FEW, **options}).results
