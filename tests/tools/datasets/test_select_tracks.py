"""tools.datasets.select_tracks: which tags match, where the audio lies, what is dropped and told."""

import pathlib
import subprocess
import sys

import pytest

from kerastag import errors, tags
from kerastag.data import splits
from tools.datasets import select_tracks

ROOT = pathlib.Path(__file__).resolve().parents[3]
PUBLISHED = ROOT.parent / "shared/data/mediaeval2020"

TAGS = ("mood/theme---christmas", "mood/theme---happy", "mood/theme---sad", "mood/theme---slow")
RELEASE = (
    "id\ttags",
    "0aB\tpop,Happy",
    "1cD\trock, pop,british",
    "2eF\tmelancholy,Christmas music,happy",
    "3gH\t",
    "4iJ\thappy,sad,happy",
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tags.txt").write_text("".join(f"{name}\n" for name in TAGS))
    (tmp_path / "id_tags.csv").write_text("\r\n".join(RELEASE) + "\r\n")
    (tmp_path / "synonyms.tsv").write_text("Melancholy\tsad\n\nchristmas music\tmood/theme---christmas\n")
    return tmp_path


def run(folder: pathlib.Path, *arguments: str, table: str = "id_tags.csv") -> int:
    named = [f"--table={folder / table}", f"--tags={folder / 'tags.txt'}", f"--output={folder / 'out.tsv'}"]
    return select_tracks.COMMAND.run([*named, *arguments])


def test_the_release_of_music4all_becomes_a_split_file(folder, capsys):
    assert run(folder) == 0
    assert (folder / "out.tsv").read_text().splitlines() == [
        "TRACK_ID\tPATH\tTAGS",
        "0aB\taudios/0aB.mp3\tmood/theme---happy",
        "2eF\taudios/2eF.mp3\tmood/theme---happy",
        "4iJ\taudios/4iJ.mp3\tmood/theme---happy\tmood/theme---sad",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "5 tracks in the table",
        "3 kept, with 2 tags 4 times",
        "1 dropped, whose tags are all outside the vocabulary",
        "1 dropped, which have no tag",
        "5 tags dropped, 6 times: pop (2), rock (1), british (1), melancholy (1), Christmas music (1)",
        "2 tags of the vocabulary have no track: christmas, slow",
        f"{folder}/out.tsv: written",
    ]
    vocabulary = tags.Vocabulary.read(folder / "tags.txt")
    assert len(splits.read(folder / "out.tsv", vocabulary)) == 3


def test_synonyms_stand_for_tags_of_the_vocabulary(folder):
    assert run(folder, f"--synonyms={folder}/synonyms.tsv") == 0
    row = (folder / "out.tsv").read_text().splitlines()[2].split("\t")
    assert row[2:] == ["mood/theme---sad", "mood/theme---christmas", "mood/theme---happy"]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("{id}", "0aB"), ("{id[0]}/{id[1]}/{id}", "0/a/0aB"), ("all/{id}.flac", "all/0aB.flac")],
)
def test_the_pattern_says_where_audio_lies(folder, pattern, path):
    assert run(folder, f"--path_pattern={pattern}") == 0
    assert splits.read(folder / "out.tsv").tracks[0].path == path


@pytest.mark.parametrize("pattern", ["{}", "{name}", "{id", "{id[9]}", "{id.x}", "/{id}", "../{id}", " ", "a\t{id}"])
def test_a_pattern_that_makes_no_path_is_a_usage_error(folder, pattern, capsys):
    assert run(folder, f"--path_pattern={pattern}") == 2
    assert capsys.readouterr().err.startswith("python -m tools.datasets.select_tracks: --path_pattern=")
    assert not (folder / "out.tsv").exists()


