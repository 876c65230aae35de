import math

import pytest

from mmseg_aux_hrnet.report.page.choice import choose_images, tile_scores


def test_nine_images_are_all_shown_in_thirds():
    choices = choose_images([30, 10, 20, 60, 40, 50, 90, 80, 70])
    assert choices['worst'] == [1, 2, 0]
    assert choices['median'] == [4, 5, 3]
    assert choices['best'] == [6, 7, 8]
    assert choices['others'] == []


def test_many_images_give_a_dozen_of_each_and_an_even_sample():
    choices = choose_images([float(i) for i in range(1000)], most=40)
    assert choices['worst'] == list(range(12))
    assert choices['median'] == list(range(494, 506))
    assert choices['best'] == list(range(999, 987, -1))
    others = choices['others']
    assert len(others) == 4
    # 964 images lie between the groups: the middles of their quarters are the ranks 120, 361, 602 and 843 of them
    assert others == [12 + 120, 12 + 361, 12 + 12 + 602, 12 + 12 + 843]


@pytest.mark.parametrize('number', [0, 1, 2, 3, 35, 36, 37, 199, 200, 201, 5000])
def test_no_image_is_shown_twice(number):
    choices = choose_images([float(i % 7) for i in range(number)])
    places = [place for places in choices.values() for place in places]
    assert len(set(places)) == len(places) == min(number, 200)


def test_images_without_a_score_are_shown_but_not_ranked():
    choices = choose_images([None, 5.0, None, 1.0, 3.0])
    assert (choices['worst'], choices['best']) == ([3], [1])
    assert choices['others'] == [0, 2]


def test_equal_scores_keep_the_order_of_the_images():
    assert choose_images([1.0] * 6)['worst'] == [0, 1]


@pytest.mark.parametrize(('name', 'scores'), [('green', [40.0, None]), (None, [70.0, None])])
def test_scores_are_of_the_class_of_interest_else_mean_iou(name, scores):
    images = [{'miou': 70.0, 'iou': {'green': 40.0}}, {'miou': math.nan, 'iou': {'green': None}}]
    assert tile_scores({'class_of_interest': name, 'images': images}) == scores
