"""Trackers of experiments, of which each is one of mmengine's backends: TensorBoard, MLflow and Weights & Biases.

Nothing leaves the machine unless the tracker's own environment variables say so: ``MLFLOW_TRACKING_URI`` names a
server, ``WANDB_MODE=online`` the service.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.visualization import MLflowVisBackend, TensorboardVisBackend, WandbVisBackend
from mmseg.registry import VISBACKENDS

# What --track names -> the backend. Each name is also that of the package and of the extra.
TRACKERS = {'tensorboard': 'TensorboardTracker', 'mlflow': 'MLflowTracker', 'wandb': 'WandbTracker'}
PROJECT = 'mmseg-aux-hrnet'
MLFLOW_ALLOWED = re.compile(r'[^\w\-.: /]')  # any other character in a name makes MLflow refuse all figures of a call


def tracker_settings(name: str, work_dir: Path) -> dict[str, Any]:
    """Return the settings of a backend: a key of ``TRACKERS``, with its files beside ``work_dir``, one store for all.

    Args:
        name: a key of ``TRACKERS``.
        work_dir: of the run, which is called after it.
    """
    beside, run = work_dir.resolve().parent, work_dir.resolve().name
    settings: dict[str, Any] = {'type': TRACKERS[name]}
    if name == 'mlflow':
        settings |= {'exp_name': PROJECT, 'run_name': run, 'artifact_suffix': ('.py', '.log')}
        server = os.environ.get('MLFLOW_TRACKING_URI')
        # By save_dir mmengine makes the address of a file store itself, and asks for no server.
        settings |= {'tracking_uri': server} if server else {'save_dir': str(beside / 'mlruns')}
    if name == 'wandb':
        start = {'project': PROJECT, 'name': run, 'dir': str(beside), 'mode': os.environ.get('WANDB_MODE', 'offline')}
        settings['init_kwargs'] = start
    return settings


@VISBACKENDS.register_module()
class TensorboardTracker(TensorboardVisBackend):
    """mmengine's backend, with notes in words."""

    def note(self, key: str, text: str) -> None:
        """Record a text under a key."""
        self.experiment.add_text(key, text)

    def fail(self) -> None:
        """End a run that did not come to its end."""
        self.close()

    def place(self) -> str:
        """Say how to look at it."""
        return f'tensorboard --logdir {self._save_dir}'


@VISBACKENDS.register_module()
class MLflowTracker(MLflowVisBackend):
    """mmengine's backend, with names that MLflow takes, pictures of every validation, and notes in words.

    Characters that MLflow does not take in names of figures become ``_``.
    """

    def _init_env(self) -> None:
        # MLflow 3.7 and later refuse a store of files unless asked; both are read when it is imported or started.
        os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')
        os.environ.setdefault('MLFLOW_DISABLE_TELEMETRY', 'true')
        super()._init_env()

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure."""
        super().add_scalar(MLFLOW_ALLOWED.sub('_', name), value, step, **kwargs)

    def add_scalars(self, scalar_dict: Mapping[str, Any], step: int = 0, file_path: Any = None, **kwargs: Any) -> None:
        """Record figures."""
        named = {MLFLOW_ALLOWED.sub('_', name): value for name, value in scalar_dict.items()}
        super().add_scalars(named, step, file_path, **kwargs)

    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a picture as a file of its step, RGB, uint8 (H, W, 3)."""
        super().add_image(f'{name}/{step:07d}.png', image, step, **kwargs)

    def note(self, key: str, text: str) -> None:
        """Record a text as a tag of the run."""
        self.experiment.set_tag(key, text)

    def fail(self) -> None:
        """End a run that did not come to its end."""
        self.experiment.end_run('FAILED')

    def place(self) -> str:
        """Say how to look at it."""
        return f'MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {self._tracking_uri or self._save_dir}'


@VISBACKENDS.register_module()
class WandbTracker(WandbVisBackend):
    """mmengine's backend without a copy of every Python file below the current folder, and with notes in words."""

    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config as parameters."""
        self.experiment.config.update(config.to_dict(), allow_val_change=True)

    def note(self, key: str, text: str) -> None:
        """Record a text in the summary of the run."""
        self.experiment.run.summary[key] = text

    def fail(self) -> None:
        """End a run that did not come to its end."""
        self.experiment.finish(exit_code=1)

    def place(self) -> str:
        """Say how to look at it."""
        run = self.experiment.run
        return f'wandb sync {Path(run.dir).parent}' if run.settings.mode == 'offline' else str(run.url)
