from mmseg_aux_hrnet.exchange.migration.report import Report, Section


def test_notes_of_one_text_are_one_line_and_each_is_made_once():
    report = Report()
    for place in ('data.train', 'data.val', 'data.val'):
        report.chose(place, 'another class')
    report.dropped('workflow', 'gone')
    assert report.lines() == [
        'Chosen instead:',
        '- data.train, data.val: another class',
        'Not carried over:',
        '- workflow: gone',
    ]


def test_a_section_names_what_nobody_took():
    report = Report()
    section = Section(dict(a=1, b=None, c=3, d='x' * 100), place='part', report=report)
    assert section.take('a') == 1
    assert section.take_given('b', 'c', 'missing') == {'c': 3}
    section.close()
    [note] = report.notes
    assert (note.kind, note.place) == ('dropped', 'part.d')
    assert note.text.endswith('…: unknown here')
    assert len(note.text) < 100


def test_a_section_leaves_the_config_alone():
    old = dict(a=1)
    section = Section(old, place='', report=Report())
    assert section.rest() == {'a': 1}
    section.close()
    assert old == {'a': 1}
    assert section.where('a') == 'a'
