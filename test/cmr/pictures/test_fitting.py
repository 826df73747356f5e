"""Pictures that fit into a box, of whatever proportions."""

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cmr.pictures.fitting import fitted

SIDES = st.integers(1, 5000)
BOX_SIDES = st.integers(1, 400)


@given(width=SIDES, height=st.integers(1, 40), turned=st.booleans(), box=st.tuples(BOX_SIDES, BOX_SIDES))
def test_a_picture_of_any_proportions_fits_and_touches_the_box(width, height, turned, box):
    size = (height, width) if turned else (width, height)

    made = fitted(Image.new("L", size), box).size

    assert all(1 <= side <= most for side, most in zip(made, box, strict=True))
    assert any(side == most for side, most in zip(made, box, strict=True))
    # Within half a pixel of its own proportions.
    scale = min(most / side for side, most in zip(size, box, strict=True))
    assert all(abs(side - max(1, whole * scale)) <= 0.5 for side, whole in zip(made, size, strict=True))
