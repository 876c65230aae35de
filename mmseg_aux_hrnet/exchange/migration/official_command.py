"""Commands of the official HRNet code, ``tools/train.py --cfg YAML KEY VALUE…`` and ``tools/test.py``, in ours."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.official_config import official_config
from mmseg_aux_hrnet.exchange.migration.official_yaml import OCR, OfficialSettings, read_official
from mmseg_aux_hrnet.exchange.migration.report import Report

OF_TESTS = ('TEST.MODEL_FILE', 'TEST.SCALE_LIST', 'TEST.FLIP_TEST')  # options of a command here, not settings


def our_commands(task: Literal['train', 'test'], path: Path, pairs: Sequence[str]) -> list[str]:
    """Return the commands that do what ``tools/TASK.py --cfg PATH PAIRS`` of the official code does, to run in order.

    Args:
        task: which tool was called.
        path: the YAML.
        pairs: KEY VALUE KEY VALUE.

    Raises:
        ConfigError: the YAML cannot be migrated, or the weights cannot be converted.
    """
    settings = read_official(path, pairs)
    try:
        official_config(settings, report=Report())  # so that a command that is pasted works
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from error
    new = f'{path.stem}.py'
    kept = [word for pair in zip(pairs[::2], pairs[1::2], strict=True) if pair[0] not in OF_TESTS for word in pair]
    migrate = ['python', 'tools/migrate_config.py', path.as_posix(), new, *kept]
    commands = [migrate, *(_training(settings, new) if task == 'train' else _testing(settings, new))]
    return [shlex.join(command) for command in commands]


def _training(settings: OfficialSettings, new: str) -> list[list[str]]:
    processes = len(settings['GPUS'])
    start = ['tools/dist_train.sh', new, str(processes)] if processes > 1 else ['python', 'tools/train.py', new]
    return [[*start, *(['--resume'] if settings['TRAIN.RESUME'] else [])]]


def _testing(settings: OfficialSettings, new: str) -> list[list[str]]:
    weights, commands = settings['TEST.MODEL_FILE'], []
    checkpoint = f'work_dirs/{Path(new).stem}'
    if weights:
        if settings['MODEL.NAME'] == OCR:
            raise ConfigError(f'TEST.MODEL_FILE {weights}: weights of {OCR} are not converted here: train this network')
        checkpoint = f'{Path(weights).stem}_converted.pth'
        commands.append(['python', 'tools/convert_checkpoint.py', weights, checkpoint, '--config', new])
    scales = ','.join(f'{scale:g}' for scale in settings['TEST.SCALE_LIST'])
    options = [*(['--scales', scales] if scales != '1' else []), *(['--flip'] if settings['TEST.FLIP_TEST'] else [])]
    return [*commands, ['python', 'tools/test.py', new, checkpoint, *options]]
