"""Rows in two places answer as the same rows in one array do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexes.vectors.extended_rows import ExtendedRows


@given(
    stored=st.integers(0, 12),
    tail=st.integers(1, 12),
    slices=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    picks=st.lists(st.integers(0, 1000)),
)
def test_it_is_the_two_arrays_one_after_the_other(
    stored: int, tail: int, slices: tuple[int, int], picks: list[int]
) -> None:
    whole = np.arange(3 * (stored + tail), dtype=np.float16).reshape(-1, 3)
    extended = ExtendedRows(whole[:stored], whole[stored:])
    assert (len(extended), extended.shape, extended.nbytes) == (len(whole), whole.shape, whole.nbytes)
    first, last = sorted(slices)
    np.testing.assert_array_equal(extended[first:last], whole[first:last])
    rows = np.array(picks, np.int64) % len(whole)
    np.testing.assert_array_equal(extended[rows], whole[rows])
    np.testing.assert_array_equal(extended[rows[None]], whole[rows[None]])
    np.testing.assert_array_equal(np.asarray(extended), whole)
