"""What the listening page shows of files: the scores of the tag command, taggrams, bars, a table."""

import base64
import csv
import io
import json

import numpy as np
import pytest

import kerastag
from kerastag import audio
from kerastag.inference import score_table
from kerastag.serving.bundle import texts
from kerastag.serving.client import client

pytestmark = pytest.mark.browser


def test_a_file_is_decoded_to_the_waveform_that_the_reader_gives(opened, songs):
    for name, path in songs.items():
        expected = audio.read(path).astype("<f4")
        given = [name, *(base64.b64encode(data).decode() for data in (path.read_bytes(), expected.tobytes()))]
        size, difference = opened.evaluate(DECODED, given)
        assert size == len(expected), name
        assert difference < 2e-3, name  # resampled by a filter of its own; soxr's ends a little steeper


# the size of what is decoded, and its largest difference from what is expected
DECODED = """async ([name, data, expected]) => {
  const { decode } = await import('./decode.js');
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const found = await decode(new File([bytes(data)], name), 16000, new AbortController().signal);
  const wanted = new Float32Array(bytes(expected).buffer);
  return [found.length, found.reduce((most, one, i) => Math.max(most, Math.abs(one - wanted[i])), 0)];
}"""


def test_scores_are_those_of_the_tag_command(opened, listening, songs):
    opened.drop(*songs.values())
    opened.wait_until_done()
    assert opened.inner_text("#status") == "5 files scored"
    tagger = kerastag.load(listening.folder)
    header, *rows = opened.saved()
    assert header == ["path", *tagger.vocabulary.short_names]
    assert [row[0] for row in rows] == list(songs)
    found = np.array([[float(cell) for cell in row[1:]] for row in rows])
    expected = np.array([list(tagger.score(path, num_chunks=4).values()) for path in songs.values()])
    assert np.abs(found - expected).max() < 0.02
    assert np.ptp(expected, axis=0).max() > 0.04, expected  # else any file's scores would do


def test_the_taggram_is_that_of_the_whole_waveform(opened, listening, songs):
    path = songs["mp3_44.mp3"]  # five chunks: a stretch of four, and what is left goes with it
    opened.drop(path)
    opened.wait_until_done()
    with client.rest(listening.server, "model") as one:
        expected = one.taggram(path)
    header, *rows = opened.table_of("taggram-details")
    columns = [expected.tags.index(tag) for tag in header[1:]]
    assert [row[0] for row in rows] == [f"0:{int(start):02}" for start in expected.start_seconds]
    found = np.array([[float(cell) for cell in row[1:]] for row in rows])
    assert np.abs(found - expected.scores[:, columns]).max() < 0.03
    assert opened.get_attribute("#slider", "aria-valuemax") == pytest.approx("19.0", abs=0)


