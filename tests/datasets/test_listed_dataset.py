from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_aux_hrnet.datasets import SingleGreenDataset, UrbanisationDataset
from mmseg_aux_hrnet.datasets.listed_dataset import strict_pipeline
from mmseg_aux_hrnet.errors import ConfigError, DataError, ImageError, LabelError, SplitError

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def green(root, split='train', **settings):
    prefix = dict(img_path=f'rawdata/{split}', seg_map_path=f'labeldata/{split}')
    return SingleGreenDataset(
        **{
            'data_root': str(root),
            'ann_file': f'splits/{split}.txt',
            'data_prefix': prefix,
            'pipeline': LOAD,
            **settings,
        }
    )


def test_reads_the_reference_layout(green_root):
    dataset = green(green_root)
    sample = dataset[1]
    path = green_root / 'rawdata' / 'train' / 'train_1.png'
    assert len(dataset) == 4
    assert np.array_equal(sample['img'][..., ::-1], np.asarray(Image.open(path)))
    assert np.array_equal(sample['gt_seg_map'], np.asarray(Image.open(green_root / 'labeldata/train/train_1.png')))
    assert dataset.metainfo['classes'] == ('background', 'green')


def test_stems_may_carry_a_suffix_and_images_another_one(green_root):
    Image.open(green_root / 'rawdata/train/train_0.png').save(green_root / 'rawdata/train/train_0.TIF')
    (green_root / 'rawdata/train/train_0.png').unlink()
    (green_root / 'splits/train.txt').write_bytes(b'\xef\xbb\xbftrain_0.jpg\r\n\r\ntrain_1\r\n')
    assert [green(green_root)[i]['img_path'].rsplit('train', 1)[1] for i in range(2)] == ['_0.TIF', '_1.png']


def test_separators_of_windows_are_read_on_every_system(green_root):
    prefix = dict(img_path='rawdata\\train', seg_map_path='labeldata\\train')
    dataset = green(green_root, ann_file='splits\\train.txt', data_prefix=prefix)
    assert dataset[0]['img_path'] == green(green_root)[0]['img_path']


def test_endings_that_the_config_names_are_the_only_ones(green_root):
    for stem in ('train_0', 'train_1'):
        image, label = (green_root / folder / 'train' / f'{stem}.png' for folder in ('rawdata', 'labeldata'))
        Image.open(image).save(image.with_suffix('.tif'))
        label.rename(label.with_name(f'{stem}_label.png'))
    (green_root / 'splits/train.txt').write_text('train_0\ntrain_1\n')
    dataset = green(green_root, img_suffix='.tif', seg_map_suffix='_label.png')
    assert [Path(dataset[i]['img_path']).name for i in range(2)] == ['train_0.tif', 'train_1.tif']
    assert dataset[1]['seg_map_path'].endswith('train_1_label.png')
    with pytest.raises(SplitError, match='missing files in .*labeldata.train: line 1: train_0.png; line 2'):
        green(green_root, img_suffix='.tif', seg_map_suffix='.png')


def test_without_label_prefix_samples_have_no_label(green_root):
    dataset = green(green_root, 'test', data_prefix=dict(img_path='rawdata/test'))
    assert not dataset.has_labels
    assert 'gt_seg_map' not in dataset[0]


def test_an_empty_label_prefix_means_no_labels(green_root):
    assert not green(green_root, data_prefix=dict(img_path='rawdata/train', seg_map_path='')).has_labels
    assert not green(green_root, data_prefix=dict(img_path='rawdata/train', seg_map_path=None)).has_labels


def urban(root, lines):
    (root / 'list').mkdir(exist_ok=True)
    (root / 'list/a.lst').write_text('\n'.join(lines))
    return UrbanisationDataset(data_root=str(root), ann_file='list/a.lst', pipeline=LOAD, label_format='palette',
                               metainfo=dict(palette=[[0, 0, 0], [128, 0, 0]]))  # fmt: skip


def test_pairs_of_an_lst_list(green_root):
    dataset = urban(green_root, [r'rawdata\train\train_2.png  labeldata/train/train_2.png'])
    assert dataset.has_labels
    assert dataset[0]['gt_seg_map'].sum() > 0


def test_image_only_lst_list(green_root):
    assert not urban(green_root, ['rawdata/train/train_2.png']).has_labels


