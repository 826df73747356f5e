"""Text files of raw data sets: read as they are, refused by the line."""

import pathlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmr.errors import DataError
from data_prep.datasets import text_files
from data_prep.datasets.raw_dataset import Sentence

any_files = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refusal(read, *arguments) -> str:
    with pytest.raises(DataError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Text files

# Only \n, \r\n and \r end a line; U+FEFF at a file's start is its byte order mark.
lines_of_text = st.lists(
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n\r\ufeff"), max_size=12), min_size=1
).filter(lambda lines: lines[-1].strip())


@any_files
@given(lines=lines_of_text, line_end=st.sampled_from(["\n", "\r\n"]), mark=st.booleans(), empty_lines=st.integers(0, 3))
def test_lines_are_read_as_they_stand(tmp_path, lines, line_end, mark, empty_lines):
    path = tmp_path / "lines.txt"
    path.write_bytes(("\ufeff" * mark + line_end.join(lines) + line_end * empty_lines).encode())

    assert text_files.read_lines(path) == lines


@pytest.mark.parametrize("line", ["one\u2028line", "one\x0bline", "one\x0cline", "one\x85line"])
def test_what_unicode_calls_a_lines_end_is_part_of_a_sentence(tmp_path, line):
    (tmp_path / "lines.txt").write_bytes(f"{line}\nanother\n".encode())

    assert text_files.read_lines(tmp_path / "lines.txt") == [line, "another"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "lines.txt is missing; unpack"),
        (b"", "lines.txt is empty; fetch it again"),
        (b"\n \n\n", "lines.txt is empty; fetch it again"),
        ("café".encode("latin-1"), "lines.txt is not UTF-8 (byte 3); convert it"),
        ("a.jpg".encode("utf-16"), "lines.txt is not UTF-8 but UTF-16"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, said):
    path = tmp_path / "lines.txt"
    if content is not None:
        path.write_bytes(content)

    assert said in refusal(text_files.read_lines, path)


def test_a_folder_in_a_files_place_is_refused(tmp_path):
    assert "is a folder, where a file belongs" in refusal(text_files.read_lines, tmp_path)


# Token files


@any_files
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["1_a.jpg", "b.jpg.1", "two words.jpg", "a#b.jpg", "4"]),
            st.integers(0, 99),
            st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n\r"), max_size=12),
        ),
        min_size=1,
        unique_by=lambda row: row[:2],
    )
)
def test_a_token_line_is_an_image_a_number_and_the_sentence_as_published(tmp_path, rows):
    path = tmp_path / "token.txt"
    path.write_bytes("".join(f"{image}#{number}\t{text}\n" for image, number, text in rows).encode())

    expected = [Sentence(f"{image}#{number}", image, text) for image, number, text in rows]
    assert text_files.read_token_file(path) == expected


@pytest.mark.parametrize(
    "line",
    ["", "a.jpg#1 A dog.", "a.jpg\tA dog.", "#1\tA dog.", "a.jpg#\tA dog.", "a.jpg#x\tA dog.", "a.jpg#-1\tA dog."],
)
def test_a_line_of_another_form_is_named_by_its_number(tmp_path, line):
    path = tmp_path / "token.txt"
    path.write_text(f"a.jpg#0\tA dog.\n{line}\nb.jpg#0\tA cat.\n")

    assert f"{path}, line 2 is not 'image#number <tab> sentence'" in refusal(text_files.read_token_file, path)


def test_a_sentences_id_stands_once(tmp_path):
    path = tmp_path / "token.txt"
    path.write_text("a.jpg#0\tA dog.\nb.jpg#0\tA cat.\na.jpg#0\tIt runs.\n")

    assert "line 3 has the id a.jpg#0 again; remove one" in refusal(text_files.read_token_file, path)


# Split lists


def split_files(folder: pathlib.Path, **contents: str) -> dict[str, pathlib.Path]:
    paths = {split: folder / f"{split}.txt" for split in contents}
    for split, content in contents.items():
        paths[split].write_text(content)
    return paths


def test_a_split_list_keeps_its_order_and_skips_spaces_and_empty_lines(tmp_path):
    paths = split_files(tmp_path, train="b.jpg \n\n a.jpg\nc.jpg", val="d.jpg\n\n")

    assert text_files.read_split_lists(paths) == {"train": ["b.jpg", "a.jpg", "c.jpg"], "val": ["d.jpg"]}


def test_an_image_in_two_splits_is_refused_with_both_lists(tmp_path):
    paths = split_files(tmp_path, train="a.jpg\nb.jpg\n", test="c.jpg\na.jpg\n")

    said = refusal(text_files.read_split_lists, paths)

    assert said == f"image a.jpg is in {paths['test']} and in {paths['train']}; keep it in one split, once"


def test_an_image_twice_in_one_split_is_refused(tmp_path):
    paths = split_files(tmp_path, train="a.jpg\nb.jpg\na.jpg\n")

    assert f"image a.jpg is in {paths['train']} twice" in refusal(text_files.read_split_lists, paths)
