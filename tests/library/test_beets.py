"""The plugin for beets, in a real library of beets' own."""

import os
import pathlib
import shutil
import subprocess
import sys

import mutagen
import numpy as np
import pytest
import soundfile

import kerastag
from kerastag import tags
from kerastag.library import tag_fields
from kerastag.metrics import decisions
from kerastag.runs import run_folder

pytest.importorskip("beets", reason="beets is not installed")
ROOT = pathlib.Path(__file__).parents[2]
# after this, a network that is loaded ends the process
DEAF = "from kerastag.inference import tagger; tagger.open_source = None"


@pytest.fixture(scope="module")
def model(run, network, tmp_path_factory):
    """A run that is sure of two of its three tags, whatever it hears."""
    folder = run_folder.RunFolder(tmp_path_factory.mktemp("runs") / "sure")
    shutil.copytree(run, folder.path)
    network(num_tags=3).save(folder.model_path)
    decisions.write_thresholds(folder.thresholds_path, folder.vocabulary().names, np.array([0.0, 0.0, np.inf]))
    return folder.path


@pytest.fixture
def beet(model, music, tmp_path):
    """A function to `beet` in a process of its own: arguments to what was printed; and a folder of three tracks."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number, suffix in enumerate(("flac", "mp3", "ogg")):
        waveform, rate = soundfile.read(music / "test" / f"{number}.wav")
        soundfile.write(folder / f"{number}.{suffix}", waveform, rate)
    (tmp_path / "beets").mkdir()

    def call(*arguments, code="", status=0, **settings):
        lines = [f"  {name}: {value}" for name, value in {"model": model, **settings}.items()]
        config = [
            f"directory: {folder}",
            f"library: {tmp_path / 'beets' / 'library.db'}",
            "plugins: kerastag",
            f"pluginpath: [{ROOT / 'kerastag' / 'library' / 'beetsplug'}]",
            "import: {copy: no, write: no, autotag: no}",
            *("ui: {color: no}", "threaded: no", "kerastag:"),
            *lines,
        ]
        (tmp_path / "beets" / "config.yaml").write_text("\n".join(config) + "\n")
        environment = {
            **os.environ,
            "BEETSDIR": str(tmp_path / "beets"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "PYTHONPATH": str(ROOT),
        }
        script = f"import sys\n{code}\nfrom beets.ui import main\nmain(sys.argv[1:])"
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    call.folder = folder
    return call


def test_scores_and_moods_are_fields_that_can_be_asked_for(beet, model):
    beet("import", "-qA", beet.folder)
    before = {path: path.read_bytes() for path in beet.folder.iterdir()}
    pretended = beet("kerastag", "-p", max_tags=2)
    assert not beet("ls", "kerastag_low:0..")  # it only pretended
    done = beet("kerastag", code=DEAF, max_tags=2)  # which the user's results remember
    assert "mood:" in pretended and "mood:" in done
    assert {path: path.read_bytes() for path in beet.folder.iterdir()} == before
    tagger = kerastag.load(model)
    for path in before:
        scores = tagger.score(path)
        (line,) = beet("ls", f"path:{path}", "-f", "$kerastag_high $kerastag_low $kerastag_mid|$mood").splitlines()
        numbers, words = line.split("|")
        np.testing.assert_allclose(list(map(float, numbers.split())), list(scores.values()), atol=6e-5)
        assert words.split("; ") == tagger.decide(scores)[:2]
    asked = ["ls", f"path:{path}", "-f", "$path"]
    low = scores["low"]
    assert beet(*asked, f"kerastag_low:{low - 0.01}..{low + 0.01}").strip() == str(path)
    assert not beet(*asked, f"kerastag_low:{low + 0.01}..")
    assert beet(*asked, f"mood:{words.split('; ')[1]}").strip() == str(path)
    assert not beet("kerastag", code=DEAF)  # they have it all


def test_moods_are_written_as_several_values_where_it_is_asked_for(beet):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    beet("import", "-qA", beet.folder)
    words = beet.folder.parent / "words.tsv"
    words.write_text("high\tbright\nlow\tdeep\n")
    beet("kerastag", "-w", vocabulary=words)
    moods = {path.name: beet("ls", f"path:{path}", "-f", "$mood").strip() for path in beet.folder.iterdir()}
    assert all(sorted(of.split("; ")) == ["bright", "deep"] for of in moods.values())
    for path in beet.folder.iterdir():
        expected = moods[path.name].split("; ")
        read = mutagen.File(path).tags
        values = read.get("mood") or read.get("TMOO") or []
        assert [str(value) for value in values] == expected
        with av.open(str(path)) as file:
            told = {name.lower(): value for name, value in {**file.metadata, **file.streams[0].metadata}.items()}
        # FFmpeg shows the first value of an ID3 frame, and joins Vorbis comments
        assert (told.get("mood") or told.get("tmoo")).split(";")[0] == expected[0]
    before = {path: path.read_bytes() for path in beet.folder.iterdir()}
    beet("kerastag", "-f", "-w", code=DEAF, vocabulary=words)  # the written files are known
    assert {path: path.read_bytes() for path in beet.folder.iterdir()} == before


def test_an_import_hears_what_it_can_and_imports_the_rest(beet, music):
    shutil.copy(beet.folder / "0.flac", beet.folder / "broken.flac")
    content = bytearray((beet.folder / "broken.flac").read_bytes())
    content[len(content) // 8 :] = bytes(len(content) - len(content) // 8)  # beets reads its tags; there is no music
    head = content.find(b"\xff\xf8", 42)
    (beet.folder / "broken.flac").write_bytes(content[: max(head, 60)])
    beet("import", "-qA", beet.folder, auto="yes")
    names = beet("ls", "-f", "$path").split()
    heard = beet("ls", "kerastag_low:0..", "-f", "$path").split()
    assert len(names) == 4 and sorted(heard) == sorted(set(names) - {str(beet.folder / "broken.flac")})


def test_wrong_settings_are_one_line(beet):
    beet("import", "-qA", beet.folder)
    assert "nowhere/at/all: no such folder" in beet("kerastag", status=1, model="nowhere/at/all")
    assert "kerastag.field: title" in beet("kerastag", status=1, field="title")
    told = beet("kerastag", status=1, exclude="[hihg]")
    assert "unknown tag 'hihg'" in told and "Traceback" not in told


def test_names_of_fields():
    vocabulary = tags.Vocabulary(["mood/theme---Feel Good", "genre---feel-good", "a---90s", "model", "Ünder_score"])
    fields = tag_fields.names(vocabulary, "kerastag_", ["kerastag_model"])
    assert fields == (
        *("kerastag_feel_good", "kerastag_feel_good_2", "kerastag_90s", "kerastag_model_2", "kerastag_ünder_score"),
    )
    assert len(tag_fields.clashes(vocabulary, "kerastag_", ["kerastag_model"])) == 2
