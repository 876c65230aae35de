import pytest
import torch
from mmengine.config import Config
from tiny_export import tiny_checkpoint, tiny_config, tiny_model

from mmseg_aux_hrnet.classes import Classes
from mmseg_aux_hrnet.decision import Threshold
from mmseg_aux_hrnet.errors import CheckpointError, ConfigError
from mmseg_aux_hrnet.run.trained_model import load_trained_model
from mmseg_aux_hrnet.weights import Checkpoint


@pytest.fixture
def load(tmp_path):
    """Load a tiny model; ``edit`` changes the checkpoint's content, ``into`` is the config that it is loaded into."""

    def loaded(*, request=None, edit=None, into=None, **settings):
        config = tiny_config(**settings)
        path = tiny_checkpoint(config, tmp_path / 'a.pth')
        content = torch.load(path)
        if edit is not None:
            edit(content)
            torch.save(content, path)
        return load_trained_model(into or config, Checkpoint(path, hashed=True), threshold=request)

    return loaded


def with_meta(**meta):
    return lambda content: content.update(meta=meta)


def test_a_checkpoint_says_what_its_classes_are(load):
    source = load(classes=3)
    assert source.classes.names == ('background', 'green', 'water')
    assert source.classes.palette == ((0, 0, 0), (128, 0, 0), (0, 0, 128))
    assert (source.decision, source.gsd) == (None, None)
    assert load(edit=with_meta(CLASSES=('a', 'b'), PALETTE=[[1, 2, 3], [4, 5, 6]])).classes.names == ('a', 'b')  # 0.x


def test_without_that_the_data_set_of_the_config_does(load):
    source = load(edit=with_meta())
    assert source.classes == Classes(('background', 'green'), ((0, 0, 0), (128, 0, 0)), 1)
    config = tiny_config()
    config.test_dataloader = dict(dataset=dict(type='ConcatDataset', datasets=[config.test_dataloader.dataset]))
    assert load(edit=with_meta(), into=config).classes == source.classes


def test_classes_that_do_not_fit_are_refused(load):
    with pytest.raises(ConfigError, match=r'has 3 classes, but checkpoint and data set .* name 2 \(background, green'):
        load(classes=3, edit=with_meta())


def test_the_threshold_comes_from_request_checkpoint_or_head(load):
    stored = with_meta(threshold={'class': 'green', 'value': 0.25})
    assert load(edit=stored).decision == Threshold('green', 0.25, 1)
    assert load(edit=stored, request='0.75').decision == Threshold('green', 0.75, 1)
    assert load(edit=stored, request='argmax').decision is None
    one_channel = load(out_channels=1, threshold=0.4).decision
    assert (one_channel.class_index, one_channel.value) == (1, pytest.approx(0.4))
    assert load(out_channels=1, threshold=0.4, edit=stored).decision == Threshold('green', 0.25, 1)


def test_the_tile_is_that_of_training_or_of_the_sliding_window(load):
    assert (load().tile, load().overlap) == ((64, 96), 33)
    sliding = {'mode': 'slide', 'crop_size': (48, 48), 'stride': (32, 32)}
    source = load(test_cfg=sliding)
    assert (source.tile, source.overlap, source.model.test_cfg.mode) == ((48, 48), 33, 'whole')
    assert load(preprocessor={'size': None}).tile == (512, 512)


def test_the_ground_sampling_distance_comes_from_checkpoint_or_config(load):
    known = {'classes': ('a', 'b'), 'gsd': 0.25}
    assert load(edit=with_meta(dataset_meta=known)).gsd == 0.25
    assert load(into=Config(dict(tiny_config().to_dict(), gsd=2))).gsd == 2.0
    with pytest.raises(ConfigError, match="gsd is '10 cm'"):
        load(into=Config(dict(tiny_config().to_dict(), gsd='10 cm')))


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        ({'data_preprocessor': dict(type='SegDataPreProcessor')}, 'normalises 0 band'),
        (
            {'data_preprocessor': dict(type='SegDataPreProcessor', mean=[1.0], std=[1.0])},
            'normalises 1 band',
        ),
        ({'data_preprocessor': dict(type='BaseDataPreprocessor')}, 'is a BaseDataPreprocessor'),
        (
            tiny_model(preprocessor={'test_cfg': {'size': (64, 64)}}),
            'pads to one size',
        ),
    ],
)
def test_preprocessing_that_a_file_cannot_do_is_refused(load, model, message):
    config = tiny_config()
    config.model = {**config.model, **model}
    with pytest.raises(ConfigError, match=message):
        load(into=config)


def test_other_weights_are_refused(load):
    with pytest.raises(CheckpointError, match='does not fit the model of this config: .*other shape .decode_head'):
        load(into=tiny_config(classes=3))


def test_a_model_that_cannot_be_built_is_refused(load):
    config = tiny_config()
    config.model.backbone = dict(type='NoSuchBackbone')
    with pytest.raises(ConfigError, match='cannot be built: .*NoSuchBackbone'):
        load(into=config)


def test_a_model_that_is_no_segmentor_is_refused(load):
    config = tiny_config()
    config.model = dict(type='StemBackbone')
    with pytest.raises(ConfigError, match='StemBackbone of this config is not an EncoderDecoder'):
        load(into=config)
