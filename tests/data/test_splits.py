"""Split files are read as published; whatever else stands in them is refused with its line."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from kerastag import errors, tags
from kerastag.data import splits

ROOT = pathlib.Path(__file__).parents[2]
PUBLISHED = ROOT / "../shared/data/mediaeval2020"
MTG = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
SHORT = "TRACK_ID\tPATH\tTAGS"

needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the MediaEval 2020 data in ../shared")


@pytest.fixture
def vocabulary() -> tags.Vocabulary:
    return tags.Vocabulary(["mood/theme---dark", "mood/theme---happy", "mood/theme---slow"])


@pytest.fixture
def write(tmp_path):
    def write(*lines: str, name: str = "train.tsv", end: str = "\n") -> pathlib.Path:
        path = tmp_path / name
        path.write_bytes("".join(line + end for line in lines).encode())
        return path

    return write


def test_both_forms_are_read(write):
    path = write(MTG, "t1\tar1\tal1\t48/1.mp3\t212.7\tmood---a\tmood---b", "t2\t\t\t48/2.mp3\t\tmood---b")
    split = splits.read(path)
    assert split.tracks == (
        splits.Track("t1", "48/1.mp3", "ar1", "al1", 212.7, ("mood---a", "mood---b")),
        splits.Track("t2", "48/2.mp3", "", "", None, ("mood---b",)),
    )
    assert split.path == path and len(split) == 2 and split.num_untagged == 0 and split.dropped_tags == {}
    split = splits.read(write(SHORT, "x\tA/A/x\tmood---a"))
    assert split.tracks == (splits.Track("x", "A/A/x", "", "", None, ("mood---a",)),)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header", [SHORT, SHORT + "\t\t", SHORT + "\tTAGS\tTAGS", "\ufeff" + SHORT])
def test_line_ends_and_empty_columns_do_not_matter(write, header, end):
    path = write(header, "t1\ta.mp3\thappy\t\t", "", "t2\tb.mp3\t\thappy\tdark", "\t\t", end=end)
    assert [track.tags for track in splits.read(path).tracks] == [("happy",), ("happy", "dark")]


def test_a_file_without_a_last_line_end_is_whole(write):
    assert splits.read(write(SHORT + "\nt1\ta.mp3\thappy", end="")).tracks[0].tags == ("happy",)


def test_a_tag_given_twice_is_one_tag(write, vocabulary):
    path = write(SHORT, "t1\ta.mp3\thappy\tmood/theme---happy\thappy")
    assert splits.read(path, vocabulary).tracks[0].tags == ("mood/theme---happy",)
    assert splits.class_counts(splits.read(path), vocabulary).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("t3\ta.mp3\thapy", "unknown tag 'hapy'; did you mean 'happy'?"),
        ("t3\ta.mp3\t\t", "track 't3' has no known tags"),
        ("t3\ta.mp3", "track 't3' has no known tags"),
        ("t3", "1 columns, not TRACK_ID PATH TAGS"),
        ("t1\ta.mp3\thappy", "TRACK_ID 't1' is in line 2 already"),
        ("\ta.mp3\thappy", "empty TRACK_ID"),
        ("t3\t\thappy", "empty PATH"),
        ("t3\t  \thappy", "empty PATH"),
        ("t3\t/etc/passwd\thappy", "PATH '/etc/passwd' is absolute"),
        ("t3\tC:/a.mp3\thappy", "PATH 'C:/a.mp3' is absolute"),
        ("t3\ta/../../b.mp3\thappy", "PATH 'a/../../b.mp3' leads out of its folder"),
        ("t3\t..\\b.mp3\thappy", "PATH '..\\\\b.mp3' leads out of its folder"),
    ],
)
def test_a_faulty_line_is_named(write, vocabulary, line, message):
    path = write(SHORT, "t1\ta.mp3\thappy", "", line, "t4\td.mp3\thappy")
    with pytest.raises(errors.KerastagError) as caught:
        splits.read(path, vocabulary)
    assert str(caught.value) == f"{path}:4: {message}"


@pytest.mark.parametrize("duration", ["3:20", "nan", "inf", "-1"])
def test_a_duration_is_a_number_of_seconds(write, duration):
    path = write(MTG, f"t1\tar1\tal1\ta.mp3\t{duration}\thappy")
    with pytest.raises(errors.KerastagError, match=f"train.tsv:2: DURATION '{duration}' is not a number"):
        splits.read(path)


@pytest.mark.parametrize("path_column", ["...mp3", "a..b/c.mp3", "..a/b.mp3", "./a.mp3", "é/ü.mp3"])
def test_harmless_paths_are_kept_as_they_are(write, path_column):
    assert splits.read(write(SHORT, f"t1\t{path_column}\thappy")).tracks[0].path == path_column


@pytest.mark.parametrize(
    "header", ["", "TRACK_ID,PATH,TAGS", "t1\ta.mp3\thappy", "TRACK_ID\tTAGS", "PATH\tTRACK_ID\tTAGS"]
)
def test_another_header_is_refused(write, header):
    with pytest.raises(errors.KerastagError, match="train.tsv:1: the header is .* not TRACK_ID ARTIST_ID"):
        splits.read(write(header, "t1\ta.mp3\thappy"))


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_bytes(SHORT.encode() + b"\nt1\ta.mp3\thappy\nt2\t\xfc.mp3\thappy\n")
    with pytest.raises(errors.KerastagError) as caught:
        splits.read(path)
    assert str(caught.value) == f"{path}:3: not UTF-8"


def test_missing_and_empty_files_are_refused(write, tmp_path):
    with pytest.raises(errors.KerastagError, match=r"absent.tsv: no such file"):
        splits.read(tmp_path / "absent.tsv")
    with pytest.raises(errors.KerastagError, match="is a directory"):
        splits.read(tmp_path)
    with pytest.raises(errors.KerastagError, match="train.tsv:1: the header is ''"):
        splits.read(write())
    with pytest.raises(errors.KerastagError, match="train.tsv: no tracks$"):
        splits.read(write(SHORT, ""))
    with pytest.raises(errors.KerastagError, match="train.tsv: no tracks, 1 without tags$"):
        splits.read(write(SHORT, "t1\ta.mp3\t"), untagged="drop")


def test_what_is_dropped_is_counted(write, vocabulary):
    path = write(SHORT, "t1\ta\thappy\tsad", "t2\tb\tsad\tsad", "t3\tc\t", "t4\td\tslow\tgay\tsad")
    split = splits.read(path, vocabulary, unknown="drop", untagged="drop")
    assert [track.track_id for track in split.tracks] == ["t1", "t4"]
    assert split.dropped_tags == {"sad": 3, "gay": 1}
    assert split.num_untagged == 2
    with pytest.raises(errors.KerastagError, match="train.tsv:3: track 't2' has no known tags"):
        splits.read(path, vocabulary, unknown="drop")
    with pytest.raises(errors.KerastagError, match="train.tsv:4: track 't3' has no tags"):
        splits.read(path)


def test_labels_and_counts_agree(write, vocabulary):
    split = splits.read(write(SHORT, "t1\ta\thappy", "t2\tb\tmood/theme---slow\thappy"))
    labels = split.labels(vocabulary)
    assert labels.dtype == np.float32
    assert labels.tolist() == [[0, 1, 0], [0, 1, 1]]
    counts = splits.class_counts(split, vocabulary)
    assert counts.dtype == np.int64
    assert counts.tolist() == labels.sum(axis=0).tolist() == [0, 2, 1]
    assert splits.class_counts([split, split], vocabulary).tolist() == [0, 4, 2]


def test_tags_outside_the_vocabulary_are_not_counted_and_have_no_labels(write):
    split = splits.read(write(SHORT, "t1\ta\thappy\tsad"))
    vocabulary = tags.Vocabulary(["happy"])
    assert splits.class_counts([split], vocabulary).tolist() == [1]
    with pytest.raises(errors.KerastagError, match="train.tsv: unknown tag 'sad'"):
        split.labels(vocabulary)


def test_a_collected_vocabulary_is_alphabetical_and_knows_short_names(write):
    one = splits.read(write(SHORT, "t1\ta\tmood---slow\thappy", "t2\tb\tcalm"))
    two = splits.read(write(SHORT, "t1\ta\tmood---happy\tgenre---calm\tmood---calm", name="b.tsv"))
    assert splits.collect_vocabulary([one]).names == ("calm", "happy", "mood---slow")
    vocabulary = splits.collect_vocabulary([one, two])
    assert vocabulary.names == ("calm", "genre---calm", "mood---calm", "mood---happy", "mood---slow")
    assert one.labels(vocabulary).tolist() == [[0, 0, 0, 1, 1], [1, 0, 0, 0, 0]]


def test_a_split_lies_in_its_folder_unless_named():
    assert splits.split_path("music", None, "validation") == pathlib.Path("music/validation.tsv")
    assert splits.split_path("music", "", "test") == pathlib.Path("music/test.tsv")
    assert splits.split_path("music", "other/a.tsv", "train") == pathlib.Path("other/a.tsv")


def test_reading_needs_neither_tensorflow_nor_librosa():
    code = "import sys; from kerastag.data import splits; print([m for m in sys.modules if m in sys.argv])"
    heavy = ["tensorflow", "keras", "librosa", "sklearn"]
    command = [sys.executable, "-c", code, *heavy]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


@needs_published
def test_the_published_splits_are_read_whole():
    vocabulary = tags.Vocabulary.read(PUBLISHED / "moodtheme_tags.txt")
    train = splits.read(PUBLISHED / "autotagging_moodtheme-train.tsv", vocabulary)
    validation = splits.read(PUBLISHED / "autotagging_moodtheme-validation.tsv", vocabulary)
    music4all = splits.read(PUBLISHED / "music4all_moodtheme-train.tsv", vocabulary)
    assert (len(train), len(validation), len(music4all)) == (9949, 3802, 5666)
    assert train.tracks[0] == splits.Track(
        "track_0000948", "48/948.mp3", "artist_000087", "album_000149", 212.7, ("mood/theme---background",)
    )
    assert music4all.tracks[0].tags == ("mood/theme---happy", "mood/theme---fun")
    for split in (train, validation):
        assert splits.collect_vocabulary([split]) == vocabulary
    labels = np.load(PUBLISHED / "validation_labels.npy")
    np.testing.assert_array_equal(validation.labels(vocabulary), labels)
    np.testing.assert_array_equal(splits.class_counts(validation, vocabulary), labels.sum(axis=0))
