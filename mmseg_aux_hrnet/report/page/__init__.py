"""The report of a test as one HTML file, with everything in it that it needs."""

from mmseg_aux_hrnet.report.choice import Choice, choose_images, tile_scores
from mmseg_aux_hrnet.report.html import write_html
from mmseg_aux_hrnet.report.tile_keeper import TileKeeper, kept_tiles
from mmseg_aux_hrnet.report.tiles import Tile
from mmseg_aux_hrnet.report.training_log import TrainingLog, read_training_log

__all__ = (
    'Choice',
    'Tile',
    'TileKeeper',
    'TrainingLog',
    'choose_images',
    'kept_tiles',
    'read_training_log',
    'tile_scores',
    'write_html',
)
