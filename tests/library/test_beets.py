"""The plugin for beets, in a real library of beets' own."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen import id3

import kerastag
from kerastag import tags
from kerastag.library import describing, results, tag_fields
from kerastag.metrics import decisions
from kerastag.runs import run_folder

pytest.importorskip("beets", reason="beets is not installed")
ROOT = pathlib.Path(__file__).parents[2]
PLUGINS = ROOT / "kerastag" / "library" / "beetsplug"
DEAF = "sys.modules['tensorflow'] = sys.modules['keras'] = None"  # nothing can be heard after this
WITHOUT_KERASTAG = "sys.modules['kerastag'] = None"
BETWEEN_VALUES = "\\␀"  # in the database of beets


@pytest.fixture(scope="module")
def model(run, network, tmp_path_factory):
    """A run that is sure of two of its three tags, whatever it hears."""
    folder = run_folder.RunFolder(tmp_path_factory.mktemp("runs") / "sure")
    shutil.copytree(run, folder.path)
    network(num_tags=3).save(folder.model_path)
    decisions.write_thresholds(folder.thresholds_path, folder.vocabulary().names, np.array([0.0, 0.0, np.inf]))
    return folder.path


@pytest.fixture(scope="module")
def songs(music, tmp_path_factory):
    """A folder of three tracks, in three containers."""
    folder = tmp_path_factory.mktemp("songs")
    for number, suffix in enumerate(("flac", "mp3", "ogg")):
        waveform, rate = soundfile.read(music / "test" / f"{number}.wav")
        soundfile.write(folder / f"{number}.{suffix}", waveform, rate)
    return folder


class Beets:
    """A library of beets; calls are `beet` in a process of its own, from arguments to what was printed."""

    def __init__(self, place, songs, model, forks):
        self.place, self.model, self.forks = place, model, forks
        self.folder, self.cache, self.database = place / "music", place / "cache", place / "beets" / "library.db"
        shutil.copytree(songs, self.folder)
        self.database.parent.mkdir()
        self.own = {"copy": "no", "write": "no"}
        self.id3v23 = "no"

    def __call__(self, *arguments, code="", status=0, **settings):
        config = [
            *(f"directory: {self.place / 'kept'}", f"library: {self.database}"),
            *("plugins: kerastag", f"pluginpath: [{PLUGINS}]", f"id3v23: {self.id3v23}", "ui: {color: no}"),
            *("import:", "  autotag: no", *(f"  {name}: {value}" for name, value in self.own.items())),
            *("kerastag:", *(f"  {name}: {value}" for name, value in {"model": self.model, **settings}.items())),
        ]
        (self.database.parent / "config.yaml").write_text("\n".join(config) + "\n")
        environment = {
            **os.environ,
            "BEETSDIR": str(self.database.parent),
            "XDG_CACHE_HOME": str(self.cache),
            "PYTHONPATH": str(ROOT),
        }
        script = self.place / "beet.py"
        script.write_text(f"import sys\n{code}\nfrom beets.ui import main\nmain(sys.argv[1:])")
        arguments = [str(script), *map(str, arguments)]
        if code:
            command = [sys.executable, *arguments]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        else:  # it may start TensorFlow
            done = self.forks.run(arguments, environment, bare=False)
        assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
        self.told = done.stderr
        return done.stdout if status == 0 else done.stderr

    def hear(self, patch):
        """Hears the folder as any command of kerastag does, so that the plugin need not start TensorFlow."""
        with patch.context() as cached:
            cached.setenv("XDG_CACHE_HOME", str(self.cache))
            describing.Describer(str(self.model), describing.Wording()).describe(self.files())

    def files(self):
        return sorted(self.folder.iterdir())

    def contents(self):
        return {path.name: path.read_bytes() for path in self.files()}

    def fields(self):
        """The flexible fields of each track by the file's name, from the database itself."""
        query = "SELECT path, key, value FROM items JOIN item_attributes ON items.id = entity_id"
        found: dict = {}
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            for path, key, value in database.execute(query):
                found.setdefault(pathlib.Path(os.fsdecode(path)).name, {})[key] = value
        return found

    def moods(self):
        return {name: of.get("mood", "").split(BETWEEN_VALUES) for name, of in self.fields().items()}


@pytest.fixture
def beet(model, songs, forks, tmp_path, monkeypatch):
    """A library whose three tracks have been heard, and are imported."""
    library = Beets(tmp_path, songs, model, forks)
    library.hear(monkeypatch)
    library("import", "-qA", library.folder, code=DEAF)
    return library


