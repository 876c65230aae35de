import numpy as np
import pytest
from areas_support import draw_classes, write_map

from mmseg_aux_hrnet.maps.change import pairing
from mmseg_aux_hrnet.maps.change.pairing import open_pair
from mmseg_aux_hrnet.maps.change.patches import Patches, changed, wide_enough

CLASSES = 3


def opened_by_a_loop(codes, *, side):
    """Return the changed pixels that some square of one change holds."""
    out = np.zeros(codes.shape, bool)
    for row in range(codes.shape[0] - side + 1):
        for column in range(codes.shape[1] - side + 1):
            part = codes[row : row + side, column : column + side]
            old, new = divmod(int(part[0, 0]), CLASSES)
            if (part == part[0, 0]).all() and part[0, 0] < CLASSES**2 and old != new:
                out[row : row + side, column : column + side] = True
    return out


@pytest.mark.parametrize('side', [1, 2, 3, 4])
@pytest.mark.parametrize('seed', range(3))
def test_wide_enough_is_an_opening_of_each_change(side, seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, CLASSES**2 + 1, (9, 11))
    codes = np.kron(coarse, np.ones((3, 2))).astype(np.uint16)
    codes[rng.random(codes.shape) < 0.08] = 1
    padded = np.pad(codes, side - 1, constant_values=CLASSES**2)
    found = wide_enough(padded, side=side, classes=CLASSES)
    np.testing.assert_array_equal(found, opened_by_a_loop(codes, side=side))


def test_changed_is_off_the_diagonal():
    codes = np.arange(CLASSES**2 + 1, dtype=np.uint16)[None]
    np.testing.assert_array_equal(changed(codes, classes=CLASSES)[0], [0, 1, 1, 1, 0, 1, 1, 1, 0, 0])


@pytest.mark.parametrize(('width', 'survives'), [(1, False), (2, True), (3, True)])
def test_a_strip_as_narrow_as_half_a_pixel_off_makes_is_edge(width, survives):
    codes = np.zeros((12, 12), np.uint16)
    codes[3:10, 4 : 4 + width] = 1
    found = wide_enough(np.pad(codes, 1, constant_values=9), side=2, classes=CLASSES)
    np.testing.assert_array_equal(found, (codes == 1) & survives)


def patches_by_a_loop(codes, kept):
    """Return the size of the patch of each kept pixel, by flooding along sides."""
    sizes = np.zeros(codes.shape, int)
    for start in zip(*np.nonzero(kept), strict=True):
        if sizes[start]:
            continue
        patch, waiting = {start}, [start]
        while waiting:
            row, column = waiting.pop()
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                inside = 0 <= near[0] < codes.shape[0] and 0 <= near[1] < codes.shape[1]
                if inside and near not in patch and kept[near] and codes[near] == codes[start]:
                    patch.add(near)
                    waiting.append(near)
        for place in patch:
            sizes[place] = len(patch)
    return sizes


@pytest.mark.parametrize('strip', [1, 40, 90, 10_000])
@pytest.mark.parametrize('side', [1, 2])
def test_patches_are_found_across_strips(tmp_path, monkeypatch, strip, side):
    monkeypatch.setattr(pairing, 'STRIP', strip)
    old, new = draw_classes((24, 30), seed=1, nodata=0.02), draw_classes((24, 30), seed=2)
    if side == 2:
        old, new = (np.kron(each[:12, :15], np.ones((2, 2))) for each in (old, new))
    paths = [write_map(tmp_path / f'{name}.tif', values) for name, values in (('old', old), ('new', new))]
    with open_pair(*paths, classes=None) as pair:
        ground = pair.old.ground(pair.old.crs())
        patches = Patches(pair, ground, side=side, min_area=6, on_strip=lambda done, total: None)
        codes = np.concatenate([pair.read(window) for window in pair.strips()])
        found = np.concatenate([patches.small(window) for window in pair.strips()])
    kept = wide_enough(np.pad(codes, side - 1, constant_values=4), side=side, classes=2)
    sizes = patches_by_a_loop(codes, kept)
    np.testing.assert_array_equal(found, kept & (sizes < 6))
    assert found.any() and (kept & ~found).any()
