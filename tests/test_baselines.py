"""The networks to compare with, trained by the same command as ours."""

import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tool_support import REPO, TILES, run_here

from mmseg_aux_hrnet.run.training_config import set_pretrained


def train(name, *arguments):
    config = REPO / 'configs' / 'baselines' / f'{name}_256x512_80k_singlegreen.py'
    short = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2']
    return run_here('train', config, *arguments, '--cfg-options', *TILES, *short, f'experiment_name=baseline_{name}')


def test_a_baseline_trains_and_validates(green_root, tmp_path):
    work_dir = tmp_path / 'work'
    assert train('segformer_mit-b0', '--data-root', green_root, '--work-dir', work_dir, '--pretrained', 'none') == 0
    assert (work_dir / 'iter_2.pth').is_file()
    assert any(path.name.startswith('best_IoU.green_iter_2') for path in work_dir.iterdir())


def test_missing_weights_of_any_backbone_are_one_line(green_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    unreachable = 'http://127.0.0.1:9/mit_b0.pth'
    arguments = ('--data-root', green_root, '--work-dir', tmp_path / 'work', '--pretrained', unreachable)
    assert train('segformer_mit-b0', *arguments) == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert 'mit_b0.pth' in line
    assert '--pretrained none' in line


def test_unet_predicts_images_of_any_size():
    config = Config.fromfile(REPO / 'configs/baselines/unet_256x512_80k_singlegreen.py')
    model = MODELS.build(config.model).eval()
    sample = SegDataSample(metainfo=dict(ori_shape=(33, 50), img_shape=(33, 50)))  # no multiples of 16
    [prediction] = model.test_step(dict(inputs=[torch.zeros(3, 33, 50, dtype=torch.uint8)], data_samples=[sample]))
    assert tuple(prediction.pred_sem_seg.data.shape) == (1, 33, 50)


def test_other_projects_build_on_a_baseline(tmp_path):
    installed = f'_base_ = {str(REPO / "configs/baselines/ocrnet_hr48_256x512_80k_singlegreen.py")!r}\n'
    (tmp_path / 'leaf.py').write_text(installed + 'model = dict(backbone=dict(norm_eval=True))\n', encoding='utf-8')
    config = Config.fromfile(tmp_path / 'leaf.py')
    set_pretrained(config, 'none')
    model = MODELS.build(config.model)
    assert [head.in_channels for head in model.decode_head] == [720, 720]
    assert model.backbone.norm_eval
