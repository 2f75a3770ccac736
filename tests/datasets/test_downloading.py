"""kerastag download mtg_jamendo against a server of the same layout that misbehaves."""

import collections
import errno
import fcntl
import json
import os
import pathlib
import shutil

import pytest

from kerastag import download, files
from kerastag.datasets import downloading, unpacking
from tests.datasets import tiny_jamendo

ALL_TRACKS = [f"{part}/{number}{part}.mp3" for part in tiny_jamendo.PARTS for number in (1, 2, 3)]
SPLITS = ["test.tsv", "train.tsv", "validation.tsv"]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "music"


def errors_of(capsys):
    return capsys.readouterr().err.splitlines()


def check_whole(jamendo, folder, archives=()):
    """All is there as it was published, and nothing else."""
    assert tiny_jamendo.left(folder) == sorted([*ALL_TRACKS, *SPLITS, "audio_licenses.txt", *archives])
    for tracks in jamendo.tracks.values():
        for name, content in tracks.items():
            assert (folder / name).read_bytes() == content
    for name, content in jamendo.splits.items():
        assert (folder / f"{name}.tsv").read_bytes() == content


def test_all_of_it_comes_once_and_its_terms_are_told(jamendo, folder, capsys):
    assert jamendo.download(folder) == 0
    shown = capsys.readouterr()
    assert "3 parts, 9 tracks; to fetch: 3 parts, about 0.0 GB" in shown.out and shown.err == ""
    assert "CC BY-NC-SA 4.0" in shown.out and "Creative Commons, track by track" in shown.out
    assert f"kerastag train --preset=paper_bce --data_dir={folder}" in shown.out
    check_whole(jamendo, folder, [f"archives/autotagging_moodtheme_audio-{part}.tar" for part in tiny_jamendo.PARTS])
    jamendo.server.asked.clear()
    assert jamendo.download(folder) == 0
    assert "all are here and verified" in capsys.readouterr().out and jamendo.server.asked == []
    assert jamendo.download(folder, "--remove_archives") == 0
    check_whole(jamendo, folder)


def test_archives_go_on_request_as_their_tracks_come(jamendo, folder):
    assert jamendo.download(folder, "--remove_archives") == 0
    check_whole(jamendo, folder)
    assert [part for part, _ in jamendo.archives_asked()] == ["00", "01", "02"]


def test_a_dry_run_asks_for_lists_alone_and_writes_nothing(jamendo, folder, capsys):
    assert jamendo.download(folder, "--dry_run", "--parts=02,00") == 0
    assert "2 parts, 6 tracks; to fetch: 2 parts" in capsys.readouterr().out
    assert jamendo.archives_asked() == [] and not folder.exists()


def test_some_parts_make_a_smaller_data_set_that_grows(jamendo, folder, capsys):
    assert jamendo.download(folder, "--parts=01", "--remove_archives") == 0
    assert [line.partition(": ")[2] for line in errors_of(capsys)] == ["1 of 3 tracks, those that are here"] * 3
    header, row = (folder / "train.tsv").read_bytes().splitlines(keepends=True)
    assert header == tiny_jamendo.HEADER.encode() and row.split(b"\t")[3] == b"01/101.mp3"
    assert jamendo.download(folder, "--remove_archives") == 0
    check_whole(jamendo, folder)
    assert [part for part, _ in jamendo.archives_asked()] == ["01", "00", "02"]


def test_connections_that_break_off_go_on_from_there(jamendo, folder):
    num_lists = 6
    jamendo.server.drop_after = [*[None] * num_lists, 40_960, None, 8192, 8192]
    assert jamendo.download(folder, "--remove_archives") == 0
    check_whole(jamendo, folder)
    asked = [("00", None), ("00", "bytes=40960-"), ("01", None), ("01", "bytes=8192-"), ("01", "bytes=16384-")]
    assert jamendo.archives_asked() == [*asked, ("02", None)]


def test_an_interrupted_run_goes_on_with_what_had_come(jamendo, folder, monkeypatch):
    fetched, opened = [], unpacking.unpack

    def interrupted(archive, *rest):
        fetched.append(archive.name)
        if len(fetched) == 2:
            raise KeyboardInterrupt
        return opened(archive, *rest)

    monkeypatch.setattr(unpacking, "unpack", interrupted)
    assert jamendo.download(folder) == 130
    assert jamendo.download(folder, "--remove_archives") == 0
    check_whole(jamendo, folder)
    # the second archive had come and was not unpacked
    assert [part for part, _ in jamendo.archives_asked()] == ["00", "01", "02"]


def test_a_server_that_ignores_ranges_sends_all_again(jamendo, folder):
    jamendo.server.ranges, jamendo.server.drop_after = False, [*[None] * 6, 40_960]
    assert jamendo.download(folder, "--remove_archives") == 0
    check_whole(jamendo, folder)