def moods_in_file(path):
    """Values by place, as mutagen reads them."""
    read = mutagen.File(path).tags or {}
    places = {"mood": read.get("mood")} if not isinstance(read, id3.ID3) else {k: read.get(k) for k in PLACES}
    return {place: [str(value) for value in values] for place, values in places.items() if values}


PLACES = ("TMOO", "TXXX:MOOD")


def test_scores_and_moods_are_fields_that_can_be_asked_for(beet):
    before = beet.contents()
    pretended = beet("kerastag", "-p", code=DEAF, max_tags=2)
    assert pretended.count("mood:") == 3 and not any(key.startswith("kerastag") for key in beet.fields()["0.flac"])
    beet("kerastag", code=DEAF, max_tags=2)
    assert beet.contents() == before
    tagger, fields = kerastag.load(beet.model), beet.fields()
    for path in beet.files():
        scores, of = tagger.score(path), fields[path.name]
        np.testing.assert_allclose([float(of[f"kerastag_{tag}"]) for tag in scores], list(scores.values()), atol=1e-6)
        assert of["mood"].split(BETWEEN_VALUES) == tagger.decide(scores)[:2]
    low, mood = scores["low"], tagger.decide(scores)[1]
    asked = ["ls", "-f", "$path", f"path:{path}", f"mood:{mood}"]
    # by now the fields are known without kerastag
    assert beet(*asked, f"kerastag_low:{low - 1e-5}..{low + 1e-5}", code=WITHOUT_KERASTAG).strip() == str(path)
    assert not beet(*asked, f"kerastag_low:{low + 1e-5}..", code=WITHOUT_KERASTAG)
    assert not beet("kerastag", code=DEAF) and "tracks: 0 described, 3 as they were" in beet.told


def test_moods_are_written_as_several_values_where_it_is_asked_for(beet):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    words = beet.place / "words.tsv"
    words.write_text("high\tbright\nlow\tdeep\n")
    before = beet.contents()
    beet("kerastag", code=DEAF, vocabulary=words, write="no")
    beet("write", "-f", write="no")  # by beets itself
    assert not any(map(moods_in_file, beet.files()))
    beet("kerastag", "-w", code=DEAF, vocabulary=words)  # they have it all, but for the files
    for path, expected in zip(beet.files(), beet.moods().values(), strict=True):
        assert sorted(expected) == ["bright", "deep"]
        assert moods_in_file(path) == {"TMOO" if path.suffix == ".mp3" else "mood": expected}
        with av.open(str(path)) as file:
            told = {name.lower(): value for name, value in {**file.metadata, **file.streams[0].metadata}.items()}
        # FFmpeg shows the first value of an ID3 frame, and joins Vorbis comments
        assert (told.get("mood") or told.get("tmoo")).split(";")[0] == expected[0]
    written = beet.contents()
    assert written != before
    beet("kerastag", "-f", "-w", code=DEAF, vocabulary=words)  # what beets wrote is known as what was heard
    assert "tracks: 3 described" in beet.told and beet.contents() == written


@pytest.mark.parametrize("id3v23", ["no", "yes"])
def test_moods_of_the_owner_stay_unless_it_is_forced(model, songs, forks, tmp_path, monkeypatch, id3v23):
    beet = Beets(tmp_path, songs, model, forks)
    beet.id3v23 = id3v23
    flac, mp3, ogg = beet.files()
    comments = mutagen.File(flac)
    comments["MOOD"] = ["melancholy", "my/own; one"]
    comments.save()
    frames = id3.ID3()
    frames.add(id3.TXXX(encoding=id3.Encoding.UTF8, desc="Mood", text=["melancholy"]))
    frames.save(mp3)
    beet.hear(monkeypatch)
    beet.own["write"] = "yes"
    beet("import", "-qA", beet.folder)
    with contextlib.closing(sqlite3.connect(beet.database)) as database, database:
        database.execute("DELETE FROM item_attributes WHERE key = 'mood'")  # as if there had been no plugin
    before = beet.contents()
    beet("kerastag", code=DEAF)
    assert beet.moods()["1.mp3"] == ["melancholy"] and moods_in_file(flac)["mood"][0] == "melancholy"
    assert {name for name, content in beet.contents().items() if content != before[name]} == {"2.ogg"}
    beet("kerastag", "-f", code=DEAF)
    ours = beet.moods()
    assert sorted(ours["1.mp3"]) == ["high", "low"]
    assert moods_in_file(flac) == {"mood": ours["0.flac"]} and moods_in_file(ogg) == {"mood": ours["2.ogg"]}
    places = ("TXXX:MOOD",) if id3v23 == "yes" else PLACES  # ID3v2.3 has no TMOO
    assert moods_in_file(mp3) == dict.fromkeys(places, ours["1.mp3"])
    assert id3.ID3(mp3, translate=False).version == ((2, 3, 0) if id3v23 == "yes" else (2, 4, 0))
    assert "\0".join(ours["1.mp3"]).encode("utf-16-le") in mp3.read_bytes()  # no slash between them


