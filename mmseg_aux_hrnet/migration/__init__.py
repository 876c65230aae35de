"""Turns configs of MMSegmentation 0.x into ones of 1.x."""

from mmseg_aux_hrnet.migration.migrate import migrate
from mmseg_aux_hrnet.migration.migrate_file import migrate_file
from mmseg_aux_hrnet.migration.report import Report

__all__ = ('Report', 'migrate', 'migrate_file')