def test_a_corrupt_archive_is_told_and_the_others_come(jamendo, folder, capsys):
    good = jamendo.server.files[jamendo.path("01")]
    jamendo.server.files[jamendo.path("01")] = good[:600] + b"!" + good[601:]
    assert jamendo.download(folder, "--remove_archives") == 3
    told = errors_of(capsys)
    assert told[0].startswith("[2 of 3] part 01: ") and "gave other bytes than those that were published" in told[0]
    assert told[-1] == f"{folder}: parts that are not whole here: 1; the same command goes on from what is"
    assert tiny_jamendo.left(folder) == sorted(
        [*(name for name in ALL_TRACKS if not name.startswith("01")), *SPLITS, "audio_licenses.txt"]
    )
    assert len((folder / "train.tsv").read_bytes().splitlines()) == 3
    jamendo.server.files[jamendo.path("01")] = good
    jamendo.server.asked.clear()
    assert jamendo.download(folder, "--remove_archives") == 0
    assert [part for part, _ in jamendo.archives_asked()] == ["01"]
    check_whole(jamendo, folder)


def test_a_track_of_other_bytes_is_not_written_but_its_neighbours_are(jamendo, folder, capsys):
    tracks = {**jamendo.tracks["01"], "01/201.mp3": b"other"}
    jamendo.put_archive("01", tiny_jamendo.archive((tiny_jamendo.entry(name), data) for name, data in tracks.items()))
    assert jamendo.download(folder) == 3
    assert "part 01: 01/201.mp3: other bytes than the list says" in errors_of(capsys)[0]
    assert sorted(path.name for path in (folder / "01").iterdir()) == ["101.mp3", "301.mp3"]
    assert b"01/201.mp3" not in (folder / "validation.tsv").read_bytes()


def test_damaged_and_missing_tracks_come_again_and_others_stay(jamendo, folder):
    assert jamendo.download(folder, "--remove_archives") == 0
    (folder / "00/100.mp3").rename(folder / "00/.100.77.partial.mp3")  # as a process that was killed leaves it
    damaged = folder / "01/101.mp3"
    before = damaged.stat()
    damaged.write_bytes(b"?" + damaged.read_bytes()[1:])
    os.utime(damaged, ns=(before.st_atime_ns, before.st_mtime_ns))
    kept = (folder / "00/200.mp3").stat()
    jamendo.server.asked.clear()
    assert jamendo.download(folder, "--remove_archives") == 0
    assert [part for part, _ in jamendo.archives_asked()] == ["00"]  # size and time of the damaged one are as they were
    assert jamendo.download(folder, "--remove_archives", "--recheck") == 0
    assert [part for part, _ in jamendo.archives_asked()] == ["00", "01"]
    check_whole(jamendo, folder)
    assert (folder / "00/200.mp3").stat().st_mtime_ns == kept.st_mtime_ns


def test_tracks_that_are_there_already_are_verified_and_taken(jamendo, folder):
    for name, content in jamendo.tracks["02"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert jamendo.download(folder, "--remove_archives") == 0
    assert [part for part, _ in jamendo.archives_asked()] == ["00", "01"]
    check_whole(jamendo, folder)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--parts=00,7"], "--parts: no part '7'; there are 00 to 02"),
        (["--parts="], "--parts: name one at least"),
        (["--subset=moods"], "moods"),
        (["--type=flac"], "flac"),
        (["--mirror=elsewhere"], "--mirror: 'elsewhere' is none of mtg-fast, mtg, nor an address"),
    ],
)
def test_wrong_use_ends_before_work(jamendo, folder, capsys, arguments, told):
    assert jamendo.download(folder, *arguments) == 2
    assert told in capsys.readouterr().err
    assert jamendo.archives_asked() == [] and not folder.exists()


@pytest.mark.parametrize("arguments", [[], ["mtg_jamendo"], ["fma", "--data_dir=a"]])
def test_a_data_set_and_a_folder_are_named(arguments, capsys):
    assert download.COMMAND.run(arguments) == 2
    assert "name" in capsys.readouterr().err


def test_a_folder_of_another_data_set_stays_as_it_is(jamendo, folder, capsys):
    folder.mkdir()
    (folder / "train.tsv").write_text("mine")
    assert jamendo.download(folder) == 1
    assert errors_of(capsys) == [f"{folder}: holds train.tsv of another data set; take another folder (see --data_dir)"]
    assert [path.name for path in folder.iterdir()] == ["train.tsv"] and jamendo.server.asked == []
    other = folder.with_name("other")
    assert jamendo.download(other, "--parts=00") == 0
    capsys.readouterr()
    assert jamendo.download(other, "--subset=autotagging_genre") == 1
    assert "holds mtg_jamendo autotagging_moodtheme audio; take another folder" in errors_of(capsys)[0]
    (folder / "train.tsv").unlink()
    folder.rmdir()
    folder.write_text("")
    assert jamendo.download(folder) == 1 and "is no folder" in errors_of(capsys)[0]