def test_real_green_and_urban_data_load(shared):
    dataset = green(shared / 'data/green')
    assert len(dataset) == 190
    assert set(np.unique(dataset[0]['gt_seg_map'])) <= {0, 1}
    buildings = UrbanisationDataset(data_root=str(shared / 'data/urban'), ann_file='list/val.lst', pipeline=LOAD)
    assert len(buildings) == 8
    assert buildings[0]['gt_seg_map'].shape == (1024, 1024)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'train.txt'),
        ('train_0\nnowhere\n', 'line 2: nowhere'),
        ('x/a.png y/a.png\n', 'line 1.*pairs belong in a .lst list'),
        ('train_0\ntrain_1\ntrain_0\n', 'line 3: "train_0" is on line 1 too'),
    ],
)
def test_faulty_lists_are_named_with_their_line(green_root, text, message):
    (green_root / 'splits/train.txt').write_text(text)
    with pytest.raises(SplitError, match=message):
        green(green_root)


def test_missing_pair_in_lst_is_named(green_root):
    with pytest.raises(SplitError, match=r'a\.lst.*line 1.*gone\.png'):
        urban(green_root, ['rawdata/train/train_0.png labeldata/train/gone.png'])


def test_two_images_of_one_stem_are_refused(green_root):
    Image.new('RGB', (96, 64)).save(green_root / 'rawdata/train/train_0.jpg')
    with pytest.raises(SplitError, match=r'line 1: train_0\.jpg and train_0\.png'):
        green(green_root)


def test_missing_data_root_and_folder(green_root):
    with pytest.raises(DataError, match='--data-root'):
        green(green_root / 'nowhere')
    with pytest.raises(DataError, match='nolabels'):
        green(green_root, data_prefix=dict(img_path='rawdata/train', seg_map_path='nolabels'))


def test_label_of_another_size_is_refused(green_root):
    path = green_root / 'labeldata/train/train_0.png'
    Image.open(path).resize((48, 64)).save(path)
    with pytest.raises(LabelError, match=r'train_0\.png is 48x64 pixels.*96x64'):
        green(green_root)[0]


def test_value_128_in_an_index_mask_is_refused(green_root):
    path = green_root / 'labeldata/train/train_0.png'
    mask = np.array(Image.open(path))
    mask[5, 7] = 128
    Image.fromarray(mask).save(path)
    with pytest.raises(LabelError, match=r'train_0\.png: .*128 at \(row, column\) \(5, 7\)'):
        green(green_root, label_format='index')[0]


def test_masks_of_0_and_255_need_their_rule(green_root):
    for path in (green_root / 'labeldata/train').iterdir():
        Image.fromarray(np.array(Image.open(path)) * 255).save(path)
    with pytest.raises(LabelError, match="label_format='binary'"):
        green(green_root, label_format='index')
    assert set(np.unique(green(green_root, label_format='binary')[0]['gt_seg_map'])) == {0, 1}


def test_truncated_image_names_the_file(green_root):
    path = green_root / 'rawdata/train/train_3.png'
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ImageError, match=r'train_3\.png'):
        green(green_root)[3]


def test_classes_may_be_swapped_by_name(green_root):
    swapped = green(green_root, metainfo=dict(classes=('green', 'background'), palette=[[128, 0, 0], [0, 0, 0]]))
    assert np.array_equal(swapped[0]['gt_seg_map'], 1 - green(green_root)[0]['gt_seg_map'])


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(reduce_zero_label=True), 'reduce_zero_label would ignore class 0'),
        (dict(label_format='rgb'), "label_format='rgb' is unknown: use one of index, palette"),
        (dict(pipeline=[dict(type='LoadAnnotations', reduce_zero_label=True)]), 'reduce_zero_label would ignore'),
        (dict(pipeline=[dict(type='LoadImageFromFile', color_type='unchanged')]), "color_type='unchanged' is not read"),
    ],
)
def test_settings_that_would_misread_raise(green_root, settings, message):
    with pytest.raises(ConfigError, match=message):
        green(green_root, **settings)


def test_stock_loaders_are_replaced_in_nested_transforms_too():
    nested = dict(type='TestTimeAug', transforms=[[dict(type='LoadAnnotations')], [dict(type='PackSegInputs')]])
    strict = strict_pipeline([dict(type='LoadImageFromFile', to_float32=True), nested])
    assert strict[0] == dict(type='LoadTile', to_float32=True)
    assert strict[1]['transforms'] == [[dict(type='LoadLabel')], [dict(type='PackSegInputs')]]
    assert nested['transforms'][0][0]['type'] == 'LoadAnnotations'  # the config itself stays as it was


def test_data_sets_are_registered():
    assert DATASETS.get('SingleGreenDataset') is SingleGreenDataset
    assert DATASETS.get('mmseg_aux_hrnet.UrbanisationDataset') is UrbanisationDataset
