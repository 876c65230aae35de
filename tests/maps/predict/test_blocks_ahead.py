"""Generators that run ahead in a thread."""

import threading
import time
from contextlib import closing

import pytest

from mmseg_aux_hrnet.maps.predict.blocks import ahead


def test_items_come_in_order():
    assert list(ahead(iter(range(100)), depth=3)) == list(range(100))


def test_the_next_items_are_made_while_one_is_used():
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    running = ahead(items(), depth=2)
    assert next(running) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:  # one in use, two waiting, one in the hand
        time.sleep(0.01)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3]
    running.close()


def test_an_error_is_raised_where_the_items_are_used():
    def items():
        yield 1
        raise ValueError('broken')

    running = ahead(items(), depth=1)
    assert next(running) == 1
    with pytest.raises(ValueError, match='broken'):
        next(running)


def test_closing_ends_the_thread_and_closes_the_generator_in_it():
    closed_in = []

    def items():
        try:
            while True:
                yield threading.current_thread()
        finally:
            closed_in.append(threading.current_thread())

    running = ahead(items(), depth=1)
    thread = next(running)
    running.close()
    assert closed_in == [thread]
    assert not thread.is_alive()
    assert thread is not threading.current_thread()


def test_ctrl_c_where_the_items_are_used_ends_the_thread():
    def items():
        while True:
            yield threading.current_thread()

    with pytest.raises(KeyboardInterrupt), closing(ahead(items(), depth=2)) as running:
        thread = next(running)
        raise KeyboardInterrupt
    assert not thread.is_alive()


def test_one_thread_waits_for_the_items_of_another():
    def doubled(items):
        for number in items:
            yield 2 * number

    with closing(ahead(doubled(ahead(iter(range(100)), depth=1)), depth=2)) as running:
        assert next(running) == 0
    assert list(ahead(doubled(ahead(iter(range(100)), depth=1)), depth=2)) == list(range(0, 200, 2))
