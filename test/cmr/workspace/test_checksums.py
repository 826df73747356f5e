"""SHA-256 of files."""

from cmr.workspace import checksums


def test_the_checksum_is_that_of_all_bytes_in_the_order_given(tmp_path):
    (tmp_path / "a").write_bytes(b"ab")
    (tmp_path / "b").write_bytes(b"c")

    # SHA-256 of "abc", from FIPS 180-2.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksums.files_sha256([tmp_path / "a", tmp_path / "b"]) == expected
    assert checksums.files_sha256([tmp_path / "b", tmp_path / "a"]) != expected
