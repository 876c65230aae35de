from mmseg_aux_hrnet.exchange.migration.data import DataPart
from mmseg_aux_hrnet.exchange.migration.report import Report

LEAF = dict(type='CustomDataset', classes=('a', 'b'), img_dir='i', ann_dir='l', pipeline=[])


def part(old, training=True):
    report = Report()
    return DataPart(old, place='data.x', training=training, seen={}, report=report), report


def folders(dataset):
    return [(p['data_prefix']['img_path'], p['data_prefix']['seg_map_path']) for p in dataset['datasets']]


def test_several_folders_become_one_data_set():
    got, _ = part(dict(LEAF, img_dir=['i', 'j'], ann_dir=['l', 'm'], split='s.txt'))
    assert got.dataset['type'] == 'ConcatDataset'
    assert folders(got.dataset) == [('i', 'l'), ('j', 'm')]
    assert [p['ann_file'] for p in got.dataset['datasets']] == ['s.txt', 's.txt']
    assert len(got.pipelines) == 2


def test_several_lists_of_one_folder():
    got, _ = part(dict(LEAF, split=['a.txt', 'b.txt']))
    assert [p['ann_file'] for p in got.dataset['datasets']] == ['a.txt', 'b.txt']
    assert folders(got.dataset) == [('i', 'l')] * 2


def test_lists_of_data_sets_are_measured_together():
    joined = dict(type='ConcatDataset', datasets=[LEAF, dict(LEAF, img_dir='j')], separate_eval=True)
    for old in (joined, joined['datasets']):
        got, report = part(old)
        assert folders(got.dataset) == [('i', 'l'), ('j', 'l')]
    assert not report.notes
    assert part(joined)[1].notes[0].place == 'data.x.separate_eval'


def test_repeats_stay():
    got, _ = part(dict(type='RepeatDataset', times=7, dataset=dict(LEAF, img_dir=['i', 'j'])))
    assert (got.dataset['type'], got.dataset['times']) == ('RepeatDataset', 7)
    assert folders(got.dataset['dataset']) == [('i', 'l'), ('j', 'l')]


def test_mixing_keeps_both_pipelines():
    mixed = dict(type='MultiImageMixDataset', dataset=LEAF, pipeline=[dict(type='Collect')], skip_type_keys=['x'])
    got, _ = part(mixed)
    assert got.dataset['pipeline'] == [dict(type='PackSegInputs')]
    assert got.dataset['skip_type_keys'] == ['x']
    assert [len(pipeline.steps) for pipeline in got.pipelines] == [0, 1]


def test_equal_pipelines_are_one_object():
    steps = [dict(type='Collect')]
    got, _ = part([dict(LEAF, pipeline=steps), dict(LEAF, pipeline=list(steps))])
    first, second = got.dataset['datasets']
    assert first['pipeline'] is second['pipeline']
