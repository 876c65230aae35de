"""Commands of the official HRNet code, answered with ours."""

from pathlib import Path

import pytest
from tool_support import heard

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.official_command import our_commands

YAMLS = Path(__file__).parent / 'official'
URBANISATION = YAMLS / 'urbanisation_w18_small_v1.yaml'
SCALES = '0.5,0.75,1.0,1.25,1.5,1.75'
NEW = 'urbanisation_w18_small_v1.py'


def test_the_documented_test_command_is_answered_ready_to_paste():
    pairs = ['TEST.MODEL_FILE', 'my best.pth', 'TEST.SCALE_LIST', SCALES, 'TEST.FLIP_TEST', 'True']
    result = heard('test', '--cfg', URBANISATION, *pairs, 'DATASET.ROOT', 'my/')
    assert result.returncode == 2  # nothing was tested
    assert result.stdout.split(' && \\\n') == [
        f'python tools/migrate_config.py {URBANISATION.as_posix()} {NEW} DATASET.ROOT my/',
        f"python tools/convert_checkpoint.py 'my best.pth' 'my best_converted.pth' --config {NEW}",
        f"python tools/test.py {NEW} 'my best_converted.pth' --scales 0.5,0.75,1,1.25,1.5,1.75 --flip\n",
    ]
    assert result.stderr.startswith('--cfg is the form of the official HRNet code; nothing was done.')


def test_without_a_file_the_work_dir_is_tested():
    assert our_commands('test', URBANISATION, [])[1:] == [f'python tools/test.py {NEW} work_dirs/{Path(NEW).stem}']


def test_train_commands_name_the_processes_and_go_on():
    result = heard('train', '--local_rank=0', f'--cfg={YAMLS / "cityscapes_w18_small_v2_ohem.yaml"}')
    assert result.returncode == 2
    assert result.stdout.endswith('tools/dist_train.sh cityscapes_w18_small_v2_ohem.py 4 --resume\n')
    result = heard('train', '--cfg', URBANISATION, 'TRAIN.IGNORE_LABEL', '-1')
    assert result.stdout.endswith(f'{NEW} TRAIN.IGNORE_LABEL -1 && \\\npython tools/train.py {NEW}\n')


def test_a_yaml_that_is_not_migrated_is_refused_as_by_the_tool(tmp_path):
    (tmp_path / 'pose.yaml').write_text('MODEL: {NAME: pose_hrnet, NUM_JOINTS: 17}')
    result = heard('train', '--cfg', tmp_path / 'pose.yaml')
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr.startswith('error: ')
    assert 'pose estimation' in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_weights_of_ocr_are_refused():
    with pytest.raises(ConfigError, match='TEST.MODEL_FILE a.pth: weights of seg_hrnet_ocr are not converted'):
        our_commands('test', YAMLS / 'cityscapes_ocr_w48.yaml', ['TEST.MODEL_FILE', 'a.pth'])
