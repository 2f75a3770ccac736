"""`kerastag tag` and `kerastag export`: tables, and the same scores through every door."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import tensorflow as tf

import kerastag
from kerastag import tag


def test_tag_writes_tables_and_skips_what_it_cannot_read(run, music, tmp_path, capsys):
    folder = tmp_path / "library"
    shutil.copytree(music / "test", folder)
    (folder / "broken.mp3").write_bytes(b"not audio")
    for suffix in ("tsv", "csv", "json"):
        output = tmp_path / f"tags.{suffix}"
        assert tag.COMMAND.run([str(folder), f"--model={run}", f"--output={output}", "--num_chunks=2"]) == 3
        assert "broken.mp3" in capsys.readouterr().err
    table = [line.split("\t") for line in (tmp_path / "tags.tsv").read_text().splitlines()]
    assert table[0] == ["path", "high", "low", "mid"] and len(table) == 9
    scores = json.loads((tmp_path / "tags.json").read_text())
    assert list(scores) == [row[0] for row in table[1:]]
    assert [scores[table[1][0]][name] for name in table[0][1:]] == [float(cell) for cell in table[1][1:]]
    assert (tmp_path / "tags.csv").read_text() == (tmp_path / "tags.tsv").read_text().replace("\t", ",")


def test_tag_prints_the_top_tags(run, music, capsys):
    assert tag.COMMAND.run([str(music / "test" / "0.wav"), f"--model={run}", "--top=2"]) == 0
    words = capsys.readouterr().out.split()
    assert words[0].endswith("0.wav") and len(words) == 5
    assert float(words[2]) >= float(words[4])


def test_the_python_door_and_an_export_give_the_same_scores(exported_run, music):
    assert "checked in a process without Keras and kerastag" in exported_run.printed
    path = music / "test" / "2.wav"
    of_run = kerastag.load(exported_run.run, precision="float32").score(path, num_chunks=4)
    assert set(of_run) == {"high", "low", "mid"}
    for exported in (exported_run.folder, exported_run.folder / "1"):
        of_export = kerastag.load(exported).score(path, num_chunks=4)
        assert of_export == pytest.approx(of_run, abs=1e-5)
    served = tf.saved_model.load(str(exported_run.folder / "1")).signatures["serving_default"]
    waveform, _ = soundfile.read(path, dtype="float32")  # the signature chunks a whole file by itself
    whole = served(waveform=waveform[None])["scores"].numpy()[0]
    np.testing.assert_allclose(whole, list(of_run.values()), atol=1e-4)


def test_the_export_is_plain_tensorflow(exported_run):
    signature = tf.saved_model.load(str(exported_run.folder / "1")).signatures["serving_default"]
    operations = {operation.type for operation in signature.graph.get_operations()}
    assert not {name for name in operations if "PyFunc" in name or "Dropout" in name}
    (waveform,) = signature.structured_input_signature[1].values()
    assert (waveform.name, waveform.dtype, waveform.shape.as_list()) == ("waveform", tf.float32, [None, None])
    assert list(signature.structured_outputs) == ["scores"]
