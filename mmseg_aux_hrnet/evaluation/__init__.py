"""Metrics and written predictions."""

from mmseg_aux_hrnet.evaluation.confusion import confusion_counts
from mmseg_aux_hrnet.evaluation.confusion_metric import ConfusionMetric
from mmseg_aux_hrnet.evaluation.prediction_writer import PredictionWriter
from mmseg_aux_hrnet.evaluation.rates import ClassRates, OverallRates, class_rates, overall_rates, rates_by_key
from mmseg_aux_hrnet.evaluation.table import render, rich_table
from mmseg_aux_hrnet.evaluation.threshold_metric import ThresholdMetric
from mmseg_aux_hrnet.evaluation.tile_keeper import TileKeeper

__all__ = (
    'ClassRates',
    'ConfusionMetric',
    'OverallRates',
    'PredictionWriter',
    'ThresholdMetric',
    'TileKeeper',
    'class_rates',
    'confusion_counts',
    'overall_rates',
    'rates_by_key',
    'render',
    'rich_table',
)
