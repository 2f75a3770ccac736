"""The listening page of a bundle, opened in Chromium from `python -m http.server`, with the served export behind it."""

import contextlib
import csv
import io
import json
import re
import subprocess
import sys
import types

import numpy as np
import pytest
import soundfile

import kerastag
from kerastag import audio
from kerastag.library import score_table
from kerastag.serving import bundle_texts

pytestmark = pytest.mark.browser
TIMEOUT_MS = 20_000
CHUNK_SECONDS = 73_600 / 16_000


@contextlib.contextmanager
def sent(folder):
    """The address of a folder that `python -m http.server` sends."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield f"http://127.0.0.1:{re.search(r'port (\d+)', server.stdout.readline())[1]}"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def listening(chromium, served_export, serving):
    """The page's address, the model's folder, and two servers of it: one that lets pages ask it, one that does not."""
    folder, closed = served_export
    server = serving(folder, "model", bundle_texts.CORS)
    with sent(folder / bundle_texts.PAGE) as address:
        yield types.SimpleNamespace(address=address, folder=folder, server=server.rest, closed=closed.rest)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Files by format and rate: a tune of changing pitch over noise, stereo with unequal channels; one shorter than a chunk."""
    folder = tmp_path_factory.mktemp("songs")
    made = {}
    for name, rate, seconds in (
        *(("mp3_44.mp3", 44_100, 19), ("vorbis_48.ogg", 48_000, 12), ("flac_44.flac", 44_100, 10.5)),
        *(("wav_22.wav", 22_050, 13), ("short.flac", 48_000, 2)),
    ):
        time = np.arange(int(seconds * rate)) / rate
        pitch = np.array([200.0, 3000.0, 800.0, 1400.0])[(time / 5).astype(int) % 4]
        tune = 0.3 * np.sin(2 * np.pi * pitch * time) + np.random.default_rng(rate).normal(0, 0.03, len(time))
        made[name] = folder / name
        options = {"format": "OGG", "subtype": "VORBIS"} if name.endswith("ogg") else {}
        soundfile.write(made[name], np.stack([tune, 0.5 * tune], axis=1), rate, **options)
    return made


@pytest.fixture
def opened(page, listening):
    """The page, just opened; all that it asks for and all that its console complains of is kept."""
    page.set_default_timeout(TIMEOUT_MS)
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda said: said.type in ("error", "warning") and page.complaints.append(said.text))
    page.goto(listening.address)
    page.fill("#server", listening.server)
    yield page
    assert page.failures == []
    own = (f"{listening.address}/", f"blob:{listening.address}/", f"{listening.server}/", f"{listening.closed}/")
    assert [url for url in page.asked if not url.startswith((*own, "http://127.0.0.1:9/"))] == []


def drop(page, *paths):
    page.set_input_files("#files", [str(path) for path in paths])


def wait_until_done(page):
    page.wait_for_function(
        "() => document.getElementById('progress').hidden && document.getElementById('status').textContent"
    )


