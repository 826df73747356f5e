"""Flickr8K's official layout in miniature, with the real one's flaws."""

import pathlib

TRAIN, VAL, TEST = ("2_d.jpg", "1_a.jpg"), ("4_b.jpg",), ("3_c.jpg",)
MISSING = "5_e.jpg"  # in the train split, but without a picture
GHOST = "6_f.jpg.1"  # only in the token file
SPARE = "7_g.jpg"  # a picture in no split

SENTENCES = {
    "1_a.jpg": ("A dog runs .", "The brown dog is running over grass ."),
    "2_d.jpg": ("Two children play with a dog .", "Children are playing ."),
    "3_c.jpg": ("A zebra .", "An animal with stripes stands there ."),
    "4_b.jpg": ("A surfer rides a wave .", "The man is surfing ."),
    MISSING: ("A dog swims .", "The dog is in the water ."),
    GHOST: ("Nobody knows this picture .", "It does not exist ."),
    SPARE: ("A lorry .", "A red lorry stands in the rain ."),
}

SPLIT_LISTS = {
    "Flickr_8k.trainImages.txt": (TRAIN[0], MISSING, TRAIN[1]),
    "Flickr_8k.devImages.txt": VAL,
    "Flickr_8k.testImages.txt": TEST,
}
TOKENS = "Flickr8k.token.txt"


def make_flickr8k(
    root: pathlib.Path,
    image_dir: str = "Flicker8k_Dataset",
    text_dir: str = "Flickr8k_text",
    line_end: str = "\n",
) -> pathlib.Path:
    """Lays out a data set of five images and returns its folder."""
    pictures = root / image_dir
    pictures.mkdir(parents=True)
    for name in (*TRAIN, *VAL, *TEST, SPARE):
        (pictures / name).touch()
    texts = root / text_dir
    texts.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}#{n}\t{text}" for name, said in SENTENCES.items() for n, text in enumerate(said)]
    write_lines(texts / TOKENS, lines, line_end)
    for name, images in SPLIT_LISTS.items():
        write_lines(texts / name, images, line_end)
    return root


def write_lines(path: pathlib.Path, lines, line_end: str = "\n") -> None:
    path.write_bytes("".join(line + line_end for line in lines).encode())
