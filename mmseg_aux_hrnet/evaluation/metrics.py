"""Every figure that tables, reports and model cards show: its key, title, decimals and meaning.

What shows figures picks from this list and orders it. Titles and decimals come from here, but where another form was
first: comparisons have the columns of a paper, and the line of ``--eval`` has mmseg's names. A sentence may write a
figure out in full.
"""

import math
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

RateKey = Literal['precision', 'recall', 'iou', 'f1']
OverallKey = Literal['oa', 'miou', 'macc', 'mdice', 'fwiou', 'kappa', 'mcc', 'balanced_accuracy']
BoundaryKey = Literal['boundary_f1', 'boundary_iou']
CurveKey = Literal['average_precision', 'ece']
Key = TypeVar('Key', bound=str)


@dataclass(frozen=True)
class Metric(Generic[Key]):
    """One figure.

    Attributes:
        key: its name in ``metrics.json`` and as an attribute of the rates.
        title: its name in tables, CSV files and logs; with a dot and the class for a figure of one class.
        meaning: what it is, in words.
        percent: whether it is 0 to 100 %; otherwise it is a coefficient of at most 1.
    """

    key: Key
    title: str
    meaning: str
    percent: bool = True

    @property
    def digits(self) -> int:
        """Decimals to print: both kinds then show four digits of a good figure."""
        return 2 if self.percent else 4

    def text(self, value: float | None, *, undefined: str = '-') -> str:
        """Return a value to read.

        Args:
            value: percent or coefficient; nan or None where it is undefined.
            undefined: text for an undefined value.
        """
        return undefined if value is None or math.isnan(value) else f'{value:.{self.digits}f}'


PRECISION: Metric[RateKey] = Metric('precision', 'Precision', 'share of the predicted pixels that are right')
RECALL: Metric[RateKey] = Metric('recall', 'Recall', 'share of the reference pixels that are found')
IOU: Metric[RateKey] = Metric('iou', 'IoU', 'intersection over union')
F1: Metric[RateKey] = Metric('f1', 'F1', 'harmonic mean of precision and recall, the same as Dice')

BOUNDARY_F1: Metric[BoundaryKey] = Metric('boundary_f1', 'Boundary F1', 'F1 of the contours, within the tolerance')
BOUNDARY_IOU: Metric[BoundaryKey] = Metric('boundary_iou', 'Boundary IoU', 'IoU of the pixels along the contours')

OA: Metric[OverallKey] = Metric('oa', 'OA', 'overall accuracy: share of the pixels whose class is right')
MIOU: Metric[OverallKey] = Metric('miou', 'mIoU', 'mean IoU over the classes that are not absent')
MACC: Metric[OverallKey] = Metric('macc', 'mAcc', 'mean recall over the classes with reference pixels')
MDICE: Metric[OverallKey] = Metric('mdice', 'mDice', 'mean F1 over the classes that are not absent')
FWIOU: Metric[OverallKey] = Metric('fwiou', 'FWIoU', 'IoU of the classes weighted by their reference pixels')
KAPPA: Metric[OverallKey] = Metric(
    'kappa', 'kappa', "Cohen's coefficient, -1 to 1: agreement beyond chance", percent=False
)
MCC: Metric[OverallKey] = Metric('mcc', 'MCC', "Matthews' correlation coefficient, -1 to 1", percent=False)
BALANCED_ACCURACY: Metric[OverallKey] = Metric(
    'balanced_accuracy', 'balanced accuracy', 'mean recall, as scikit-learn computes it'
)

AP: Metric[CurveKey] = Metric('average_precision', 'AP', 'area below precision over recall, 0 to 1', percent=False)
ECE: Metric[CurveKey] = Metric('ece', 'ECE', 'expected calibration error, 0 to 1', percent=False)

CLASS_METRICS = (PRECISION, RECALL, IOU, F1)  # the columns of tables and CSV files, in the order of the published table
IOU_FIRST = (IOU, F1, PRECISION, RECALL)  # where one figure must say it all: the page and the model card
# The order in which an evaluation gives its figures. A checkpoint keeps their history in it, so that another order
# would change the bytes of the checkpoint of the same training.
OVERALL_METRICS = (OA, MIOU, MACC, MDICE, FWIOU, KAPPA, MCC, BALANCED_ACCURACY)
BOUNDARY_METRICS = (BOUNDARY_F1, BOUNDARY_IOU)
COEFFICIENTS = (KAPPA, MCC, AP, ECE)
