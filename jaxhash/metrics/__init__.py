"""Retrieval metrics from distance histograms."""

from jaxhash.metrics.average_precision import (
  expected_average_precision,
  mean_average_precision,
)
from jaxhash.metrics.evaluation import evaluate, evaluate_ranking
from jaxhash.metrics.health import code_health, codeword_health
from jaxhash.metrics.histograms import (
  Histograms,
  hamming_histograms,
  ranking_histograms,
)
from jaxhash.metrics.protocol import EvaluationProtocol
from jaxhash.metrics.retrieval import (
  precision_at_k,
  precision_recall_at_k,
  precision_recall_curve,
  precision_within_radius,
)

__all__ = [
  'EvaluationProtocol',
  'Histograms',
  'code_health',
  'codeword_health',
  'evaluate',
  'evaluate_ranking',
  'expected_average_precision',
  'hamming_histograms',
  'mean_average_precision',
  'precision_at_k',
  'precision_recall_at_k',
  'precision_recall_curve',
  'precision_within_radius',
  'ranking_histograms',
]
