"""Runs a generator ahead of whoever uses it, in a thread of its own."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar('Item')
PATIENCE = 0.1  # seconds between looks at whether anybody still wants the items


class _Ended:
    """What follows the last item: how the generator ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterator[Item], *, depth: int) -> Iterator[Item]:
    """Yield the same items; the next ones are made meanwhile, at most ``depth`` of them.

    The thread ends with the generator, with an error, which is raised here, or when this iterator is closed.

    Args:
        items: a generator, which runs and is closed in the thread, so that it may keep what belongs to one thread.
        depth: 1 or more.
    """
    made: queue.Queue[Item | _Ended] = queue.Queue(depth)
    unwanted = threading.Event()
    thread = threading.Thread(target=_make, args=(items, made, unwanted), daemon=True)
    thread.start()
    try:
        while True:
            item = made.get()
            if isinstance(item, _Ended):
                break
            yield item
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join()


def _make(items: Iterator[Item], made: 'queue.Queue[Item | _Ended]', unwanted: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(made, item, unwanted):
                break
    except BaseException as caught:  # raised again where the items are used
        error = caught
    finally:
        close = getattr(items, 'close', None)
        if close is not None:
            close()
    _put(made, _Ended(error), unwanted)


def _put(made: 'queue.Queue[Item | _Ended]', item: Item | _Ended, unwanted: threading.Event) -> bool:
    """Put an item as soon as there is room, and return whether anybody wants it."""
    while not unwanted.is_set():
        try:
            made.put(item, timeout=PATIENCE)
        except queue.Full:
            continue
        return True
    return False
