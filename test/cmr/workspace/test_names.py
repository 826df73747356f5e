"""Names in messages: never more than a line holds, never what a terminal can't show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.workspace import names


@given(st.lists(st.text(), max_size=30))
def test_however_many_names_there_are_the_message_stays_one_short_printable_line(listed):
    text = names.first_few(listed)

    assert text.isprintable()
    assert len(text) < 2_500


@pytest.mark.parametrize(
    ("count", "listed"), [(0, ""), (1, "0"), (10, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"), (11, "0, 1, 2, ...")]
)
def test_up_to_ten_names_are_listed_and_of_more_the_first_three(count, listed):
    assert names.first_few([str(number) for number in range(count)]) == listed


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a b.jpg", "a b.jpg"), ("é.jpg", "é.jpg"), ("a\tb", r"a\tb"), ("a\u2028b", r"a\u2028b"), ("\udcff", r"\udcff")],
)
def test_what_cannot_be_seen_is_escaped(name, shown):
    assert names.visible(name) == shown
