import numpy as np
import pytest

from mmseg_aux_hrnet.maps.indices.sweep import IndexCounts, levels_of, otsu_threshold, sweep, thresholds


def ndvi_of_bytes(count, *, seed=0):
    """Return indices of seeded 8-bit bands, of which many are equal to a threshold, and a reference of 0 and 1."""
    rng = np.random.default_rng(seed)
    nir, red = rng.integers(1, 256, (2, count)).astype(np.float64)
    values = (nir - red) / (nir + red)
    return values, (values + rng.normal(0, 0.3, count) > 0.2).astype(np.uint8)


def counted(values, reference, limits, *, parts=1):
    counts = IndexCounts.empty()
    for some, known in zip(np.array_split(values, parts), np.array_split(reference, parts), strict=True):
        counts.add(some, known, limits=limits)
    return counts


def plain_figures(values, reference, threshold):
    """Return accuracy, kappa, F1 and IoU of one threshold as people write them by hand."""
    predicted = values >= threshold
    tp, fp = (predicted & (reference == 1)).sum(), (predicted & (reference == 0)).sum()
    fn, tn = (~predicted & (reference == 1)).sum(), (~predicted & (reference == 0)).sum()
    n = tp + fp + fn + tn
    observed = (tp + tn) / n
    chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / n**2
    return [tn, fp, fn, tp], [
        100 * observed, (observed - chance) / (1 - chance), 200 * tp / (2 * tp + fp + fn), 100 * tp / (tp + fp + fn),
    ]  # fmt: skip


@pytest.mark.parametrize('span', [(-1, 1), (0, 0.4), (-0.013, 0.7)])
def test_every_threshold_counts_what_a_loop_counts(span):
    limits = thresholds(*span)
    values, reference = ndvi_of_bytes(2000)
    curve = sweep('a', counted(values, reference, limits, parts=3), limits).curve
    assert len(curve) == 1001
    for at, threshold in zip(curve, limits, strict=True):
        counts, figures = plain_figures(values, reference, threshold)
        assert [at.true_negative, at.false_positive, at.false_negative, at.true_positive] == counts
        np.testing.assert_allclose([at.accuracy, at.kappa, at.f1, at.iou], figures, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('span', [(-1, 1), (0, 0.4), (-0.2, 0.6), (-1, 2)])
def test_levels_are_those_of_a_search(span):
    limits = thresholds(*span)
    values = np.concatenate([
        limits, np.nextafter(limits, -9), np.nextafter(limits, 9), ndvi_of_bytes(20_000)[0], [-1e300, 1e300, -0.0],
    ])  # fmt: skip
    np.testing.assert_array_equal(levels_of(values, limits), np.searchsorted(limits, values, side='right'))


def test_thresholds_are_decimal_fractions():
    assert {0.0, 0.02, 0.114, 0.2, 0.3, 0.4} <= set(thresholds(0, 0.4).tolist())
    assert {-0.1, 0.1, 0.3} <= set(thresholds(-1, 1).tolist())


def test_best_by_each_criterion_is_the_argmax_of_a_loop():
    limits = thresholds(-1, 1)
    values, reference = ndvi_of_bytes(500, seed=3)
    found = sweep('a', counted(values, reference, limits), limits)
    figures = np.array([plain_figures(values, reference, threshold)[1] for threshold in limits])
    for column, criterion in enumerate(('accuracy', 'kappa', 'f1', 'iou')):
        best = found.best(criterion)
        assert getattr(best, criterion) == pytest.approx(figures[:, column].max(), rel=1e-12)
        # Of equal ones the lowest; a loop in floating point parts equal ones by rounding.
        ties = np.flatnonzero(figures[:, column] >= figures[:, column].max() - 1e-9)
        assert best.threshold == limits[ties[0]]


def plain_otsu(values, limits):
    """Return the threshold with the largest variance between groups, by a loop."""
    variances = []
    for threshold in limits:
        above = values >= threshold
        n1, n0 = above.sum(), (~above).sum()
        variances.append(n0 * n1 * (values[~above].mean() - values[above].mean()) ** 2 if n0 and n1 else -1)
    return limits[np.flatnonzero(np.array(variances) >= max(variances) * (1 - 1e-12))[0]]


@pytest.mark.parametrize('seed', range(4))
def test_otsu_is_that_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(-0.1, 0.06, 700), rng.normal(0.4, 0.12, 300)]).clip(-1, 1)
    limits = thresholds(-1, 1)
    counts = counted(values, np.full(1000, 2, np.uint8), limits, parts=4)
    assert otsu_threshold(counts, limits) == plain_otsu(values, limits)


def test_otsu_of_two_values_lies_above_the_lower():
    limits = thresholds(0, 1)
    values = np.array([0.2] * 30 + [0.7] * 10)
    assert otsu_threshold(counted(values, np.zeros(40, np.uint8), limits), limits) == 0.201
    assert otsu_threshold(counted(values[:30], np.zeros(30, np.uint8), limits), limits) is None


def test_a_reference_that_is_otsus_mask_is_met_at_otsus_threshold():
    limits = thresholds(-1, 1)
    values, _ = ndvi_of_bytes(3000)
    otsu = otsu_threshold(counted(values, np.zeros(3000, np.uint8), limits), limits)
    best = sweep('a', counted(values, (values >= otsu).astype(np.uint8), limits), limits).best('kappa')
    assert (best.kappa, best.accuracy, best.iou) == (1, 100, 100)
    np.testing.assert_array_equal(values >= best.threshold, values >= otsu)


def test_scenes_add_up_to_all():
    limits = thresholds(-1, 1)
    values, reference = ndvi_of_bytes(900)
    parts = [counted(values[start::3], reference[start::3], limits) for start in range(3)]
    whole, total = counted(values, reference, limits), IndexCounts.total(parts)
    np.testing.assert_array_equal(total.pixels, whole.pixels)
    np.testing.assert_allclose(total.sums, whole.sums, atol=1e-12)


@pytest.mark.parametrize(('kind', 'missing'), [(0, 'vegetation'), (1, 'other')])
def test_a_scene_of_one_class_has_no_best(kind, missing):
    limits = thresholds(-1, 1)
    values, _ = ndvi_of_bytes(50)
    found = sweep('a', counted(values, np.full(50, kind, np.uint8), limits), limits)
    assert found.missing() == missing
    assert found.best('kappa') is None and found.threshold('accuracy') is None
    assert found.threshold('otsu') is not None
