import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.streams.retry import Retry


def test_waits_grow_until_there_is_a_picture() -> None:
    wall = iter([0.0, 1.0, 2.0, 3.0, 10.0, 20.0])
    retry = Retry("camera", first_delay=1.0, max_delay=3.0, give_up=60.0, now=lambda: next(wall))
    assert not retry.lost and retry.succeeded() is None
    assert [retry.failed("gone") for _ in range(4)] == [1.0, 2.0, 3.0, 3.0]
    assert retry.lost and retry.succeeded() == 10.0
    assert not retry.lost and retry.failed("gone") == 1.0


def test_a_source_that_stays_away_is_given_up() -> None:
    wall = iter([0.0, 5.0, 11.0])
    retry = Retry("camera", first_delay=1.0, max_delay=3.0, give_up=10.0, now=lambda: next(wall))
    retry.failed("gone")
    retry.failed("gone")
    with pytest.raises(UnreadableMediaError, match="camera: was given up after 11 s: no route"):
        retry.failed("no route")
