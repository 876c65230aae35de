import pytest
from mmseg.registry import HOOKS, MODELS, TRANSFORMS

from mmseg_aux_hrnet.exchange.migration.report import Report, foreign_arguments, known_class, known_part


class Base:
    def __init__(self, a, b=1):
        pass


class Child(Base):
    def __init__(self, c, **kwargs):
        super().__init__(**kwargs)


class Open:
    def __init__(self, **kwargs):
        pass


@pytest.mark.parametrize(
    ('cls', 'foreign'), [(Base, ['c', 'z']), (Child, ['z']), (Open, [])], ids=['plain', 'handed on', 'open']
)
def test_foreign_arguments_are_those_of_no_constructor_on_the_way(cls, foreign):
    assert foreign_arguments(cls, dict(type='X', a=1, c=2, z=3)) == foreign


def test_classes_are_found_through_the_parents_of_a_registry():
    assert known_class(TRANSFORMS, 'RandomChoiceResize').__module__.startswith('mmcv')
    assert known_class(MODELS, 'GreenNet') is None
    assert known_class(MODELS, None) is None


def test_what_1x_does_not_take_is_noted():
    report = Report()
    assert known_part(HOOKS, dict(type='GreenHook'), place='hooks', report=report) is None
    hook = dict(type='SegVisualizationHook', interval=5, create_symlink=True)
    assert known_part(HOOKS, hook, place='hooks', report=report) == dict(type='SegVisualizationHook', interval=5)
    assert [(note.place, note.kind) for note in report.notes] == [
        ('hooks', 'dropped'),
        ('hooks.SegVisualizationHook.create_symlink', 'dropped'),
    ]