def test_no_server_of_lists(jamendo, folder, capsys):
    jamendo.server.status = 503
    assert jamendo.download(folder) == 1
    assert "the server answers 503" in errors_of(capsys)[0]
    assert not folder.exists()


def test_no_server_of_archives_is_not_asked_a_hundred_times(jamendo, folder, capsys, monkeypatch):
    monkeypatch.setattr(downloading, "MAX_FAILURES_IN_A_ROW", 2)
    assert jamendo.download(folder, "--mirror=http://127.0.0.1:1") == 3
    told = errors_of(capsys)
    assert "127.0.0.1: cannot be reached" in told[0] and "127.0.0.1: cannot be reached" in told[1]
    assert told[2] == "2 parts in a row failed; left for another time: 1"
    assert "parts that are not whole here: 3" in told[-1]


@pytest.mark.parametrize(
    ("what", "line", "told"),
    [
        ("tracks", b"0123 00/100.mp3\n", "tracks.txt:1: not a SHA-256 and a name"),
        ("tracks", b"0" * 64 + b" ../evil.mp3\n", "tracks.txt:1: '../evil.mp3' is no FOLDER/FILE"),
        ("tars", b"0" * 64 + b" evil-00.tar\n", "archives.txt:1: 'evil-00.tar' is no archive of"),
        ("tracks", b"0" * 64 + b" 55/55.mp3\n", "no track of the splits is in the lists"),
    ],
)
def test_lists_that_are_none(jamendo, folder, capsys, what, line, told):
    jamendo.put_list(f"data/download/autotagging_moodtheme_audio_sha256_{what}.txt", line)
    assert jamendo.download(folder) == 1
    assert told in errors_of(capsys)[0] and not folder.exists()


def test_room_is_looked_for_before_work(jamendo, folder, capsys, monkeypatch):
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(300_000))  # 3 parts are 195 kB, as are their archives
    assert jamendo.download(folder) == 1
    assert "no room: about 0.0 GB are needed and 0.0 GB free (see --remove_archives)" in errors_of(capsys)[0]
    assert jamendo.archives_asked() == [] and not folder.exists()
    assert jamendo.download(folder, "--remove_archives") == 0


def test_a_disk_that_fills_up_ends_the_run_and_keeps_what_came(jamendo, folder, capsys, monkeypatch):
    replaced = files.os.replace

    def full(source, target):
        if pathlib.Path(target).name == "201.mp3":
            raise OSError(errno.ENOSPC, "No space left on device", str(source))
        return replaced(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    assert jamendo.download(folder) == 3
    told = errors_of(capsys)
    assert told[0].startswith(f"[2 of 3] part 01: {folder}/01/201.mp3: cannot be written (no space left on device)")
    assert told[1] == "the disk is full; left for another time: 1"
    assert [path.name for path in (folder / "01").iterdir()] == ["101.mp3"]
    monkeypatch.undo()


def test_two_processes_at_once(jamendo, folder, capsys):
    assert jamendo.download(folder, "--parts=00") == 0
    capsys.readouterr()
    with (folder / ".mtg_jamendo" / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert jamendo.download(folder) == 1
    assert errors_of(capsys) == [f"{folder}: another process downloads into it just now"]


def test_lists_stay_those_with_which_a_folder_began(jamendo, folder):
    assert jamendo.download(folder, "--parts=00") == 0
    record = json.loads((folder / ".mtg_jamendo" / "record.json").read_text())
    assert record == {"dataset": "mtg_jamendo", "subset": "autotagging_moodtheme", "type": "audio"}
    jamendo.put_list("data/splits/split-0/autotagging_moodtheme-train.tsv", b"changed")
    assert jamendo.download(folder, "--remove_archives") == 0
    check_whole(jamendo, folder)


@pytest.mark.parametrize("kind", ["audio-low", "melspecs"])
def test_the_other_forms_have_names_of_their_own(server, monkeypatch, folder, kind, capsys):
    jamendo = tiny_jamendo.Jamendo(server, monkeypatch, kind)
    assert jamendo.download(folder, "--parts=00") == 0
    ending = {"audio-low": ".low.mp3", "melspecs": ".npy"}[kind]
    assert sorted(path.name for path in (folder / "00").iterdir()) == [f"{number}00{ending}" for number in (1, 2, 3)]
    assert b"00/100.mp3" in (folder / "train.tsv").read_bytes()
    assert ("kerastag train" in capsys.readouterr().out) == (kind != "melspecs")
