"""Metrics over score matrices and lists of answers; percentages are 0 to 100."""

from benchmarks.metrics.classification import class_mean_recall_at, top_k_accuracy
from benchmarks.metrics.hard_negatives import triplet_accuracy
from benchmarks.metrics.questions import normal_answer, vqa_accuracy, yes_no_figures
from benchmarks.metrics.retrieval import best_ranks, mean_average_precision, rank_figures, ranks, recall_at

__all__ = [
    "best_ranks",
    "class_mean_recall_at",
    "mean_average_precision",
    "normal_answer",
    "rank_figures",
    "ranks",
    "recall_at",
    "top_k_accuracy",
    "triplet_accuracy",
    "vqa_accuracy",
    "yes_no_figures",
]
