"""Retrieval metrics from distance histograms."""

from jaxhash.metrics.average_precision import (
  expected_average_precision,
  mean_average_precision,
)
from jaxhash.metrics.class_distances import class_distances
from jaxhash.metrics.counting import graded_histograms, histograms
from jaxhash.metrics.distance_histograms import (
  GradedHistograms,
  Histograms,
  order_ties,
  sum_over_hosts,
)
from jaxhash.metrics.evaluation import evaluate, score_codes
from jaxhash.metrics.graded import (
  average_hierarchical_precision,
  hierarchical_precision,
  ndcg_at_k,
)
from jaxhash.metrics.ground_truth import GroundTruth, revisited_ground_truth
from jaxhash.metrics.health import code_health, codeword_health
from jaxhash.metrics.measures import Measures
from jaxhash.metrics.protocol import EvaluationProtocol
from jaxhash.metrics.published import published_protocol
from jaxhash.metrics.ranking import ranking_histograms
from jaxhash.metrics.ranking_evaluation import evaluate_ranking, score_ranking
from jaxhash.metrics.retrieval import (
  precision_at_k,
  precision_recall_at_k,
  precision_recall_curve,
  precision_recall_within_radius,
)
from jaxhash.metrics.scores import QueryScores, load_scores
from jaxhash.metrics.statistics import bootstrap_interval, compare
from jaxhash.metrics.summary import summarize

__all__ = [
  'EvaluationProtocol',
  'GradedHistograms',
  'GroundTruth',
  'Histograms',
  'Measures',
  'QueryScores',
  'average_hierarchical_precision',
  'bootstrap_interval',
  'class_distances',
  'code_health',
  'codeword_health',
  'compare',
  'evaluate',
  'evaluate_ranking',
  'expected_average_precision',
  'graded_histograms',
  'hierarchical_precision',
  'histograms',
  'load_scores',
  'mean_average_precision',
  'ndcg_at_k',
  'order_ties',
  'precision_at_k',
  'precision_recall_at_k',
  'precision_recall_curve',
  'precision_recall_within_radius',
  'published_protocol',
  'ranking_histograms',
  'revisited_ground_truth',
  'score_codes',
  'score_ranking',
  'sum_over_hosts',
  'summarize',
]
