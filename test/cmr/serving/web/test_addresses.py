"""A query and its address are the same thing written twice."""

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from cmr.errors import ConfigError
from cmr.serving.web import addresses
from cmr.serving.web.addresses import WebQuery

ROWS = st.lists(st.integers(0, 10**9), unique=True, max_size=5).map(tuple)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100).map(lambda text: " ".join(text.split()))


def read(address: str) -> WebQuery:
    return WebQuery.read(QueryParams(urllib.parse.urlsplit(address).query))


@given(TEXT, ROWS, ROWS, st.lists(st.text("0123456789abcdef", min_size=1), unique=True, max_size=5).map(tuple))
def test_an_address_is_read_as_the_query_that_it_was_written_of(text, like, unlike, uploads):
    query = WebQuery(text, like, unlike, uploads)

    assert read(query.address()) == query


@given(ROWS, ROWS, st.integers(0, 10**9))
def test_a_picture_is_added_or_subtracted_and_never_both(like, unlike, row):
    query = WebQuery("a dog", like, unlike)

    assert query.adding(row).like[-1] == row
    assert row not in query.adding(row).unlike
    assert query.subtracting(row).unlike[-1] == row
    assert row not in query.subtracting(row).like
    assert query.adding(row).without(row) == query.without(row)


def test_row_0_is_a_picture_and_an_empty_query_none():
    assert read("/?like=0") == WebQuery(like=(0,))
    assert WebQuery(like=(0,)).address() == "/?like=0"
    assert read("/?q=++&upload=").is_empty


BAD = {
    "?like=dog": "dog is no picture's number",
    "?like=-1": "-1 is no picture's number",
    "?unlike=1e3": "1e3 is no picture's number",
    "?like=" + "9" * 5000: "is no picture's number",
    "?like=%D9%A3": "is no picture's number",
    "?q=" + "dog+" * 300: "letters; say it in 1,000 at most",
    "?" + "&".join(f"like={row}" for row in range(21)): "more than 20 pictures",
}


@pytest.mark.parametrize("address", BAD, ids=lambda address: address[:20])
def test_what_is_no_query_is_said_in_a_sentence(address):
    with pytest.raises(ConfigError, match=BAD[address]):
        read(address)


@pytest.mark.parametrize("given", ["0", "11", "-3", "two", "", "1.5", "9" * 5000, "0x3"])
def test_a_number_is_within_its_range_or_refused(given):
    with pytest.raises(ConfigError, match="is not a whole number from 1 to 10"):
        addresses.number(QueryParams([("top", given)]), "top", 5, 1, 10)


def test_the_next_page_follows_a_whole_one_down_to_the_bound():
    assert addresses.next_offset(36, top=36, count=36) == 72
    assert addresses.next_offset(36, top=36, count=35) is None
    assert addresses.next_offset(4999, top=1, count=1) == 5000
    assert addresses.next_offset(5000, top=1, count=1) is None


def test_a_number_that_is_left_out_is_the_default():
    assert addresses.number(QueryParams(), "top", 5, 1, 10) == 5
    assert addresses.number(QueryParams("top=7"), "top", 5, 1, 10) == 7