def test_stretches_of_a_taggram_are_the_whole(opened):
    """The page's cutting, joined by the rule of the signature, against that rule on the whole."""
    wrong = opened.evaluate(
        """async () => {
        const { stretches, evenStarts, numTaggramChunks } = await import('./chunks.js');
        const starts = (length) => Array.from({length: Math.max(1, Math.ceil(length / 10))},
          (_, i) => Math.min(i * 10, Math.max(0, length - 10)));
        const wrong = [];
        for (let length = 1; length < 200; length++) {
          const parts = stretches(length, 10, 4).flatMap(([first, end]) => starts(end - first).map(at => at + first));
          const isRight = parts.join() === starts(length).join() && parts.length === numTaggramChunks(length, 10);
          if (!isRight) wrong.push(length);
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
    page.drop(songs["short.flac"])
    page.wait_until_done()
    bars = page.locator("#bars li")
    shown = {bar.locator(".tag").inner_text(): bar for bar in bars.all()}
    assert {tag: bar.locator(".trust").inner_text() for tag, bar in shown.items()} == words
    shapes = [bar.locator(".shape").get_attribute("class") for bar in shown.values()]
    assert len(set(shapes)) == 3  # not by colour alone
    scores = [float(bar.locator(".score").inner_text()) for bar in bars.all()]
    assert scores == sorted(scores, reverse=True)
    rows = page.table_of("scores-details")
    assert rows[1][2:] == [words[rows[1][0]], "0.50, 0.25 to 0.75"]
    assert "silence was added" in page.inner_text("#notes")  # shorter than a chunk


def test_the_export_tells_the_page_what_it_knows(served_export):
    folder, _ = served_export
    facts = json.loads((folder / texts.PAGE / "bundle.json").read_text())
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
    opened.drop(songs[names[0]], broken, *(songs[name] for name in names[1:]))
    opened.wait_until_done()
    assert opened.inner_text("#status") == "3 files scored, 1 failed"
    files = opened.locator("#list-body tr")
    assert files.nth(1).locator(".failed").inner_text().startswith(f"{broken.name} cannot be decoded by this browser")
    opened.select_option("#sort", label="low")
    header, *rows = opened.saved()
    column = header.index("low")
    assert len(rows) == 3 and [row[column] for row in rows] == sorted((row[column] for row in rows), reverse=True)
    assert files.locator("button").all_inner_texts() == [*(row[0] for row in rows), broken.name]  # no score: last
    assert opened.locator("#list th[aria-sort=descending]").inner_text() == "low"
    opened.click("#turn")
    assert files.locator("button").all_inner_texts() == [*(row[0] for row in rows[::-1]), broken.name]
    scores = np.array([row[1:] for row in rows], float)
    score_table.ScoreTable([row[0] for row in rows], scores, header[1:]).write(tmp_path / "tags.csv")
    written = list(csv.reader(io.StringIO((tmp_path / "tags.csv").read_text())))
    assert written == [header, *rows]
    quoted = opened.evaluate(
        "async () => (await import('./csv.js')).csv(['a'], [{path: 'x, \"y\".mp3', scores: [0.5]}])"
    )
    assert quoted == 'path,a\n"x, ""y"".mp3",0.500000\n'


def test_a_calibrated_model_is_sent_whole_files(opened, listening, songs, page):
    """Its scores are no mean over chunks: the page learns that from what the export wrote."""
    facts = {"name": "model", "version": 1, "server": listening.server, "mean_of_chunks": False, "reliability": {}}
    page.route("**/bundle.json", lambda route: route.fulfill(json=facts))
    page.reload()
    rows = []
    page.on(
        "request", lambda one: "classify_wav" in (one.post_data or "") and rows.append(one.post_data.count('"b64"'))
    )
    page.drop(songs["wav_22.wav"])
    page.wait_until_done()
    assert rows == [1]
    expected = kerastag.load(listening.folder).score(songs["wav_22.wav"], num_chunks=4)
    found = {row[0]: float(row[1]) for row in page.table_of("scores-details")[1:]}
    assert found == pytest.approx(expected, abs=0.02)


def test_a_model_in_the_browser_is_given_the_chunks_of_the_tag_command(opened, listening, songs, tmp_path):
    """The real runtime is 14 MB from npm; this one has its doors, and figures of the chunks for scores."""
    for name, content in (
        *(("ort.wasm.bundle.min.mjs", RUNTIME), ("ort-wasm-simd-threaded.wasm", "wasm"), ("model.onnx", "onnx")),
        ("tags.txt", "mood/theme---loud\nmood/theme---peaky\nmood/theme---even\n"),
    ):
        (tmp_path / name).write_text(content)
    opened.check("#by-onnx")
    opened.drop(songs["flac_44.flac"])
    assert opened.alert() == "Choose the folder with the ONNX model first."
    opened.set_input_files("#folder", str(tmp_path))
    opened.click("#connect")
    opened.wait_until_done()
    assert opened.inner_text("#connection") == "Loaded: model.onnx, 3 tags."
    chunks = audio.read_chunks(songs["flac_44.flac"], 16, 73_600)
    expected = {"loud": np.abs(chunks).mean(), "peaky": np.abs(chunks).max(axis=1).mean(), "even": 0.5}
    found = {row[0]: float(row[1]) for row in opened.table_of("scores-details")[1:]}
    assert found == pytest.approx(expected, abs=2e-3)
    assert len(opened.table_of("taggram-details")) == 1 + 3  # 10.5 s: three chunks
    own = (f"{listening.address}/", f"blob:{listening.address}/")  # a blob's name is random: no word is sought in it
    assert [url for url in opened.asked if not url.startswith(own)] == []


RUNTIME = """
export const env = { wasm: {} };
export class Tensor {
  constructor(type, data, dims) { Object.assign(this, { type, data, dims }); }
}
const text = bytes => new TextDecoder().decode(bytes);
export const InferenceSession = { create: async model => {
  if (text(model) !== 'onnx' || text(env.wasm.wasmBinary) !== 'wasm') throw new Error('other files expected');
  return { inputNames: ['waveform'], outputNames: ['scores'], inputMetadata: [], run: async ({ waveform }) => {
    const [rows, size] = waveform.dims, out = [];
    for (let i = 0; i < rows; i++) {
      const row = waveform.data.subarray(i * size, (i + 1) * size).map(Math.abs);
      out.push(row.reduce((a, b) => a + b, 0) / size, Math.max(row.reduce((a, b) => Math.max(a, b), 0)), 0.5);
    }
    return { scores: { data: Float32Array.from(out) } };
  } };
} };
"""
