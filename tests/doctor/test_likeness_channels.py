import cv2
import numpy as np
import pytest

from mmseg_aux_hrnet.datasets.tiles import read_rgb
from mmseg_aux_hrnet.doctor.likeness import DOUBTFUL, FEWEST, colour_figures, exchange_scores


def natural(seed):
    """Pixels that are warmer the brighter they are, as sunlit ground and blue shadows."""
    rng = np.random.default_rng(seed)
    light = rng.uniform(30, 220, 400)
    warmth = 0.15 * light - 10 + rng.normal(0, 4, 400) + rng.normal(0, 2)
    return np.clip(np.stack([light + warmth, light, light - warmth], axis=1), 0, 255).astype(np.uint8)


SET = np.stack([colour_figures(natural(seed)) for seed in range(40)])


def test_exchange_turns_the_sign_of_the_first_three_figures_only():
    pixels = natural(0)
    straight, exchanged = colour_figures(pixels), colour_figures(pixels[:, ::-1])
    assert exchanged[:3] == pytest.approx(-straight[:3])
    assert exchanged[3:] == pytest.approx(straight[3:])
    assert straight[0] == pytest.approx((pixels[:, 0].astype(float) - pixels[:, 2]).mean())


def test_exchanged_tiles_stand_out_and_the_others_do_not():
    mixed = SET.copy()
    mixed[5] = colour_figures(natural(5)[:, ::-1])
    scores = exchange_scores(mixed, mixed, same=True)
    assert np.flatnonzero(scores > DOUBTFUL).tolist() == [5]


def test_a_whole_split_that_is_exchanged_is_seen_beside_the_training_tiles():
    others = np.stack([colour_figures(natural(seed)[:, ::-1]) for seed in range(50, 60)])
    assert (exchange_scores(others, SET, same=False) > DOUBTFUL).all()


def test_of_many_tiles_some_are_compared_with(monkeypatch):
    monkeypatch.setattr('mmseg_aux_hrnet.doctor.likeness.MOST', 40)  # every second of 80
    many = np.stack([colour_figures(natural(seed)) for seed in range(80)])
    many[5], many[8] = colour_figures(natural(5)[:, ::-1]), colour_figures(natural(8)[:, ::-1])
    scores = exchange_scores(many, many, same=True)
    assert np.flatnonzero(scores > DOUBTFUL).tolist() == [5, 8]


def test_nothing_is_said_of_few_tiles_or_grey_ones():
    few = SET[: FEWEST - 1]
    assert not exchange_scores(few, few, same=True).any()
    grey = np.stack([colour_figures(np.repeat(natural(seed)[:, :1], 3, axis=1)) for seed in range(30)])
    assert exchange_scores(grey, grey, same=True) == pytest.approx(np.ones(30))


def test_no_real_tile_is_doubted_and_most_exchanged_ones_are(shared):
    paths = sorted((shared / 'data/green/rawdata/train').iterdir())
    small = [cv2.resize(read_rgb(path), (64, 64), interpolation=cv2.INTER_AREA).reshape(-1, 3) for path in paths]
    figures = np.stack([colour_figures(pixels) for pixels in small])
    assert not (exchange_scores(figures, figures, same=True) > DOUBTFUL).any()
    hits = 0
    for index, pixels in enumerate(small):
        exchanged, others = colour_figures(pixels[:, ::-1]), np.delete(figures, index, axis=0)
        hits += int(exchange_scores(exchanged[None], others, same=False)[0] > DOUBTFUL)
    assert hits >= 0.8 * len(small)
