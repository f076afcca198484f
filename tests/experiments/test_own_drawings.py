"""The drawings of the page, outside the page."""

from experiments import own_drawings
from sketch2photo import images


def test_every_drawing_of_the_page_is_ink_on_paper():
    found = own_drawings.drawings(("car", "pear", "unheard of"))
    names = [name for name, _ in found]
    assert set(names) == {"car", "pear"} and len(names) >= 3
    for _, sheet in found:
        assert sheet.shape == (own_drawings.SHEET, own_drawings.SHEET)
        box = images.ink_box(sheet)
        assert box is not None
        left, top, right, bottom = box
        assert max(right - left, bottom - top) > own_drawings.SHEET / 2 and left > 0 and top > 0
        assert 0.01 < (sheet < 128).mean() < 0.2
