"""A dataset with a damaged file, one that raises and one that hangs: every command tells, and does the rest."""

import threading

import pytest
import soundfile

from kerastag import audio, evaluate, files, parallel, prepare
from kerastag.data import splits
from tools.datasets import inspection


@pytest.fixture
def damaged(music, tmp_path, rng):
    """The test split, one of its files an MP3 of 20 s of which 4 s are missing."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    (folder / "test").symlink_to(music / "test")
    soundfile.write(folder / "hole.mp3", rng.uniform(-0.5, 0.5, 20 * 16_000), 16_000)
    content = (folder / "hole.mp3").read_bytes()
    start, size = len(content) // 2, len(content) // 5
    (folder / "hole.mp3").write_bytes(content[:start] + bytes(size) + content[start + size :])
    text = (music / "test.tsv").read_text().replace("test/3.wav", "hole.mp3").replace("\t5.0\t", "\t5\t")
    (folder / "test.tsv").write_text(text)
    return folder


def amiss(monkeypatch, name, mishap):
    """From now on reading the file of that name is a mishap, whichever way."""
    for reader in ("info", "num_samples", "read", "read_chunk", "read_chunks", "random_chunk"):
        read = getattr(audio, reader)

        def wrapper(path, *arguments, _read=read, **options):
            if str(path).endswith(name):
                mishap()
            return _read(path, *arguments, **options)

        monkeypatch.setattr(audio, reader, wrapper)


def boom():
    raise RuntimeError("boom")


def hang():
    threading.Event().wait()


def test_evaluate_tells_what_it_did_not_hear(run, damaged, tmp_path, capsys):
    output = tmp_path / "metrics.json"
    arguments = [f"--run_dir={run}", f"--data_dir={damaged}", "--num_chunks=1", f"--output={output}"]
    assert evaluate.COMMAND.run(arguments) == 0
    line = f"heard in part: {damaged / 'hole.mp3'}: 4."
    assert any(told.startswith(line) for told in capsys.readouterr().err.splitlines())
    (heard,) = files.read_json(output)["heard_in_part"].items()
    assert heard[0] == str(damaged / "hole.mp3")
    assert heard[1]["seconds_read"] + heard[1]["gaps"][0][1] == pytest.approx(20, abs=0.2)


def test_evaluate_goes_on_without_what_raises(run, damaged, monkeypatch, capsys):
    amiss(monkeypatch, "5.wav", boom)
    arguments = [f"--run_dir={run}", f"--data_dir={damaged}", "--num_chunks=1"]
    assert evaluate.COMMAND.run([*arguments, "--skip_unreadable"]) == 0
    captured = capsys.readouterr()
    assert "7 tracks, 3 tags" in captured.out
    assert f"left out: {damaged / 'test' / '5.wav'}: RuntimeError: boom" in captured.err
    assert evaluate.COMMAND.run(arguments) == 1
    assert "5.wav: RuntimeError: boom (see --skip_unreadable)" in capsys.readouterr().err


@pytest.mark.parametrize(("mishap", "reason"), [(boom, "RuntimeError: boom"), (hang, "given up, reading it took more")])
def test_prepare_goes_on_without_what_raises_or_hangs(damaged, tmp_path, monkeypatch, capsys, mishap, reason):
    monkeypatch.setattr(parallel, "READ_SECONDS", 2.0)
    amiss(monkeypatch, "5.wav", mishap)
    output = tmp_path / "prepared"
    assert prepare.COMMAND.run([f"--data_dir={damaged}", f"--output_dir={output}"]) == 1
    err = capsys.readouterr().err
    assert f"left out: {damaged / 'test' / '5.wav'}: {reason}" in err
    assert f"heard in part: {damaged / 'hole.mp3'}: 4." in err
    assert len(splits.read(output / "test.tsv").tracks) == 7
    assert not [path for path in output.rglob("*") if "partial" in path.name]


@pytest.mark.parametrize(("mishap", "reason"), [(boom, "RuntimeError: boom"), (hang, "given up, reading it took more")])
def test_so_does_looking_at_a_dataset(damaged, monkeypatch, mishap, reason):
    monkeypatch.setattr(parallel, "READ_SECONDS", 2.0)
    amiss(monkeypatch, "5.wav", mishap)
    tracks = splits.read(damaged / "test.tsv").tracks
    looked = {file.path: file for file in inspection.inspect([(damaged, track) for track in tracks], "audio")}
    bad = looked[str(damaged / "test" / "5.wav")]
    assert bad.state == "unreadable" and reason in bad.reason
    assert looked[str(damaged / "hole.mp3")].heard.seconds_missing == pytest.approx(4, abs=0.3)
    assert sum(file.state == "good" for file in looked.values()) == 7
