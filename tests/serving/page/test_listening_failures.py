"""What the listening page says when something is wrong, each in a sentence, and how it goes on."""

import numpy as np
import pytest
import soundfile

from kerastag.serving.bundle import texts

pytestmark = pytest.mark.browser


def test_a_server_that_is_not_there_is_said_to_be_unreachable(opened, listening, songs):
    opened.fill("#server", listening.nobody)
    opened.drop(songs["short.flac"])
    assert opened.alert().startswith(f"The server at {listening.nobody} cannot be reached.")
    assert opened.inner_text("#connection") == "Not connected."


def test_a_server_without_cors_is_told_apart_and_can_be_tried_again(opened, listening, songs):
    opened.fill("#server", listening.closed)
    opened.drop(songs["short.flac"])
    said = opened.alert()
    assert "does not let this page read it (CORS)" in said and texts.CORS in said
    opened.fill("#server", listening.server)
    opened.click("#retry")
    opened.locator("#bars li").first.wait_for()
    assert opened.locator("#alert").is_hidden()
    assert opened.inner_text("#connection") == "Connected: model, version 1, 3 tags."


def test_what_is_wrong_with_the_form_is_said(opened):
    for address, model, said in (
        (None, "modle", "has no model “modle” (HTTP 404: "),
        (None, " ", "Give the model's name, as the server has it."),
        ("localhost", "model", "“localhost” is not a server's address; it looks like http://localhost:8501."),
    ):
        if address:
            opened.fill("#server", address)
        opened.fill("#model", model)
        opened.get_by_role("button", name="Connect").click()
        opened.locator("#alert-text").filter(has_text=said).wait_for()


def test_what_the_server_says_of_a_failure_is_shown(opened, songs):
    opened.route("**:predict", lambda route: route.fulfill(status=503, json={"error": "loading [[{{node x}}]]"}))
    opened.drop(songs["short.flac"])
    assert opened.alert().endswith("failed (HTTP 503: loading).")


def test_a_file_of_more_than_an_hour_is_refused_before_it_is_decoded(opened, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(3000 * 3601, np.int16), 3000, subtype="PCM_U8")
    opened.drop(tmp_path / "long.wav")
    opened.locator("#notes p").filter(has_text="long.wav is 61 minutes long; up to an hour can be scored.").wait_for()


def test_files_that_are_no_audio_or_empty_are_named(opened, tmp_path):
    for name, content, said in (
        ("noise.wav", b"RIFF", "noise.wav cannot be decoded by this browser"),
        ("empty.mp3", b"", "empty.mp3 is empty."),
    ):
        (tmp_path / name).write_bytes(content)
        opened.drop(tmp_path / name)
        opened.locator("#notes p").filter(has_text=said).wait_for()


def test_a_model_without_a_taggram_has_bars_and_says_so(opened, songs):
    def without(route):
        answer = route.fetch()
        document = answer.json()
        del document["metadata"]["signature_def"]["signature_def"]["taggram"]
        route.fulfill(response=answer, json=document)

    opened.route("**/metadata", without)
    opened.drop(songs["wav_22.wav"])
    opened.wait_until_done()
    assert opened.locator("#bars li").count() == 3
    assert "This model has no taggram" in opened.inner_text("#notes")
    assert opened.locator("#taggram-details").is_hidden() and opened.locator("#canvas").is_visible()


def test_work_can_be_cancelled_and_taken_up_again(opened, songs):
    held = []
    opened.route("**:predict", lambda route: held.append(route) if len(held) < 2 else route.continue_())
    opened.drop(songs["wav_22.wav"], songs["short.flac"])
    opened.wait_for_function("() => document.getElementById('step').textContent === 'Asking for the model…'")
    opened.click("#cancel")
    opened.wait_until_done()
    assert opened.inner_text("#status") == "0 files scored, 2 cancelled"
    opened.unroute("**:predict")
    opened.get_by_role("button", name="Connect").click()
    opened.wait_for_function("() => document.getElementById('status').textContent === '2 files scored'")


def test_names_are_text_not_markup(opened, songs, tmp_path):
    name = "<img src=x onerror=alert(1)>.flac"
    (tmp_path / name).write_bytes(songs["short.flac"].read_bytes())
    opened.drop(tmp_path / name, songs["short.flac"])
    opened.wait_until_done()
    assert opened.inner_text("#name") == name and opened.locator("#list-body img").count() == 0


def test_a_folder_without_the_runtime_is_said_to_lack_it(opened, songs, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")
    opened.check("#by-onnx")
    opened.set_input_files("#folder", str(tmp_path))
    opened.click("#connect")
    lacks = "tags.txt and ort.wasm.bundle.min.mjs and ort-wasm-simd-threaded.wasm"
    assert opened.alert().startswith(f"The folder lacks {lacks}")
