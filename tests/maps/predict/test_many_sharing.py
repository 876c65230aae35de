"""Several processes share all blocks, each block once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mmseg_aux_hrnet.maps.predict.sharing import Pending, Queue, Share, share_of

TODO = st.lists(st.tuples(st.dictionaries(st.integers(0, 30), st.integers(1, 20)), st.integers(1, 5)), max_size=6).map(
    lambda rasters: [
        Pending(number, tuple(sorted(costs)), tuple(costs[block] for block in sorted(costs)), together)
        for number, (costs, together) in enumerate(rasters)
    ]
)


def even(*rasters):
    return [Pending(number, tuple(blocks), (cost,) * len(blocks)) for number, blocks, cost in rasters]


def batches(todo, shares):
    """Return of each share which rows that fill batches together it has anything of, all of them in one list."""
    return [
        (share.raster, rows)
        for share in shares
        for rows in {block // todo[share.raster].together for block in share.blocks}
    ]


def test_one_process_does_everything():
    todo = even((0, (0, 1), 3), (4, (), 2))
    assert share_of(todo, process=0, processes=1) == [Share(0, (0, 1), True, True), Share(4, (), True, True)]


def test_a_large_raster_is_cut_into_stretches_of_equal_cost():
    todo = even((0, (0, 1), 1), (1, range(10), 1))
    shares = [share_of(todo, process=process, processes=3) for process in range(3)]
    assert shares == [
        [Share(0, (0, 1), True, True), Share(1, (0, 1), False, True)],
        [Share(1, (2, 3, 4, 5), False, False)],
        [Share(1, (6, 7, 8, 9), False, False)],
    ]


def test_stretches_are_as_long_as_their_blocks_are_cheap():
    todo = [Pending(0, (0, 1, 2, 3, 4, 5), (1, 1, 1, 1, 4, 4))]
    assert [share_of(todo, process=process, processes=3)[0].blocks for process in range(3)] == [
        (0, 1, 2, 3),
        (4,),
        (5,),
    ]


@given(TODO, st.integers(1, 8))
def test_every_block_has_one_process_and_every_file_one_writer(todo, processes):
    shares = [share for process in range(processes) for share in share_of(todo, process=process, processes=processes)]
    predicted = Counter((share.raster, block) for share in shares for block in share.blocks)
    assert predicted == Counter((raster, block) for raster, blocks, *_ in todo for block in blocks)
    assert sorted(share.raster for share in shares if share.writes) == [raster for raster, *_ in todo]
    assert len(batches(todo, shares)) == len(set(batches(todo, shares)))
    for share in shares:
        assert not share.alone or share.writes
        assert share.alone == (share.blocks == todo[share.raster][1])


def drained(queue, workers, *, lost=()):
    """Take pieces in turns until none is left; a worker that is to be lost gives back its piece once, and leaves."""
    taken, lost, workers = [], list(lost), list(workers)
    while workers:
        for worker in tuple(workers):
            share = queue.take(worker)
            if share is None:
                workers.remove(worker)
            elif worker in lost:
                lost.remove(worker)
                queue.leave(worker)
                queue.give_back(share)
            else:
                taken.append((worker, share))
    return taken


@given(TODO, st.integers(1, 5), st.integers(1, 4), st.sets(st.integers(0, 3)))
def test_a_queue_hands_out_every_block_once_whoever_is_lost(todo, workers, piece, lost):
    queue = Queue(todo, workers=workers, piece=piece)
    taken = drained(queue, range(4), lost=lost)
    predicted = Counter((share.raster, block) for _, share in taken for block in share.blocks)
    assert predicted == Counter((raster, block) for raster, blocks, *_ in todo for block in blocks)
    assert sorted(share.raster for _, share in taken if share.writes) == [raster for raster, *_ in todo]
    assert len(batches(todo, [share for _, share in taken])) == len({*batches(todo, [share for _, share in taken])})
    assert all(len(share.blocks) < piece + todo[share.raster].together for _, share in taken)
    assert not any(share.alone for _, share in taken)
    assert len(queue) == 0


def test_a_worker_goes_on_in_its_own_stretch_and_then_takes_half_of_the_busiest():
    queue = Queue(even((0, range(12), 1)), workers=2, piece=2)
    assert [queue.take(1).blocks for _ in range(3)] == [(0, 1), (2, 3), (4, 5)]
    assert queue.take(2).blocks == (6, 7)
    assert queue.take(1).blocks == (10, 11)
    assert queue.take(2).blocks == (8, 9)
    assert queue.take(1) is queue.take(2) is None


def test_rows_that_fill_batches_together_stay_in_one_piece():
    queue = Queue([Pending(0, tuple(range(18)), (1,) * 18, 4)], workers=2, piece=2)
    assert [queue.take(1).blocks for _ in range(3)] == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11)]
    assert [queue.take(worker).blocks for worker in (2, 1)] == [(12, 13, 14, 15), (16, 17)]


def test_what_is_left_of_a_raster_can_be_dropped():
    queue = Queue(even((0, range(4), 1), (1, range(4), 1)), workers=1, piece=3)
    assert queue.take(0).blocks == (0, 1, 2)
    queue.drop(0)
    assert [queue.take(0)[:2] for _ in range(2)] == [(1, (0, 1, 2)), (1, (3,))]
