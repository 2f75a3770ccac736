"""Using the listening page: by keys, on narrow and wide screens, in light and dark."""

import itertools
import re

import pytest

pytestmark = pytest.mark.browser


def test_another_file_of_the_list_is_shown_when_it_is_picked(opened, songs):
    opened.drop(songs["wav_22.wav"], songs["flac_44.flac"])
    opened.wait_until_done()
    assert opened.inner_text("#name") == "wav_22.wav"
    opened.get_by_role("button", name="flac_44.flac").press("Enter")
    opened.wait_for_function("() => document.getElementById('name').textContent === 'flac_44.flac'")
    opened.locator("#taggram-details").wait_for()  # its taggram is asked for now
    assert opened.get_attribute("#slider", "aria-valuemax") == "10.5"
    assert opened.evaluate("document.activeElement.id") == "name"


def test_keys_play_pause_and_jump(opened, songs):
    opened.drop(songs["mp3_44.mp3"])
    opened.wait_until_done()
    slider, now = opened.locator("#slider"), lambda: float(opened.get_attribute("#slider", "aria-valuenow"))
    slider.focus()
    for key, seconds in (("ArrowRight", 5), ("ArrowRight", 10), ("ArrowLeft", 5), ("PageUp", 19), ("Home", 0)):
        slider.press(key)
        assert now() == pytest.approx(seconds, abs=0.15), key
    said = r"0 seconds of 19 seconds, (high|low|mid) [01]\.\d{2,3}"
    assert re.fullmatch(said, opened.get_attribute("#slider", "aria-valuetext"))
    slider.press("Space")
    opened.wait_for_function("() => Number(document.getElementById('slider').getAttribute('aria-valuenow')) > 0.3")
    assert opened.get_attribute("#play", "aria-label") == "Pause"
    assert opened.locator("#bars .now").first.is_visible()
    slider.press("Space")
    assert opened.evaluate("document.getElementById('audio').paused")
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] / 2, "y": 40})
    assert now() == pytest.approx(9.5, abs=0.2)


def test_every_control_is_reached_by_the_keyboard_and_named(opened, songs):
    opened.drop(songs["short.flac"], songs["wav_22.wav"])
    opened.wait_until_done()
    opened.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(40):
        opened.keyboard.press("Tab")
        reached.append(
            opened.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 40)")
        )
    for wanted in ("choose", "server", "model", "sort", "turn", "save", "short.flac", "play", "slider"):
        assert wanted in reached
    unnamed = opened.evaluate(
        """() => [...document.querySelectorAll('button, input, select, [role=slider], progress, [tabindex="0"]')]
        .filter(one => one.checkVisibility() && !one.textContent.trim() && !one.labels?.length
          && !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby')).map(one => one.outerHTML)"""
    )
    assert unnamed == []
    assert opened.complaints == []


def test_it_fits_and_can_be_read(opened, songs):
    opened.drop(songs["wav_22.wav"], songs["short.flac"])
    opened.wait_until_done()
    for scheme, width in itertools.product(("light", "dark"), (320, 768, 1600)):
        opened.emulate_media(color_scheme=scheme)
        opened.set_viewport_size({"width": width, "height": 800})
        opened.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        assert opened.evaluate("[matchMedia('(prefers-color-scheme: dark)').matches, innerWidth]") == [
            scheme == "dark",
            width,
        ]
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth"), (scheme, width)
        assert opened.evaluate(CONTRASTS) == [], (scheme, width)


# texts whose contrast with the nearest ground is below 4.5
CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const light = color => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return alpha ? 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b) : null;
  };
  const ground = one => one ? light(getComputedStyle(one).backgroundColor) ?? ground(one.parentElement) : 1;
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !one.checkVisibility() || one.closest('.unseen, option, [hidden]')) continue;
    const [a, b] = [light(getComputedStyle(one).color), ground(one)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push([one.outerHTML.slice(0, 80), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""


def test_what_was_typed_before_the_facts_came_is_kept(opened, listening):
    held = []
    opened.route("**/bundle.json", lambda route: held.append(route))
    opened.goto(listening.address)
    opened.fill("#server", listening.server)
    opened.wait_for_function("() => !document.getElementById('where').textContent")
    while not held:
        opened.wait_for_timeout(20)
    held[0].continue_()
    opened.locator("#where").filter(has_text=".").wait_for()
    assert opened.input_value("#server") == listening.server
    assert opened.input_value("#model") == "model"
