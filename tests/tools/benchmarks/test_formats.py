"""tools/benchmark_formats: a line for every form."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "benchmark_formats"
_loader = importlib.machinery.SourceFileLoader("benchmark_formats", str(TOOL))
benchmark_formats = importlib.util.module_from_spec(importlib.util.spec_from_loader("benchmark_formats", _loader))
_loader.exec_module(benchmark_formats)


def test_every_form_is_timed(capsys):
    for package in ("ai_edge_litert", "onnx", "onnxruntime", "tf2onnx"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    arguments = ["--num_channels=1", "--formats=litert,onnx", "--num_runs=1", "--seconds=0.01"]
    assert benchmark_formats.COMMAND.run(arguments) == 0
    timings = capsys.readouterr().out.partition("medians of 1 processes")[2].splitlines()[1:]
    assert [line.split()[0] for line in timings] == ["litert", "onnx"]
    assert all(float(figure) > 0 for line in timings for figure in line.split()[2:])
