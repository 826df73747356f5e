"""Shards: which one holds a name, what the user may write, and what is said of those that are not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr.errors import ConfigError, WorkspaceError
from cmr.workspace import shards
from cmr.workspace.shards import Shard


@given(name=st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary()), count=st.integers(1, 50))
def test_every_name_is_of_exactly_one_shard(name, count):
    holding = [shard for shard in shards.all_of(count) if shard.holds(name)]

    assert holding == [Shard(shards.index_of(name, count), count)]


def test_a_names_shard_is_the_same_on_every_machine_and_in_every_version():
    # Were these to change, shards of an older version would be taken for those of other images.
    assert [shards.index_of(f"{number}.jpg", 16) for number in range(8)] == [5, 10, 5, 13, 4, 16, 5, 3]
    assert shards.index_of("caf\u00e9.jpg", 16) == shards.index_of("caf\u00e9.jpg".encode(), 16)


def test_shards_are_of_about_the_same_size():
    sizes = [0] * 16
    for number in range(16_000):
        sizes[shards.index_of(f"folder/{number:08d}.jpg", 16) - 1] += 1

    # Of a binomial of 1,000 expected, five standard deviations.
    assert all(abs(size - 1_000) < 155 for size in sizes)


@given(count=st.integers(1, shards.MOST), data=st.data())
def test_what_is_written_is_read(count, data):
    shard = Shard(data.draw(st.integers(1, count)), count)

    assert Shard.parse(str(shard)) == shard


@pytest.mark.parametrize(
    "text", ["0/16", "17/16", "a/b", "", "3", "3/", "-1/4", "1/0", "0/0", "1.5/4", "1/99999", "٣/٩"]
)
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ConfigError, match="is no shard; they are 1/16 to 16/16 of 16"):
        Shard.parse(text)


def test_shards_that_were_begun_are_those_with_a_folder(tmp_path):
    for shard in (Shard(3, 16), Shard(12, 16), Shard(1, 2)):
        shard.folder(tmp_path).mkdir(parents=True)
    (tmp_path / shards.SHARDS / "x-of-y").mkdir()

    assert shards.begun(tmp_path) == [Shard(1, 2), Shard(3, 16), Shard(12, 16)]


def test_the_count_is_that_of_the_folders_and_two_counts_are_refused_unless_one_is_told(tmp_path):
    with pytest.raises(WorkspaceError, match="holds no shards; make them with --shard=1/16 and so on"):
        shards.count_of(tmp_path)
    Shard(3, 16).folder(tmp_path).mkdir(parents=True)
    assert shards.count_of(tmp_path) == 16
    Shard(3, 8).folder(tmp_path).mkdir(parents=True)

    with pytest.raises(WorkspaceError, match=r"holds shards of 8 and 16; .* such as --shards=16"):
        shards.count_of(tmp_path)
    assert shards.count_of(tmp_path, 8) == 8
    with pytest.raises(WorkspaceError, match=r"holds no shards of 4 \(there are those of 8 and 16\)"):
        shards.count_of(tmp_path, 4)


def test_all_that_are_not_ready_are_named_with_the_line_that_makes_them(tmp_path):
    unready = {Shard(7, 16): "missing", Shard(3, 16): "missing", Shard(5, 16): "unfinished"}

    with pytest.raises(WorkspaceError) as refused:
        shards.require_ready(tmp_path, unready, ["data_prep.extract", "--dataset=my photos"])

    assert str(refused.value) == (
        f"of the 16 shards of {tmp_path} 3 and 7 are missing, 5 is unfinished; run: for k in 3 5 7; do "
        "python -m data_prep.extract --dataset='my photos' --shard=$k/16; done"
    )


def test_one_that_is_not_ready_is_one_command(tmp_path):
    with pytest.raises(WorkspaceError, match=r"2 is missing; run: python -m cmr\.index photos --shard=2/3$"):
        shards.require_ready(tmp_path, {Shard(2, 3): "missing"}, ["cmr.index", "photos"])
