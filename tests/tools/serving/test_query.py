"""tools.serving.query: the tables of `kerastag tag` from a running server, files that fail, servers that do."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from kerastag import audio
from kerastag.serving import client
from kerastag.serving.client import failures
from tools.serving import query

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Four songs of 0.2 s and a file that is none, in folders."""
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    for number in range(4):
        (folder / f"{number % 2}").mkdir(exist_ok=True)
        soundfile.write(folder / f"{number % 2}" / f"{number}.flac", rng.uniform(-0.5, 0.5, 3200), 16_000)
    (folder / "1" / "broken.mp3").write_bytes(b"not audio")
    return folder


@pytest.fixture(params=["rest", "grpc"])
def server(request, tiny_server):
    """Its address, in both ways."""
    if request.param == "rest":
        return tiny_server.rest
    request.getfixturevalue("needs_grpc")
    return f"grpc://{tiny_server.grpc}"


def test_what_nobody_foresaw_costs_its_file_alone(songs, server, monkeypatch, capsys):
    read = audio.read

    def wrong(path, *arguments):
        if str(path).endswith("2.flac"):
            raise RuntimeError("boom")
        return read(path, *arguments)

    monkeypatch.setattr(audio, "read", wrong)
    assert query.COMMAND.run([str(songs / "0"), f"--server={server}", "--model=tiny"]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert captured.err == f"skipped: {songs / '0' / '2.flac'}: RuntimeError: boom\n"


def test_a_library_becomes_a_table(songs, server, tmp_path, capsys, tiny_scores):
    common = [str(songs), f"--server={server}", "--model=tiny", "--concurrency=3"]
    assert query.COMMAND.run([*common, f"--output={tmp_path / 'tags.tsv'}"]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'tags.tsv'}: 4 files, 3 tags\n"
    assert printed.err.startswith("skipped: ") and "broken.mp3" in printed.err and printed.err.count("\n") == 1
    table = [line.split("\t") for line in (tmp_path / "tags.tsv").read_text().splitlines()]
    assert table[0] == ["path", "loud", "peaky", "long"]
    assert [row[0] for row in table[1:]] == [
        str(songs / name) for name in ("0/0.flac", "0/2.flac", "1/1.flac", "1/3.flac")
    ]
    for path, *cells in table[1:]:
        assert list(map(float, cells)) == pytest.approx(tiny_scores(audio.read(path)), abs=1e-4)
    assert query.COMMAND.run([*common, f"--output={tmp_path / 'tags.tsv'}"]) == 1
    assert "exists already (see --overwrite)" in capsys.readouterr().err
    assert query.COMMAND.run([*common, f"--output={tmp_path / 'tags.json'}"]) == 1
    found = json.loads((tmp_path / "tags.json").read_text())
    assert found[table[1][0]] == dict(zip(table[0][1:], map(float, table[1][1:]), strict=True))


def test_the_top_tags_are_printed(songs, server, capsys):
    file = songs / "0" / "0.flac"
    assert query.COMMAND.run([str(file), f"--server={server}", "--model=tiny", "--top=2"]) == 0
    words = capsys.readouterr().out.split()
    assert words[:2] == [str(file), "peaky"] and words[3] == "loud" and len(words) == 5


def test_versions_and_labels(songs, server, capsys, needs_grpc):
    file = str(songs / "0" / "0.flac")
    for which, tag in (("--version=1", "peaky"), ("--label=canary", "b"), ("--label=stable", "peaky")):
        assert query.COMMAND.run([file, f"--server={server}", "--model=labelled", which, "--top=1"]) == 0
        assert capsys.readouterr().out.split()[1] == tag


def test_a_file_over_the_servers_limit_is_skipped(songs, tiny_server, tmp_path, capsys, needs_grpc):
    soundfile.write(tmp_path / "long.wav", np.zeros(300_000), 16_000)  # 1.2 MB of float32, the limit is 1 MB
    files = [str(tmp_path / "long.wav"), str(songs / "0")]
    assert query.COMMAND.run([*files, f"--server=grpc://{tiny_server.grpc}", "--model=tiny"]) == 1
    printed = capsys.readouterr()
    assert "0.flac" in printed.out and "long.wav" not in printed.out
    assert printed.err.startswith(f"skipped: {tmp_path / 'long.wav'}: ") and "over the server's limit" in printed.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--model=nobody"], 1, "serves no model 'nobody'"),
        (["--model=tiny", "--version=3"], 1, "model 'tiny' version 3 is not loaded; there is version 7"),
        (["--model=tiny", "--server=http://127.0.0.1:1", "--retries=0"], 1, "no model server answers"),
        (["--model=tiny", "--server=localhost"], 1, "give the server as http://HOST:PORT"),
        (["--model=tiny", "--version=3", "--label=a"], 2, "--version and --label: give one of them"),
        (["--model=tiny", "--output=a.txt"], 2, "the suffix must be one of"),
        ([], 2, "--model is needed"),
    ],
)
def test_errors_are_one_line(songs, tiny_server, capsys, arguments, status, message):
    assert query.COMMAND.run([str(songs), f"--server={tiny_server.rest}", *arguments]) == status
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and printed.out == ""


def test_a_server_that_dies_stops_everything(songs, tiny_server, monkeypatch, tmp_path, capsys):
    def score(one, path):
        raise failures.ServerDown("http://there", "no model server answers", "start it")

    monkeypatch.setattr(client.Client, "score", score)
    arguments = [str(songs), f"--server={tiny_server.rest}", "--model=tiny", f"--output={tmp_path / 'tags.tsv'}"]
    assert query.COMMAND.run(arguments) == 1
    assert capsys.readouterr().err == "http://there: no model server answers; start it\n"
    assert not list(tmp_path.iterdir())


def test_help_comes_without_tensorflow():
    code = """
import runpy, sys
sys.argv = ["query", "--help"]
try:
    runpy.run_module("tools.serving.query", run_name="__main__")
except SystemExit as error:
    assert error.code == 0
assert not {"tensorflow", "keras", "grpc"} & set(sys.modules)
"""
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert "--concurrency=NUMBER" in process.stdout
