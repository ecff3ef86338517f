"""Changes of one second find their order from what each says was there before it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.order import in_order, step


def steps_through(states: list[dict[str, Any]]) -> list[Any]:
    """The changes that lead through `states`, each told with the previous values of what changed."""
    found = []
    for number, (before, after) in enumerate(zip(states, states[1:], strict=False)):
        keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        found.append(step(str(number), after, {key: before.get(key) for key in keys}))
    return found


STATES = st.lists(st.fixed_dictionaries({"quantity": st.integers(1, 3)}, optional={"note": st.just("x")}), min_size=2)


@given(states=STATES, data=st.data())
def test_any_order_of_arrival_leads_through_the_same_states(states: list[dict[str, Any]], data: Any) -> None:
    steps = steps_through(states[:9])
    arrived = data.draw(st.permutations(steps))
    ordered = in_order(arrived, steps[0].before)
    assert [one.after for one in ordered][-1] == steps[-1].after
    assert all(one.after == after.before for one, after in zip(ordered, ordered[1:], strict=False))


def test_the_state_before_decides_between_there_and_back() -> None:
    there, back = steps_through([{"quantity": 1}, {"quantity": 2}, {"quantity": 1}])
    assert in_order([back, there], {"quantity": 1}) == [there, back]
    assert in_order([there, back], {"quantity": 2}) == [back, there]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_what_is_linked_stands_together_while_one_is_missing(missing: int) -> None:
    steps = steps_through([{"quantity": number} for number in range(5)])
    arrived = [one for one in reversed(steps) if one.name != str(missing)]
    ordered = [int(one.name) for one in in_order(arrived)]
    for one in range(3):
        if missing not in (one, one + 1):
            assert ordered.index(one + 1) == ordered.index(one) + 1


def test_many_in_one_second_take_no_time() -> None:
    steps = steps_through([{"quantity": number % 3, "step": number % 7} for number in range(200)])
    assert len(in_order(steps[::-1])) == 199


def test_keys_within_keys_that_were_not_there_before() -> None:
    first = step("first", {"id": "s", "metadata": {"a": "1"}}, {"metadata": {"a": None}})
    second = step("second", {"id": "s", "metadata": {"a": "1", "b": "2"}}, {"metadata": {"b": None}})
    assert [one.name for one in in_order([second, first])] == ["first", "second"]