def test_an_import_hears_what_it_can_and_imports_the_rest(model, songs, forks, tmp_path):
    beet = Beets(tmp_path, songs, model, forks)
    content = (beet.folder / "0.flac").read_bytes()
    (beet.folder / "broken.flac").write_bytes(content[: content.find(b"\xff\xf8", 42)])  # its tags, and no music
    beet.own["copy"] = "yes"
    beet("import", "-qA", beet.folder, auto="yes")
    assert "broken.flac" in beet.told
    query = "SELECT count(*), sum(scores IS NOT NULL) FROM results"
    with contextlib.closing(sqlite3.connect(beet.cache / "kerastag" / results.FILE)) as database:
        assert database.execute(query).fetchone() == (4, 3)
    heard = {name for name, of in beet.fields().items() if "kerastag_low" in of}
    assert len(beet("ls").splitlines()) == 4 and len(heard) == 3
    beet("kerastag", "-f", code=DEAF)  # the copies are known, the one that cannot be heard too
    assert "tracks: 3 described, 0 as they were, 1 could not be heard" in beet.told


def test_an_import_goes_on_without_the_model(model, songs, forks, tmp_path):
    beet = Beets(tmp_path, songs, "nowhere/at/all", forks)
    beet("import", "-qA", beet.folder, auto="yes")
    assert "nowhere/at/all: no such folder; nothing is heard" in beet.told
    assert len(beet.fields()) == 3


@pytest.mark.parametrize(
    "settings, told",
    [
        ({"model": "nowhere/at/all"}, "nowhere/at/all: no such folder"),
        ({"field": "title"}, "kerastag.field: title"),
        ({"exclude": "[hihg]"}, "unknown tag 'hihg'"),
        ({"write": "maybe"}, "kerastag.write: must be"),
        ({"max_tags": "0"}, "kerastag.max_tags: must be at least 1"),
    ],
)
def test_wrong_settings_are_one_line(songs, model, forks, tmp_path, settings, told):
    said = Beets(tmp_path, songs, model, forks)("kerastag", status=1, **settings)
    assert told in said.splitlines()[-1] and "error: " in said.splitlines()[-1]


def test_names_of_fields():
    vocabulary = tags.Vocabulary(["mood/theme---Feel Good", "genre---feel-good", "a---90s", "model", "Ünder_score"])
    fields = tag_fields.names(vocabulary, "kerastag_", ["kerastag_model"])
    assert fields == (
        *("kerastag_feel_good", "kerastag_feel_good_2", "kerastag_90s", "kerastag_model_2", "kerastag_ünder_score"),
    )
    assert len(tag_fields.clashes(vocabulary, "kerastag_", ["kerastag_model"])) == 2


def test_fields_are_remembered_until_the_models_tags_change(tmp_path):
    from kerastag.library.beetsplug.kerastag import remembered

    path, listed, looked = tmp_path / "fields.json", tmp_path / "tags.txt", []

    def fields(model="runs/a", found=("x",)):
        def look():
            looked.append(model)
            return found and (listed, found)

        return remembered.fields(str(path), model, look)

    assert fields(found=None) == ()  # not here yet
    listed.write_text("x\n")
    assert fields() == ("x",) and fields(found=("other",)) == ("x",) and len(looked) == 2
    listed.write_text("x\ny\n")
    assert fields(found=("x", "y")) == ("x", "y") and len(looked) == 3
    listed.unlink()
    assert fields(found=None) == ("x", "y")  # the model is away
    assert fields("runs/b", found=None) == ()
    path.write_text("[not these")
    assert fields(found=("z",)) == ("z",)


@pytest.mark.parametrize(
    "content",
    ["[]", "[" * 99_999, '{"model": "m", "tags": 0, "status": [], "fields": ["x"]}', "\0", "1" * 5_000]
    + [f'{{"model": "m", "tags": "t", "status": [], "fields": {fields}}}' for fields in ("5", "[1]", "{}", '"x"')],
)
def test_what_is_remembered_wrongly_is_looked_up_anew(content, tmp_path):
    from kerastag.library.beetsplug.kerastag import remembered

    (tmp_path / "fields.json").write_text(content)
    (tmp_path / "tags.txt").write_text("calm\n")
    looked_up = (tmp_path / "tags.txt", ("calm",))
    assert remembered.fields(str(tmp_path / "fields.json"), "m", lambda: looked_up) == ("calm",)
