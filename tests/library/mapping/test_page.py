"""The page of a map: nothing in it does anything but what the page is for, and it can be used."""

import base64
import hashlib
import json
import os
import pathlib
import re
import urllib.parse

import numpy as np
import pytest
import soundfile

from kerastag.library.mapping import page as map_page
from kerastag.library.word_choice import Choice

EVIL = "</script><script>document.title='evil'</script><img src=x onerror=\"document.title='evil'\">'"


def tracks(folder, words=("calm", EVIL)):
    paths = [
        folder / "a.wav",
        folder / "%41 #?&.wav",
        folder / EVIL.replace("/", "\u2215"),
        folder / os.fsdecode(b"na\xefve\n.wav"),
        folder / "\u2028separated.wav",
    ]
    number = len(paths)
    return map_page.Tracks(
        paths,
        np.array([[0.1, 0.1], [0.5, 0.1], [0.9, 0.9], [0.1, 0.9], [0.5, 0.6]], np.float32)[:number],
        [(Choice("calm", 0.8),), (Choice(words[1], 0.7), Choice("calm", 0.6)), (), (), (Choice("calm", 0.5),)],
        np.linspace(0, 1, number * 2).reshape(number, 2),
        words,
        np.array([[(row + 1) % number, (row + 2) % number] for row in range(number)]),
    )


def data_of(html):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(text)


def test_the_policy_names_the_one_script_and_the_one_style(tmp_path):
    html = map_page.html(tracks(tmp_path), EVIL, tmp_path)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    policy = policy.replace("&#39;", "'")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for kind, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        (content,) = re.findall(pattern, html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert html.count("<script") == 2 and "<img" not in html and "https://" not in html


def test_what_the_page_knows(tmp_path):
    of = tracks(tmp_path / "music")
    data = data_of(map_page.html(of, "My music", tmp_path / "pages"))
    assert data["words"] == ["calm", EVIL] and data["given"] == [[0], [1, 0], [], [], [0]]
    assert data["names"][:2] == ["a.wav", "%41 #?&.wav"] and data["names"][3] == r"na\xefve\x0a.wav"
    np.testing.assert_allclose(np.reshape(data["places"], (-1, 2)) / 4095, of.places, atol=2e-4)
    values = np.frombuffer(base64.b64decode(data["scores"]), np.uint8).reshape(of.scores.shape) / 255
    np.testing.assert_allclose(values, of.scores, atol=0.002)
    for path, link in zip(of.paths, data["links"], strict=True):
        assert link.startswith("./..") and link.isascii()
        target = os.path.join(os.fsencode(tmp_path / "pages"), urllib.parse.unquote_to_bytes(link))
        assert os.path.normpath(target) == os.fsencode(path)
    whole = map_page.link(pathlib.Path("/a b/#.wav"), tmp_path, absolute=True)
    assert whole == "file:///a%20b/%23.wav"


def until(page, condition, seconds=10):
    """Whether a condition comes true; Playwright's own waiting needs what the page's policy forbids."""
    for _ in range(20 * seconds):
        if page.evaluate(condition):
            return True
        page.wait_for_timeout(50)
    return False


@pytest.mark.browser
def test_a_person_can_look_search_and_listen(page, tmp_path):
    of = tracks(tmp_path / "music")
    (tmp_path / "music").mkdir()
    soundfile.write(of.paths[1], np.zeros(8000), 8000)
    (tmp_path / "map.html").write_text(map_page.html(of, EVIL, tmp_path), encoding="utf-8")
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto((tmp_path / "map.html").as_uri())
    assert page.title() == EVIL and page.inner_text("h1") == EVIL
    assert page.inner_text("#legend").split("\n")[0] == "calm"
    box = page.locator("#map").bounding_box()
    side = min(box["width"], box["height"])

    def place(row):
        return [
            float(box[edge] + (box[size] - side) / 2 + of.places[row][axis] * side)
            for axis, (edge, size) in enumerate((("x", "width"), ("y", "height")))
        ]

    page.mouse.click(*place(1))
    assert page.inner_text("#name") == "%41 #?&.wav"
    assert until(page, "audio.duration === 1")  # it was found, and plays
    assert page.locator("#tags li.given").count() == 2 and page.locator("#near button").count() == 2
    page.locator("#near button").first.click()
    assert page.inner_text("#name") == of.paths[2].name
    page.mouse.click(*place(0))  # a file that is not there
    assert until(page, "!document.getElementById('failed').hidden")
    page.focus("#map")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#name") == "%41 #?&.wav"
    page.keyboard.press("Escape")
    assert page.locator("#track").is_hidden()
    page.fill("#find", "CALM a.wav")
    assert page.inner_text("#count") == "1 of 5 tracks"
    page.select_option("#colour", "0")
    assert page.inner_text("#legend").split("\n") == ["0.00", "0.89"]
    assert page.failures == [] and "evil" not in page.title()[:4]
    assert [line for line in said if "ERR_FILE_NOT_FOUND" not in line] == []


@pytest.mark.browser
def test_the_legend_covers_neither_its_numbers_nor_on_a_narrow_screen_the_map(page, tmp_path):
    (tmp_path / "map.html").write_text(map_page.html(tracks(tmp_path), "map", tmp_path), encoding="utf-8")
    page.goto((tmp_path / "map.html").as_uri())
    page.select_option("#colour", "0")
    scale, (low, high) = (
        page.locator("#legend .scale").bounding_box(),
        [page.locator("#legend span").nth(place).bounding_box() for place in (0, 1)],
    )
    assert low["x"] + low["width"] <= scale["x"] and scale["x"] + scale["width"] <= high["x"]
    assert low["y"] < scale["y"] + scale["height"] / 2 < low["y"] + low["height"]
    page.select_option("#colour", "")
    page.set_viewport_size({"width": 390, "height": 800})
    assert until(page, "canvas.height === Math.round(canvas.clientHeight * devicePixelRatio)")
    map_box, legend = page.locator("#map").bounding_box(), page.locator("#legend").bounding_box()
    assert map_box["height"] > 150 and map_box["y"] + map_box["height"] <= legend["y"] + 1
    assert page.evaluate("Math.max(...data.names.map((_, row) => down(row))) <= canvas.clientHeight")


@pytest.mark.browser
def test_what_was_found_is_reached_by_keys_alone(page, tmp_path):
    of = tracks(tmp_path)
    (tmp_path / "map.html").write_text(map_page.html(of, "map", tmp_path), encoding="utf-8")
    page.goto((tmp_path / "map.html").as_uri())
    page.focus("#find")
    page.keyboard.type("nothing of this name")
    page.keyboard.press("Enter")
    assert page.locator("#track").is_hidden()
    page.fill("#find", "calm")  # the first, second and last track
    names = []
    for _ in range(4):
        page.keyboard.press("Enter")
        names.append(page.inner_text("#name"))
    found = [map_page.names.shown(of.paths[row].name) for row in (0, 1, 4)]
    assert names == [*found, found[0]] and page.failures == []
