from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioner.tagging.batches import collate, plan_batches
from bioner.tagging.encode import Window


def window(length: int, document: int = 0) -> Window:
    return Window(
        document,
        str(document),
        np.arange(length, dtype=np.int64) + 5,
        (0, length - 2),
        np.arange(1, length - 1),
        np.ones(length - 2, dtype=np.int64),
        np.zeros(length - 2, dtype=np.int64),
        np.zeros(length - 2, dtype=np.int64),
    )


@given(st.lists(st.integers(3, 40), min_size=1, max_size=50), st.integers(1, 120), st.integers(0, 5), st.integers(0, 3))
def test_batches_hold_every_window_once_within_the_budget(lengths: list[int], budget: int, seed: int, epoch: int) -> None:
    windows = [window(length, number) for number, length in enumerate(lengths)]
    batches = plan_batches(windows, budget, seed=seed, epoch=epoch)
    assert sorted(item.document for batch in batches for item in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(item.pieces) for item in batch) <= budget


def test_order_is_a_function_of_seed_and_epoch() -> None:
    windows = [window(length, number) for number, length in enumerate(range(5, 60))]

    def order(seed: int, epoch: int) -> list[int]:
        return [item.document for batch in plan_batches(windows, 100, seed=seed, epoch=epoch) for item in batch]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1) != order(2, 1)


def test_special_tokens_and_padding_are_not_free() -> None:
    batch = collate([window(6), window(4)], padding=0, special=(1, 1))
    assert batch.mask.tolist() == [[True] * 6, [True] * 4 + [False] * 2]
    assert batch.free.tolist() == [[False, True, True, True, True, False], [False, True, True, False, False, False]]
    assert batch.heads.tolist() == [1, 2, 3, 4, 7, 8]
    assert batch.lengths.tolist() == [4, 2]
