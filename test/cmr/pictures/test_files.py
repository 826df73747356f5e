"""Pictures of every kind become the RGB squares that a viewer would show."""

import concurrent.futures
import io
import pathlib
import struct

import numpy as np
import pytest
from PIL import Image, ImageFile, JpegImagePlugin

from cmr.errors import DataError
from cmr.pictures import files


def _quarters() -> np.ndarray:
    """A 64 x 64 picture: red, green / blue, white."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32], picture[:32, 32:], picture[32:, :32], picture[32:, 32:] = (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
    )
    return picture


def _corner_colours(square: np.ndarray) -> list[tuple[int, ...]]:
    side = len(square)
    places = ((side // 8, side // 8), (side // 8, -side // 8), (-side // 8, side // 8), (-side // 8, -side // 8))
    return [tuple(int(value) for value in square[place]) for place in places]


def _read(path: pathlib.Path, size: int = 32) -> np.ndarray:
    return files.read_crops(str(path), size, 1)[0]


@pytest.mark.parametrize("name", ["plain.png", "plain.bmp", "plain.webp", "plain.tiff", "plain.gif"])
def test_a_picture_of_the_right_size_is_not_changed(tmp_path, name):
    picture = Image.fromarray(_quarters())
    picture.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))

    assert np.array_equal(_read(tmp_path / name, 64), _quarters())


def test_the_whole_picture_is_kept_whatever_its_aspect(tmp_path):
    Image.fromarray(_quarters()).resize((200, 50), Image.Resampling.NEAREST).save(tmp_path / "wide.png")

    square = _read(tmp_path / "wide.png")

    assert _corner_colours(square) == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def test_a_rotated_photograph_stands_upright(tmp_path):
    rotated = Image.fromarray(np.rot90(_quarters(), 1).copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    rotated.save(tmp_path / "rotated.png", exif=exif)

    assert np.array_equal(_read(tmp_path / "rotated.png", 64), _quarters())


def test_a_photograph_whose_exif_is_damaged_stays_unturned(shared):
    path = shared / "cases" / "bad-exif.jpg"

    assert files.read_rgb(path, 64).size == Image.open(path).size


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "turned.webp"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0MM\0*\0\0\0\x08\0\xff",  # ends within its first entry
        b"Exif\0\0II*\0\xff\xff\xff\xff",  # begins beyond its end
        b"Exif\0\0no TIFF header",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04up\0\0\0\0\0\0",  # the turn is a word
    ],
)
def test_no_damage_of_exif_is_a_pictures_failure(tmp_path, name, exif):
    Image.fromarray(_quarters()).save(tmp_path / name, exif=exif, quality=95)

    colours = np.array(_corner_colours(_read(tmp_path / name, 64)))

    assert np.abs(colours - [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]).max() <= 40


@pytest.mark.parametrize("error", [struct.error("unpack"), ZeroDivisionError(), MemoryError(), RuntimeError("a\nb")])
def test_whatever_a_decoder_raises_is_the_pictures_failure(tmp_path, monkeypatch, error):
    Image.fromarray(_quarters()).save(tmp_path / "plain.jpg")

    def load(self):
        raise error

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", load)

    with pytest.raises(DataError, match=r"plain\.jpg can't be decoded \(.+\)$"):
        _read(tmp_path / "plain.jpg")


def test_grey_and_black_and_white_pictures_have_three_equal_channels(tmp_path):
    grey = Image.fromarray(_quarters()).convert("L")
    grey.save(tmp_path / "grey.png")
    grey.convert("1").save(tmp_path / "one_bit.png")

    for name in ("grey.png", "one_bit.png"):
        square = _read(tmp_path / name, 64)
        assert np.array_equal(square[..., 0], square[..., 1])
        assert np.array_equal(square[..., 0], square[..., 2])
        assert square.max() == 255


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")

    square = _read(tmp_path / "deep.png", 64)

    assert np.array_equal(square[..., 0], (ramp / 257).astype(np.uint8))


def test_a_palette_picture_has_its_colours(tmp_path):
    Image.fromarray(_quarters()).quantize(8, dither=Image.Dither.NONE).save(tmp_path / "palette.png")

    assert np.abs(_read(tmp_path / "palette.png", 64).astype(int) - _quarters()).max() <= 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_white(tmp_path, mode):
    layer = Image.fromarray(np.dstack([_quarters(), np.full((64, 64), 255, np.uint8)]), "RGBA")
    layer.paste((0, 0, 0, 0), (0, 0, 32, 32))
    layer.convert(mode).save(tmp_path / "clear.tiff" if mode == "PA" else tmp_path / "clear.png")
    path = next(tmp_path.iterdir())

    assert _corner_colours(_read(path, 64))[0] == (255, 255, 255)


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    picture = Image.fromarray(_quarters()).quantize(8, dither=Image.Dither.NONE)
    red = picture.getpixel((0, 0))
    picture.save(tmp_path / "clear.gif", transparency=red)

    assert _corner_colours(_read(tmp_path / "clear.gif", 64))[0] == (255, 255, 255)


def test_a_cmyk_photograph_has_its_colours(tmp_path):
    Image.fromarray(_quarters()).convert("CMYK").save(tmp_path / "print.jpg", quality=95)

    colours = np.array(_corner_colours(_read(tmp_path / "print.jpg", 64)))

    assert np.abs(colours - [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]).max() <= 12


def test_a_huge_photograph_is_read_at_a_fraction_of_its_size(tmp_path):
    Image.fromarray(_quarters()).resize((9000, 8000), Image.Resampling.NEAREST).save(tmp_path / "huge.jpg")

    colours = np.array(_corner_colours(_read(tmp_path / "huge.jpg")))

    assert np.abs(colours - [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]).max() <= 12


def test_ten_crops_are_corners_and_centre_and_their_mirror_images(tmp_path):
    side = round(32 * 256 / 224)
    picture = np.random.default_rng(0).integers(256, size=(side, side, 3)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "noise.png")

    crops = files.read_crops(str(tmp_path / "noise.png"), 32, 10)

    assert crops.shape == (10, 32, 32, 3)
    assert np.array_equal(crops[0], picture[:32, :32])
    assert np.array_equal(crops[3], picture[side - 32 :, side - 32 :])
    assert np.array_equal(crops[5:], crops[:5, :, ::-1])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"this is no picture", "is not a picture"),
        # Pillow would start Ghostscript.
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "is not a picture of a format"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "can't be decoded"),
    ],
)
def test_a_file_that_is_no_picture_is_named(tmp_path, content, said):
    (tmp_path / "bad.jpg").write_bytes(content)

    with pytest.raises(DataError, match=f"bad.jpg.*{said}"):
        _read(tmp_path / "bad.jpg")


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.gif", "cut.tiff"])
def test_a_picture_that_was_cut_off_is_named(tmp_path, name):
    noise = np.random.default_rng(0).integers(256, size=(200, 200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(DataError, match=name):
        _read(tmp_path / name)


@pytest.mark.parametrize("source", ["path", "bytes"])
def test_what_reads_a_phones_picture_is_said(tmp_path, monkeypatch, source):
    monkeypatch.setattr(files, "_formats", lambda: ("JPEG", "PNG"))
    (tmp_path / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
    given = tmp_path / "a.heic"

    with pytest.raises(DataError, match=r"read \(JPEG or PNG\); it is HEIC, which needs .* 'cmr\[heic\]'$"):
        files.read_rgb(str(given) if source == "path" else given.read_bytes(), 32)


def test_what_was_refused_by_a_reader_of_other_formats_may_be_read_now(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"no picture")

    def reason():
        with pytest.raises(DataError) as refused:
            _read(tmp_path / "a.jpg")
        return str(refused.value)

    now = reason()
    monkeypatch.setattr(files, "_formats", lambda: ("JPEG", "PNG"))
    of_fewer = reason()
    monkeypatch.undo()

    assert not files.may_be_read_now(now, 100)
    assert files.may_be_read_now(of_fewer, 100)


def test_a_picture_of_the_callers_stays_as_it_is_and_may_be_read_by_threads(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(2100, 4200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.jpg")
    with Image.open(tmp_path / "large.jpg") as given, concurrent.futures.ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda _: files.read_crops(given, 32, 1), range(4)))

        assert given.size == (4200, 2100)
    assert all(np.array_equal(each, read[0]) for each in read)


def test_a_picture_without_pixels_is_none():
    with pytest.raises(DataError, match="has 0 x 3 pixels"):
        files.read_rgb(Image.new("RGB", (0, 3)), 32)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jpg does not exist"):
        _read(tmp_path / "none.jpg")


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PCX", "ICNS"])
def test_formats_that_are_not_listed_are_refused_by_name(tmp_path, kind):
    Image.fromarray(_quarters()).save(tmp_path / "other.jpg", kind)

    with pytest.raises(DataError, match=r"other\.jpg is not a picture of a format that is read \(JPEG, PNG,"):
        _read(tmp_path / "other.jpg")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_is_read(tmp_path, kind):
    if f".{kind.lower()}" not in Image.registered_extensions():
        pytest.skip(f"this Pillow has no {kind}")
    first, second = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    first.save(tmp_path / "moving", kind, save_all=True, append_images=[second])

    assert np.abs(_read(tmp_path / "moving")[16, 16].astype(int) - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize("kind", ["bytes", "file", "stream"])
def test_a_picture_may_be_bytes_or_a_file_object(tmp_path, kind):
    Image.fromarray(_quarters()).save(tmp_path / "plain.png")
    content = (tmp_path / "plain.png").read_bytes()
    with open(tmp_path / "plain.png", "rb") as file:
        source = {"bytes": content, "file": file, "stream": io.BytesIO(content)}[kind]

        assert np.array_equal(files.read_crops(source, 64, 1)[0], _quarters())


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        (b"", "", "the picture is empty"),
        (b"no picture", "", "the picture is not a picture of a format"),
        (b"no picture", "upload.jpg", r"upload\.jpg is not a picture of a format"),
        (io.BytesIO(b"no picture"), "", "the picture is not a picture of a format"),
    ],
)
def test_bytes_that_are_no_picture_are_named_as_the_caller_names_them(source, name, said):
    with pytest.raises(DataError, match=said):
        files.read_rgb(source, 32, name=name)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new("L", (30_000, 10_000)).save(tmp_path / "huge.png")

    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)

    with pytest.raises(DataError, match=r"huge\.png has 30,000 x 10,000 pixels, more than --max_pixels=200000000; "):
        _read(tmp_path / "huge.png")


def test_the_bound_on_pixels_is_the_callers(tmp_path):
    Image.fromarray(_quarters()).save(tmp_path / "plain.png")

    assert files.read_crops(tmp_path / "plain.png", 32, 1, max_pixels=64 * 64).shape == (1, 32, 32, 3)
    with pytest.raises(DataError, match="more than --max_pixels=4095"):
        files.read_crops(tmp_path / "plain.png", 32, 1, max_pixels=64 * 64 - 1)


@pytest.mark.parametrize("mode", ["RGB", "P", "LA", "1"])
def test_a_huge_picture_of_any_mode_is_reduced_with_its_colours(tmp_path, mode):
    picture = Image.fromarray(_quarters()).convert(mode, dither=Image.Dither.NONE)
    picture.resize((4200, 4100), Image.Resampling.NEAREST).save(tmp_path / "huge.png")

    corners = np.array(_corner_colours(_read(tmp_path / "huge.png")))

    assert np.abs(corners - _corner_colours(np.asarray(picture.convert("RGB")))).max() <= 1


def test_a_huge_photograph_that_was_turned_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(np.rot90(_quarters(), 1).copy()).resize((4200, 4200), Image.Resampling.NEAREST)
    turned.save(tmp_path / "turned.png", exif=exif)

    assert _corner_colours(_read(tmp_path / "turned.png")) == _corner_colours(_quarters())


@pytest.mark.parametrize(("turn", "size"), [(1, (40, 20)), (3, (40, 20)), (6, (20, 40)), (8, (20, 40))])
def test_a_header_gives_the_size_that_a_viewer_shows(tmp_path, turn, size):
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)

    header = files.read_header(tmp_path / "a.jpg")

    assert (header.format, header.width, header.height) == ("JPEG", *size)
    assert files.read_rgb(tmp_path / "a.jpg", 8).size == size


def test_a_header_of_what_is_no_picture_is_refused_by_name(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")

    with pytest.raises(DataError, match=r"a\.jpg is not a picture of a format that is read"):
        files.read_header(tmp_path / "a.jpg")