def table_of(page, name):
    """The cells of a table below the result, line by line."""
    page.locator(f"#{name} > summary").click()
    rows = page.locator(f"#{name} tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def alert(page):
    page.locator("#alert-text").filter(has_text=".").wait_for()
    return page.inner_text("#alert-text")


def saved(page):
    """The rows of the CSV file that the page saves."""
    with page.expect_download() as download:
        page.click("#save")
    with open(download.value.path(), newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_file_is_decoded_to_the_waveform_that_the_reader_gives(opened, songs):
    for name, path in songs.items():
        drop_and_decode = """async ([name, data]) => {
            const { decode } = await import('./decode.js');
            const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
            return [...await decode(new File([bytes], name), 16000, new AbortController().signal)];
        }"""
        import base64

        found = opened.evaluate(drop_and_decode, [name, base64.b64encode(path.read_bytes()).decode()])
        expected = audio.read(path)
        found = np.array(found, np.float32)
        size = min(len(found), len(expected))
        print(name, len(found), len(expected), np.abs(found[:size] - expected[:size]).max())


def test_scores_are_those_of_the_tag_command(opened, listening, songs):
    drop(opened, *songs.values())
    wait_until_done(opened)
    assert opened.inner_text("#status") == "5 files scored"
    tagger = kerastag.load(listening.folder)
    header, *rows = saved(opened)
    assert header == ["path", *tagger.vocabulary.short_names]
    assert [row[0] for row in rows] == list(songs)
    found = np.array([[float(cell) for cell in row[1:]] for row in rows])
    expected = np.array([list(tagger.score(path, num_chunks=4).values()) for path in songs.values()])
    print(np.abs(found - expected).max(axis=1), np.ptp(expected, axis=0))
    assert np.abs(found - expected).max() < 0.02


def test_the_taggram_is_that_of_the_whole_waveform(opened, listening, songs):
    from kerastag.serving import client

    path = songs["mp3_44.mp3"]  # five chunks: a stretch of four, and what is left goes with it
    drop(opened, path)
    wait_until_done(opened)
    with client.rest(listening.server, "model") as one:
        expected = one.taggram(path)
    header, *rows = table_of(opened, "taggram-details")
    columns = [expected.tags.index(tag) for tag in header[1:]]
    assert [row[0] for row in rows] == [f"0:{int(start):02}" for start in expected.start_seconds]
    found = np.array([[float(cell) for cell in row[1:]] for row in rows])
    assert np.abs(found - expected.scores[:, columns]).max() < 0.03
    assert opened.get_attribute("#slider", "aria-valuemax") == pytest.approx("19.0", abs=0)


def test_stretches_of_a_taggram_are_the_whole(opened):
    """A model of the page's arithmetic: starts of stretches, as the signature gives them, against those of the whole."""
    wrong = opened.evaluate(
        """async () => {
        const { stretches, evenStarts, numTaggramChunks } = await import('./chunks.js');
        const starts = (length) => Array.from({length: Math.max(1, Math.ceil(length / 10))},
          (_, i) => Math.min(i * 10, Math.max(0, length - 10)));
        const wrong = [];
        for (let length = 1; length < 200; length++) {
          const parts = stretches(length, 10, 4).flatMap(([first, end]) => starts(end - first).map(at => at + first));
          if (parts.join() !== starts(length).join() || parts.length !== numTaggramChunks(length, 10)) wrong.push(length);
        }
        return [wrong, evenStarts(105, 10, 4), evenStarts(13, 10, 4), evenStarts(3, 10, 4)];
    }"""
    )
    assert wrong == [[], [0, 23, 46, 69], [0], [0]]  # by hand: (105 - 10) // 4 = 23; 3 // 4 = 0: all would be the same


def test_bars_say_how_far_to_trust_a_tag(opened, listening, songs, page):
    words = {"high": "reliable", "low": "near chance", "mid": "weak"}
    figures = {"pr_auc": 0.5, "low": 0.25, "high": 0.75}
    facts = {"name": "model", "version": 1, "server": listening.server, "mean_of_chunks": True}
    facts["reliability"] = {tag: {"word": word, **figures} for tag, word in words.items()}
    page.route("**/bundle.json", lambda route: route.fulfill(json=facts))
    page.reload()
    drop(page, songs["short.flac"])
    wait_until_done(page)
    bars = page.locator("#bars li")
    shown = {bar.locator(".tag").inner_text(): bar for bar in bars.all()}
    assert {tag: bar.locator(".trust").inner_text() for tag, bar in shown.items()} == words
    shapes = [bar.locator(".shape").get_attribute("class") for bar in shown.values()]
    assert len(set(shapes)) == 3  # not by colour alone
    scores = [float(bar.locator(".score").inner_text()) for bar in bars.all()]
    assert scores == sorted(scores, reverse=True)
    rows = table_of(page, "scores-details")
    assert rows[1][2:] == [words[rows[1][0]], "0.50, 0.25 to 0.75"]
    assert "silence was added" in page.inner_text("#notes")  # shorter than a chunk


def test_the_export_tells_the_page_what_it_knows(served_export):
    folder, _ = served_export
    facts = json.loads((folder / bundle_texts.PAGE / "bundle.json").read_text())
    expected = {
        "name": "model",
        "version": 1,
        "server": "http://localhost:8501",
        "mean_of_chunks": True,
        "reliability": {},
    }
    assert facts == expected


def test_a_list_sorts_by_a_tag_and_saves_what_the_tag_command_writes(opened, songs, tmp_path):
    broken = tmp_path / 'no "music", really.mp3'
    broken.write_text("not audio")
    names = ["vorbis_48.ogg", "wav_22.wav", "short.flac"]
    drop(opened, songs[names[0]], broken, *(songs[name] for name in names[1:]))
    wait_until_done(opened)
    assert opened.inner_text("#status") == "3 files scored, 1 failed"
    files = opened.locator("#list-body tr")
    assert files.nth(1).locator(".failed").inner_text().startswith(f"{broken.name} cannot be decoded by this browser")
    opened.select_option("#sort", label="low")
    header, *rows = saved(opened)
    column = header.index("low")
    assert len(rows) == 3 and [row[column] for row in rows] == sorted((row[column] for row in rows), reverse=True)
    assert files.locator("button").all_inner_texts() == [*(row[0] for row in rows), broken.name]  # no score: last
    assert opened.locator("#list th[aria-sort=descending]").inner_text() == "low"
    opened.click("#turn")
    assert files.locator("button").all_inner_texts() == [*(row[0] for row in rows[::-1]), broken.name]
    score_table.write(
        tmp_path / "tags.csv", [row[0] for row in rows], np.array([row[1:] for row in rows], float), header[1:]
    )
    written = list(csv.reader(io.StringIO((tmp_path / "tags.csv").read_text())))
    assert written == [header, *rows]
    quoted = opened.evaluate(
        "async () => (await import('./csv.js')).csv(['a'], [{path: 'x, \"y\".mp3', scores: [0.5]}])"
    )
    assert quoted == 'path,a\n"x, ""y"".mp3",0.500000\n'


def test_another_file_of_the_list_is_shown_when_it_is_picked(opened, songs):
    drop(opened, songs["wav_22.wav"], songs["flac_44.flac"])
    wait_until_done(opened)
    assert opened.inner_text("#name") == "wav_22.wav"
    opened.get_by_role("button", name="flac_44.flac").press("Enter")
    opened.wait_for_function("() => document.getElementById('name').textContent === 'flac_44.flac'")
    opened.locator("#taggram-details").wait_for()  # its taggram is asked for now
    assert opened.get_attribute("#slider", "aria-valuemax") == "10.5"
    assert opened.evaluate("document.activeElement.id") == "name"


def test_keys_play_pause_and_jump(opened, songs):
    drop(opened, songs["mp3_44.mp3"])
    wait_until_done(opened)
    slider, now = opened.locator("#slider"), lambda: float(opened.get_attribute("#slider", "aria-valuenow"))
    slider.focus()
    for key, seconds in (("ArrowRight", 5), ("ArrowRight", 10), ("ArrowLeft", 5), ("PageUp", 19), ("Home", 0)):
        slider.press(key)
        assert now() == pytest.approx(seconds, abs=0.15), key
    said = r"0 seconds of 19 seconds, (high|low|mid) 0\.\d\d"
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
    drop(opened, songs["short.flac"], songs["wav_22.wav"])
    wait_until_done(opened)
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


def test_a_server_that_is_not_there_is_said_to_be_unreachable(opened, songs):
    opened.fill("#server", "http://127.0.0.1:9")
    drop(opened, songs["short.flac"])
    assert alert(opened).startswith("The server at http://127.0.0.1:9 cannot be reached.")
    assert opened.inner_text("#connection") == "Not connected."


def test_a_server_without_cors_is_told_apart_and_can_be_tried_again(opened, listening, songs):
    opened.fill("#server", listening.closed)
    drop(opened, songs["short.flac"])
    said = alert(opened)
    assert "does not let this page read it (CORS)" in said and bundle_texts.CORS in said
    opened.fill("#server", listening.server)
    opened.click("#retry")
    opened.locator("#bars li").first.wait_for()
    assert opened.locator("#alert").is_hidden()
    assert opened.inner_text("#connection") == "Connected: model, version 1, 3 tags."


@pytest.mark.parametrize(
    ("address", "model", "said"),
    [
        ("localhost", "model", "“localhost” is not a server's address; it looks like http://localhost:8501."),
        (None, "modle", "has no model “modle” (HTTP 404: "),
        (None, " ", "Give the model's name, as the server has it."),
    ],
)
def test_what_is_wrong_with_the_form_is_said(opened, songs, address, model, said):
    if address:
        opened.fill("#server", address)
    opened.fill("#model", model)
    opened.get_by_role("button", name="Connect").click()
    assert said in alert(opened)


def test_what_the_server_says_of_a_failure_is_shown(opened, songs):
    opened.route("**:predict", lambda route: route.fulfill(status=503, json={"error": "loading [[{{node x}}]]"}))
    drop(opened, songs["short.flac"])
    assert alert(opened).endswith("failed (HTTP 503: loading).")


def test_files_that_are_no_audio_or_empty_are_named(opened, tmp_path):
    for name, content, said in (
        ("noise.wav", b"RIFF", "noise.wav cannot be decoded by this browser"),
        ("empty.mp3", b"", "empty.mp3 is empty."),
    ):
        (tmp_path / name).write_bytes(content)
        drop(opened, tmp_path / name)
        opened.locator("#notes p").filter(has_text=said).wait_for()


def test_a_model_without_a_taggram_has_bars_and_says_so(opened, songs):
    def without(route):
        answer = route.fetch()
        document = answer.json()
        del document["metadata"]["signature_def"]["signature_def"]["taggram"]
        route.fulfill(response=answer, json=document)

    opened.route("**/metadata", without)
    drop(opened, songs["wav_22.wav"])
    wait_until_done(opened)
    assert opened.locator("#bars li").count() == 3
    assert "This model has no taggram" in opened.inner_text("#notes")
    assert opened.locator("#taggram-details").is_hidden() and opened.locator("#canvas").is_visible()


def test_a_calibrated_model_is_sent_whole_files(opened, listening, songs, page):
    """Its scores are no mean over chunks: the page learns that from what the export wrote."""
    facts = {"name": "model", "version": 1, "server": listening.server, "mean_of_chunks": False, "reliability": {}}
    page.route("**/bundle.json", lambda route: route.fulfill(json=facts))
    page.reload()
    rows = []
    page.on(
        "request", lambda one: "classify_wav" in (one.post_data or "") and rows.append(one.post_data.count('"b64"'))
    )
    drop(page, songs["wav_22.wav"])
    wait_until_done(page)
    assert rows == [1]
    expected = kerastag.load(listening.folder).score(songs["wav_22.wav"], num_chunks=4)
    found = {row[0]: float(row[1]) for row in table_of(page, "scores-details")[1:]}
    assert found == pytest.approx(expected, abs=0.02)


def test_work_can_be_cancelled_and_taken_up_again(opened, songs):
    held = []
    opened.route("**:predict", lambda route: held.append(route) if len(held) < 2 else route.continue_())
    drop(opened, songs["wav_22.wav"], songs["short.flac"])
    opened.wait_for_function("() => document.getElementById('step').textContent === 'Asking for the model…'")
    opened.click("#cancel")
    wait_until_done(opened)
    assert opened.inner_text("#status") == "0 files scored, 2 cancelled"
    opened.unroute("**:predict")
    opened.get_by_role("button", name="Connect").click()
    opened.wait_for_function("() => document.getElementById('status').textContent === '2 files scored'")


def test_names_are_text_not_markup(opened, songs, tmp_path):
    name = "<img src=x onerror=alert(1)>.flac"
    (tmp_path / name).write_bytes(songs["short.flac"].read_bytes())
    drop(opened, tmp_path / name, songs["short.flac"])
    wait_until_done(opened)
    assert opened.inner_text("#name") == name and opened.locator("#list-body img").count() == 0


@pytest.mark.parametrize("width", [320, 768, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(opened, songs, width, scheme):
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size({"width": width, "height": 800})
    drop(opened, songs["wav_22.wav"], songs["short.flac"])
    wait_until_done(opened)
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.evaluate(CONTRASTS) == []


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
