"""A card's text and its parts."""

from cmr.serving.web import card_blocks

CARD = """# run: vse on Flickr8K

Finds pictures.

## Test split

| | R@1 | R@5 |
| --- | --- | --- |
| sentences | 1.0 | 2.0 |

Kept as float16.

## Bad at

- numbers - and signs
- writing
"""


def test_the_parts_of_a_card_come_in_their_order():
    assert card_blocks.blocks(CARD) == [
        ("h1", "run: vse on Flickr8K"),
        ("p", "Finds pictures."),
        ("h2", "Test split"),
        ("table", [["", "R@1", "R@5"], ["sentences", "1.0", "2.0"]]),
        ("p", "Kept as float16."),
        ("h2", "Bad at"),
        ("list", ["numbers - and signs", "writing"]),
    ]
