"""`kerastag tag --tracks`: shards by command, its status, and which flags do not go together."""

import shutil
import signal
import subprocess
import sys
import time

import pytest

from kerastag import tag
from kerastag.catalogue import shards

dataset = pytest.importorskip("pyarrow.dataset", exc_type=ImportError, reason="pyarrow is missing or does not load")


@pytest.fixture
def job(music, run, tmp_path, capsys):
    """A function from flags to the exit status, what was printed and the errors; six tracks, of which one is broken."""
    shutil.copytree(music / "test", tmp_path / "library")
    (tmp_path / "library" / "5.wav").write_bytes(b"not audio")
    (tmp_path / "tracks.tsv").write_text("path\n" + "".join(f"library/{number}.wav\n" for number in range(6)))

    def call(*arguments):
        flags = [f"--tracks={tmp_path / 'tracks.tsv'}", f"--output={tmp_path / 'job'}", f"--model={run}"]
        status = tag.COMMAND.run([*flags, "--num_chunks=1", "--precision=float32", *arguments])
        return status, *capsys.readouterr()

    return call


def test_shards_by_number_then_the_rest(job, tmp_path):
    status, out, err = job("--shards=3", "--shard=1")
    assert (status, out) == (0, "")
    assert (
        err
        == f"{tmp_path / 'job'}: 1 shards, 2 tracks, 0 of them with a reason instead of scores; 2 of 3 shards left\n"
    )
    assert job()[2].endswith("2 shards, 4 tracks, 1 of them with a reason instead of scores; 0 of 3 shards left\n")
    assert job("--quiet") == (0, "", "")
    table = dataset.dataset(tmp_path / "job" / "parts").to_table().to_pydict()
    assert list(table) == ["path", "high", "low", "mid", "reason", "heard_in_part"]
    assert table["path"] == [f"library/{number}.wav" for number in range(6)]
    assert [reason is None for reason in table["reason"]] == [True] * 5 + [False]


def test_the_status_tells_shards_and_tracks(job, tmp_path, capsys):
    job("--shards=3", "--shard=2")
    assert tag.COMMAND.run(["--status", f"--output={tmp_path / 'job'}"]) == 0
    assert capsys.readouterr().out == (
        "1 shards done, 0 taken, 2 left; 2 tracks done, 1 of them with a reason instead of scores, 4 left\n"
    )
    assert tag.COMMAND.run(["--status", f"--output={tmp_path}"]) == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--watch=2", "--watch is not for --tracks"),
        ("--taggrams=x", "--taggrams is not for --tracks"),
        ("--exclude=high", "--exclude is not for --tracks"),
        ("--ray_gpus=1", "--ray_gpus is for --engine=ray"),
        ("--engine=ray --shard=0", "--shard and --engine=ray"),
        ("--engine=ray --results=r.sqlite", "--results and --engine=ray"),
        ("--shards=2 --shard=2", "the shards are 0 to 1"),
        ("song.mp3", "'song.mp3' and --tracks: give paths or a table of them"),
    ],
)
def test_flags_that_do_not_go_together(job, tmp_path, flags, words):
    status, _, err = job(*flags.split())
    assert status == 2 and words in err and len(err.splitlines()) == 1
    assert not (tmp_path / "job").exists()


def test_flags_of_tables_need_one(run, music, capsys):
    assert tag.COMMAND.run([str(music), f"--model={run}", "--shards=3"]) == 2
    assert "--shards is for --tracks, which is not given" in capsys.readouterr().err
    assert tag.COMMAND.run(["--tracks=a.tsv"]) == 2
    assert "need --output" in capsys.readouterr().err


def test_sigterm_gives_the_shard_back(job, run, tmp_path):
    """A worker that is told to end while it hears; it had the lease for ages."""
    slow = (
        "import sys, time\n"
        "from kerastag.library import listening\n"
        "def hear(self, paths, on_files, embeddings):\n"
        "    print('hearing', flush=True)\n"
        "    time.sleep(60)\n"
        "listening.Listener.hear = hear\n"
        "from kerastag import tag\n"
        "sys.exit(tag.COMMAND.run(sys.argv[1:]))\n"
    )
    flags = [f"--tracks={tmp_path / 'tracks.tsv'}", f"--output={tmp_path / 'job'}", f"--model={run}", "--shards=1"]
    with subprocess.Popen(
        [sys.executable, "-c", slow, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "hearing\n"
        assert shards.Job(tmp_path / "job", 300.0).status().shards_taken == 1
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err == "kerastag tag: interrupted\n" and time.monotonic() - begun < 20
    assert shards.Job(tmp_path / "job", 300.0).status().shards_left == 1