def test_published_forms_keep_their_paths(folder):
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
    rows = ("t1\tar1\tal1\t48/1.mp3\t9.0\tmood/theme---sad\tgenre---sad", "t2\t\t\tb.mp3\t\tgenre---happy")
    (folder / "train.tsv").write_text("\n".join([header, *rows, "t3\t\t\tc.mp3\t\t"]) + "\n")
    assert run(folder, table="train.tsv") == 0
    assert (folder / "out.tsv").read_text() == "TRACK_ID\tPATH\tTAGS\nt1\t48/1.mp3\tmood/theme---sad\n"
    assert run(folder, "--overwrite", "--path_pattern={id}.ogg", table="out.tsv") == 0
    assert (folder / "out.tsv").read_text() == "TRACK_ID\tPATH\tTAGS\nt1\tt1.ogg\tmood/theme---sad\n"


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("HAPPY", ["mood---happy"]),
        ("Mood---Happy", ["mood---happy"]),
        ("genre---happy", []),
        ("calm", []),  # of which of the two?
        ("mood---calm", ["mood---calm"]),
        ("Slow", ["slow"]),
        ("tempo---slow", ["slow"]),
        ("rock", ["rock"]),
        ("Rock", ["Rock"]),
        ("ROCK", []),
        ("unhappy", []),
        ("Cheerful", ["mood---happy", "slow"]),
    ],
)
def test_what_a_tag_matches(name, matches):
    vocabulary = tags.Vocabulary(["mood---happy", "mood---calm", "genre---calm", "slow", "rock", "Rock"])
    synonyms = [("cheerful", "mood---happy"), ("cheerful", "slow")]
    assert select_tracks.Matcher(vocabulary, synonyms).match(name) == matches


def test_nothing_is_replaced_or_written_by_halves(folder, capsys):
    (folder / "out.tsv").write_text("mine")
    assert run(folder) == 1
    assert capsys.readouterr().err == f"{folder}/out.tsv: exists already (see --overwrite)\n"
    (folder / "tags.txt").write_text("polka\n")
    assert run(folder, "--overwrite") == 1
    assert capsys.readouterr().err == f"{folder}/out.tsv: not written, no track has a tag of the vocabulary\n"
    assert (folder / "out.tsv").read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "id_tags.csv",
        "out.tsv",
        "synonyms.tsv",
        "tags.txt",
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("id\ttags\na\thappy\na\tsad", "table.csv:3: id 'a' is in line 2 already"),
        ("id\ttags\n\na\thappy\tsad", "table.csv:3: 'a\\\\thappy\\\\tsad' is not an id and tags"),
        ("id\ttags\n\thappy", "table.csv:2: .* is not an id and tags, parted by a tab"),
        ("id,tags\na,happy", "table.csv:1: the header is 'id,tags', not TRACK_ID"),
        ("", "table.csv:1: the header is ''"),
    ],
)
def test_a_faulty_table_is_named_with_its_line(folder, lines, message):
    (folder / "table.csv").write_text(lines)
    with pytest.raises(errors.KerastagError, match=message):
        select_tracks.read_table(folder / "table.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\thappy\nb happy", "s.tsv:2: 'b happy' is not 'theirs<TAB>ours'"),
        (b"a\t", "s.tsv:1: 'a\\\\t' is not"),
        (b"a\thapy", "s.tsv:1: unknown tag 'hapy'; did you mean 'happy'"),
        (b"a\thappy\n\xfc\thappy", "s.tsv:2: not UTF-8"),
    ],
)
def test_faulty_synonyms_are_named_with_their_line(folder, data, message):
    (folder / "s.tsv").write_bytes(data)
    with pytest.raises(errors.KerastagError, match=message):
        select_tracks.read_synonyms(folder / "s.tsv", tags.Vocabulary(TAGS))


def test_missing_files_and_flags(folder, capsys):
    assert run(folder, table="gone.csv") == 1
    assert capsys.readouterr().err == f"{folder}/gone.csv: no such file or directory\n"
    assert select_tracks.COMMAND.run(["--table=a"]) == 2
    assert capsys.readouterr().err == "python -m tools.datasets.select_tracks: --tags is needed (see --help)\n"


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "tools.datasets.select_tracks", "--help"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.startswith("usage: python -m tools.datasets.select_tracks ")


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the MediaEval 2020 data in ../shared")
def test_the_published_selection_is_its_own_selection(tmp_path, capsys):
    table, names = PUBLISHED / "music4all_moodtheme-train.tsv", PUBLISHED / "moodtheme_tags.txt"
    arguments = [f"--table={table}", f"--tags={names}", f"--output={tmp_path}/out.tsv"]
    assert select_tracks.COMMAND.run(arguments) == 0
    vocabulary = tags.Vocabulary.read(names)
    assert splits.read(tmp_path / "out.tsv", vocabulary).tracks == splits.read(table, vocabulary).tracks
    assert "5,666 kept, with 52 tags 6,143 times" in capsys.readouterr().out
