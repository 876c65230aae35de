"""Which reports become one method, and which cannot be compared."""

import numpy as np
import pytest
from report_support import image_counts, metrics_of, write_report

from mmseg_aux_hrnet.errors import ConfigError, DataError
from mmseg_aux_hrnet.report.comparison.groups import class_of_interest, read_groups


def report(folder, *, config='plain', number=8, runs_seed=0, **options):
    counts = image_counts(number, quality=0.8, seed=1, runs_seed=runs_seed)
    return str(write_report(folder, metrics_of(counts, config=config, **options)))


def names(groups):
    return {name: [run.folder.name for run in runs] for name, runs in groups.items()}


@pytest.fixture
def four(tmp_path):
    configs = ('plain', 'aux', 'plain', 'aux')
    return [report(tmp_path / f'r{i}', config=config, runs_seed=i) for i, config in enumerate(configs)]


def test_runs_of_one_config_are_one_method(four):
    assert names(read_groups(four)) == {'plain': ['r0', 'r2'], 'aux': ['r1', 'r3']}


def test_named_runs(four):
    assert names(read_groups([f'A={four[0]},{four[1]}', f'B={four[2]}', four[3]])) == {
        'A': ['r0', 'r1'],
        'B': ['r2'],
        'aux': ['r3'],
    }


def test_runs_without_a_config_go_by_their_folder(tmp_path, four):
    counts = image_counts(8, quality=0.8, seed=1, runs_seed=9)
    metrics = metrics_of(counts)
    metrics['run']['config'] = None
    write_report(tmp_path / 'others', metrics)
    assert names(read_groups([four[0], str(tmp_path / 'others')])) == {'plain': ['r0'], 'others': ['others']}


def test_folders_with_signs_in_their_names(tmp_path):
    odd = report(tmp_path / 'lr=0.1,seed=1', runs_seed=1)
    other = report(tmp_path / 'other', config='aux', runs_seed=2)
    assert names(read_groups([odd, other])) == {'plain': ['lr=0.1,seed=1'], 'aux': ['other']}
    assert names(read_groups([f'A={odd}', other])) == {'A': ['lr=0.1,seed=1'], 'aux': ['other']}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{0}'], '1 report to compare: name at least two'),
        (['{0}', '{0}'], 'is given twice'),
        (['A={0},{0}'], 'is given twice'),
        (['A={0}', 'A={1}'], 'uses the name A again'),
        (['plain={1}', '{0}'], 'which a group has already'),
        (['={0}', '{1}'], 'with a name and folders'),
        (['A=', '{1}'], 'with a name and folders'),
        (['A={0},', '{1}'], 'with a name and folders'),
    ],
)
def test_command_lines_that_are_refused(four, arguments, message):
    with pytest.raises(ConfigError, match=message):
        read_groups([argument.format(*four) for argument in arguments])


def test_other_images_are_refused(tmp_path, four):
    fewer = report(tmp_path / 'fewer', config='fewer', number=7)
    with pytest.raises(DataError, match=r'8 and 7 images, 1 of them in one only \(such as tile_7\)'):
        read_groups([four[0], fewer])


def test_other_labels_are_refused(tmp_path, four):
    counts = image_counts(8, quality=0.8, seed=1)
    counts[3] += np.array([[1, 0], [-1, 0]])
    other = write_report(tmp_path / 'other', metrics_of(counts, config='other'))
    with pytest.raises(DataError, match=r'other reference pixels in 1 image, such as tile_3'):
        read_groups([four[0], str(other)])


def test_other_classes_are_refused(tmp_path, four):
    other = report(tmp_path / 'o', classes=('ground', 'building'), of_interest='building', runs_seed=5)
    with pytest.raises(DataError, match='background, green against ground, building'):
        read_groups([four[0], other])


def test_same_checkpoint_is_no_second_seed(tmp_path, four):
    same = report(tmp_path / 'same', runs_seed=0)
    with pytest.raises(DataError, match='group plain, are of the same checkpoint'):
        read_groups([four[0], same, four[1]])
    assert len(read_groups([four[0], f'flipped={same}'])) == 2


def test_other_threshold_is_no_second_seed(tmp_path, four):
    held = [{'class': name, 'value': 0.4} for name in ('green', 'background')]
    moved = [report(tmp_path / at['class'], runs_seed=7 + i, threshold=at) for i, at in enumerate(held)]
    with pytest.raises(DataError, match='group plain, have the thresholds none and green from 0.4: give'):
        read_groups([four[0], moved[0]])
    with pytest.raises(DataError, match='have the thresholds green from 0.4 and background from 0.4: give'):
        read_groups(moved)


def test_class_of_interest_is_that_of_the_reports_or_the_named_one(four):
    groups = read_groups(four)
    assert class_of_interest(groups, None) == 'green'
    assert class_of_interest(groups, 'background') == 'background'
    with pytest.raises(ConfigError, match='--class tree is not a class of the reports: choose from background, green'):
        class_of_interest(groups, 'tree')


def test_reports_without_a_class_of_interest_need_one(tmp_path, four):
    none = report(tmp_path / 'none', config='none', of_interest=None, runs_seed=5)
    groups = read_groups([none, four[0]])
    with pytest.raises(ConfigError, match='choose one with --class: background, green'):
        class_of_interest(groups, None)
    assert class_of_interest(groups, 'green') == 'green'
