"""The report of a test as one HTML page, which holds everything that it needs."""

from mmseg_aux_hrnet.report.page.choice import shown_images
from mmseg_aux_hrnet.report.page.html import write_html, write_report
from mmseg_aux_hrnet.report.page.tiles import PageTile, kept_tiles, small_tile
from mmseg_aux_hrnet.report.page.training_log import TrainingLog, read_training_log

__all__ = (
    'PageTile',
    'TrainingLog',
    'kept_tiles',
    'read_training_log',
    'shown_images',
    'small_tile',
    'write_html',
    'write_report',
)
