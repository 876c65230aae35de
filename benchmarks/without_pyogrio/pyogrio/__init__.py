"""Stands in for pyogrio where gpu.sh runs without it: maps import it, and predicting them calls nothing of it."""

from types import SimpleNamespace

NAMES = ('DataSourceError', 'DataLayerError', 'FeatureError', 'FieldError', 'GeometryError')
errors = SimpleNamespace(**{name: type(name, (Exception,), {}) for name in NAMES})
