"""Turns configs of MMSegmentation 0.x into ones of 1.x."""

from mmseg_aux_hrnet.exchange.migration.migrate import migrate, migrate_file
from mmseg_aux_hrnet.exchange.migration.report import Report

__all__ = ('Report', 'migrate', 'migrate_file')
