"""tools.benchmarks.formats: a line for every form, with medians over processes."""

import pathlib
import re

import pytest

from kerastag import errors, files
from kerastag.serving import exporting
from kerastag.serving.check import bare_process
from kerastag.serving.formats import parity
from tools.benchmarks import formats, random_run


def test_a_form_is_exported_and_timed(run, monkeypatch, capsys):
    for package in ("onnx", "onnxruntime", "tf2onnx"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    made = []
    monkeypatch.setattr(random_run, "write", lambda folder, num_channels: made.append(num_channels) or run)
    arguments = ["--num_channels=1", "--formats=onnx", "--num_runs=1", "--seconds=0.01"]
    assert formats.COMMAND.run(arguments) == 0 and made == [1]
    table = capsys.readouterr().out.splitlines()[-3:]
    assert [line.split()[0] for line in table] == ["form", "onnx", "Medians"]
    assert re.fullmatch(r"\w+ +[\d.]+ +\d+ +[\d.]+", table[1])


def test_times_are_medians_over_processes_that_take_turns(tmp_path, monkeypatch):
    export = exporting.Export()
    for form, num_bytes in (("litert", 2_000_000), ("onnx", 1_250_000)):
        export.folders[form] = tmp_path / form
        export.parities.append(parity.Parity(form, num_bytes, 0, 0, 0, 0, 0, 0, None, None))
        files.write_json(tmp_path / form / "model.json", {"chunk_samples": 100})
    load_seconds, asked = {"litert": iter((0.01, 0.5, 0.02)), "onnx": iter((0.1, 0.2, 0.3))}, []

    def ask(folder: pathlib.Path, requests, form: str, seconds: float):
        assert requests["serving_default"]["waveform"].shape == (16, 100) and seconds == 2.5
        asked.append(folder.name)
        loading = next(load_seconds[form])
        return bare_process.Answers({}, (), "", loading, chunks_per_second=loading * 1000, threads=2)

    monkeypatch.setattr(bare_process, "ask", ask)
    table = formats.timings(export, 3, 2.5)
    assert table.rows == (("litert", "2.00", "20", "20.0"), ("onnx", "1.25", "200", "200.0"))
    assert table.note == "Medians of 3 processes, 2 threads."
    assert asked == ["litert", "onnx"] * 3


def test_without_a_form_the_reasons_are_told():
    with pytest.raises(errors.KerastagError, match="no form was written: onnx: too far off"):
        formats.timings(exporting.Export(refused=["onnx: too far off"]), 1, 1.0)
