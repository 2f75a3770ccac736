"""Pictures of tracks: which rows, which shades, and that nothing written in one lies over anything else."""

import itertools
import pathlib

import numpy as np
import pytest
from PIL import Image

from kerastag.library import segments, taggrams
from kerastag.metrics.drawing import canvas, letters

CHUNK = 4.0


def gram(scores, level=0.5, name="song.mp3", seconds=None, tags=None):
    scores = np.asarray(scores, float)
    starts = np.arange(len(scores)) * CHUNK / 2
    levels = np.full(scores.shape[1], level)
    names = tags or [f"tag {number}" for number in range(scores.shape[1])]
    end = starts[-1] + CHUNK if seconds is None else seconds
    return segments.Taggram(pathlib.Path(name), end, CHUNK, starts, scores, levels, scores >= levels, names)


def wave(rng):
    return np.sort(rng.uniform(-0.5, 0.5, (1200, 2)), axis=1)


def test_rows_are_what_is_heard_by_its_beginning_and_then_the_highest_others():
    scores = np.full((10, 12), 0.1)
    scores[5:, 3] = scores[:, 7] = scores[:4, 1] = 0.9
    scores[2, 11], scores[:, 5] = 0.8, 0.3  # one chunk alone is no segment
    taggram = gram(scores)
    rows = taggrams.rows_of(taggram, taggram.segments())
    assert rows[:5] == [7, 1, 3, 11, 5] and len(rows) == taggrams.FEWEST_ROWS == len(set(rows))


def test_of_many_tags_those_heard_longest_are_shown():
    scores = np.array([[0.9 if chunk < 2 + tag else 0.1 for tag in range(30)] for chunk in range(40)])
    taggram = gram(scores)
    rows = taggrams.rows_of(taggram, taggram.segments())
    assert sorted(rows) == list(range(30 - taggrams.MOST_ROWS, 30)) and rows[0] == 29


def test_a_model_of_few_tags_has_few_rows():
    taggram = gram(np.full((3, 2), 0.1))
    assert sorted(taggrams.rows_of(taggram, [])) == [0, 1]


def test_shades_pass_the_middle_where_a_tag_is_given(rng):
    scores = rng.uniform(size=(200, 4))
    levels = np.array([0.2, 0.5, 0.9, np.inf])
    given = scores >= levels
    shades = taggrams.shades(scores, levels, given)
    np.testing.assert_array_equal(shades >= 0.5, given)
    assert shades.min() >= 0 and shades.max() <= 1
    for column in range(4):
        order = np.argsort(scores[:, column])
        assert (np.diff(shades[order, column]) >= 0).all()
    exact = taggrams.shades(
        np.array([[0.0, 0.2, 0.4, 0.6, 0.8]]).T, np.array([0.4]), np.array([[0, 0, 1, 1, 1]], bool).T
    )
    np.testing.assert_allclose(exact[:, 0], [0, 0.25, 0.5, 0.75, 1])


def test_clock():
    told = [taggrams.clock(seconds) for seconds in (0, 5, 65, 599.6, 3599, 3600, 3725, 36_000)]
    assert told == ["0:00", "0:05", "1:05", "9:59", "59:59", "1:00:00", "1:02:05", "10:00:00"]
    assert taggrams.clock(0.5, 0.5) == "0:00.5"


def test_what_is_too_long_loses_its_middle():
    assert taggrams.fitted("short", 5) == "short"
    assert taggrams.fitted("abcdefghijklmnop", 10) == "abcdef\u2026nop"
    wide = taggrams.fitted("\u6b4c" * 30, 11)
    assert len(wide) == 6 and "\u2026" in wide  # five letters of two columns each


def test_letters_without_a_font_have_a_box_and_marks_without_one_are_left_out():
    assert letters.drawable("Björk \u0416 $x$") == "Björk \u0416 $x$"
    assert letters.drawable("a\ue000b\U000e0100c") == f"a{letters.FALLBACK}bc"  # of private use; a selector of variants
    assert letters.drawable("e\u0301") == "\xe9"


PICTURES = {
    "jingle": (2, 5.0, "jingle $5 and $6_{x} \u591c.ogg", 3),
    "song": (60, 123.4, "a.mp3", 50),
    "hour": (1799, 3601.0, "W" * 200 + ".mp3", 50),
    "blink": (1, 0.3, "x\\x0a.wav", 8),
    "day": (900, 90_000.0, "\u6b4c" * 60, 50),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_nothing_written_lies_over_anything_else(kind, rng, tmp_path, monkeypatch, recwarn):
    num_chunks, seconds, name, num_tags = PICTURES[kind]
    drawn = []
    png = canvas.png
    monkeypatch.setattr(canvas, "png", lambda *given, **others: drawn.append(given[0]) or png(*given, **others))
    scores = rng.uniform(size=(num_chunks, num_tags)) ** 2
    tags = [f"a tag of a long name, the {number}th $x$" for number in range(num_tags)]
    found = taggrams.draw(tmp_path / "a.png", gram(scores, 0.3, name, seconds, tags), wave(rng), "a model's name")
    assert kind == "jingle" or found
    (figure,) = drawn
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(lambda one: hasattr(one, "get_text")) if text.get_text().strip()]
    boxes = {text.get_text(): text.get_window_extent(renderer) for text in texts if text.get_visible()}
    assert len(boxes) > 10
    for one, other in itertools.combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)
    frame = figure.bbox
    for text, box in boxes.items():
        assert box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1 + 1, text
    upper, lower, key = figure.axes
    bar = key.child_axes[0].get_window_extent(renderer)
    assert [text for text, box in boxes.items() if box.overlaps(bar)] == []
    assert upper.get_xlim() == lower.get_xlim() == pytest.approx((0, seconds))
    assert upper.get_position().x0 == pytest.approx(lower.get_position().x0)
    assert upper.get_position().x1 == pytest.approx(lower.get_position().x1)
    assert not [str(one.message) for one in recwarn if "lyph" in str(one.message)]


def test_a_step_is_blue_from_where_it_begins_and_the_file_says_whose_it_is(rng, tmp_path, monkeypatch):
    drawn = []
    png = canvas.png
    monkeypatch.setattr(canvas, "png", lambda *given, **others: drawn.append(given[0]) or png(*given, **others))
    scores = np.full((21, 3), 0.1)
    scores[10:, 0] = 0.9  # from the 22nd second of 44: the cell of the chunk that begins at 20 s begins at 21 s
    taggrams.draw(tmp_path / "a.png", gram(scores), wave(rng))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.info["Software"] == taggrams.SOFTWARE
        dots = np.asarray(picture.convert("RGB")).astype(int)
    assert taggrams.MARK in (tmp_path / "a.png").read_bytes()[:512]
    blue = (dots[:, :, 2] > dots[:, :, 0] + 60) & (dots[:, :, 0] < 60)
    columns = np.flatnonzero(blue.sum(axis=0) > 20)  # the key is lower than a row
    place = drawn[0].axes[1].get_position()
    first, last = place.x0 * dots.shape[1], place.x1 * dots.shape[1]
    assert columns[-1] == pytest.approx(last, abs=3)
    assert columns[0] == pytest.approx(first + (last - first) * 21 / 44, abs=3)


def test_a_silent_track_of_which_nothing_is_given_has_a_picture(tmp_path):
    taggram = gram(np.zeros((4, 3)), np.inf)
    assert taggrams.draw(tmp_path / "a.png", taggram, np.zeros((100, 2))) == []
    assert (tmp_path / "a.png").stat().st_size > 5000
