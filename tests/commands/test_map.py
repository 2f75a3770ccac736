"""`kerastag map` over a small collection."""

import json
import os
import re

from kerastag import map as map_command


def test_a_page_of_a_collection(run, music, tmp_path, capsys):
    output = tmp_path / "map.html"
    flags = [f"--model={run}", f"--results={tmp_path / 'r.sqlite'}", "--num_chunks=1", "--quiet", f"--output={output}"]
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"not audio")
    assert map_command.COMMAND.run([str(music / "test"), str(bad), *flags]) == 3
    captured = capsys.readouterr()
    assert captured.out == f"{output}: 8 tracks\n" and captured.err.startswith(f"skipped: {bad}: ")
    (text,) = re.findall(r'id="data">(.*?)</script>', output.read_text(), re.DOTALL)
    data = json.loads(text)
    assert data["names"] == [f"{number}.wav" for number in range(8)] and data["words"] == ["high", "low", "mid"]
    assert "<title>test, bad.wav</title>" in output.read_text()
    assert map_command.COMMAND.run([str(music / "test"), *flags]) == 1
    assert "exists already (see --overwrite)" in capsys.readouterr().err
    assert map_command.COMMAND.run([str(music / "test"), *flags[:-1], "--output=map.png"]) == 2
    assert map_command.COMMAND.run([str(bad), *flags, "--overwrite"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"{bad}: ")


def test_a_folder_whose_name_is_no_utf8(run, music, tmp_path):
    folder, output = tmp_path / os.fsdecode(b"na\xefve"), tmp_path / "map.html"
    folder.mkdir()
    (folder / "0.wav").write_bytes((music / "test" / "0.wav").read_bytes())
    flags = [f"--model={run}", "--results=none", "--num_chunks=1", "--quiet", f"--output={output}"]
    assert map_command.COMMAND.run([str(folder), *flags]) == 0
    assert r"<title>na\xefve</title>" in output.read_text(encoding="utf-8")
