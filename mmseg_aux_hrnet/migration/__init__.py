"""Turns configs of MMSegmentation 0.x into ones of 1.x."""

from mmseg_aux_hrnet.migration.config_file import migrate_file
from mmseg_aux_hrnet.migration.report import Report
from mmseg_aux_hrnet.migration.whole_config import migrate

__all__ = ('Report', 'migrate', 'migrate_file')
