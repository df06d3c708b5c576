import threading

from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.media.bounded_queue import BoundedQueue


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 6))
def test_a_full_queue_drops_its_oldest_items_and_never_one_without_size(sizes: list[int], limit: int) -> None:
    queue: BoundedQueue[tuple[int, int]] = BoundedQueue(limit, drop_oldest=True)
    for number, size in enumerate(sizes):
        assert queue.put((number, size), size=size)
        assert not size or queue.size < limit + size
    taken = []
    while (item := queue.get(timeout=0)) is not None:
        taken.append(item)
    assert taken == sorted(taken)
    assert len(taken) + queue.dropped == len(sizes)
    assert [item for item in taken if not item[1]] == [pair for pair in enumerate(sizes) if not pair[1]]
    assert queue.size == 0


def test_whoever_waits_to_put_goes_on_when_there_is_room_and_when_it_is_closed() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1)
    results: list[bool] = []
    assert queue.put(1)
    thread = threading.Thread(target=lambda: results.extend(queue.put(number) for number in (2, 3)))
    thread.start()
    assert queue.get() == 1
    assert queue.get() == 2
    queue.put(4, size=0)  # always finds room, even if 3 is there
    queue.close()
    thread.join()
    assert results[0] is True
    assert not queue.put(5)
