"""Archives that would do harm, are none, or hold more than is wanted."""

import tarfile

import pytest

from kerastag.datasets import unpacking
from tests.datasets import tiny_jamendo


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "music"


def errors_of(capsys):
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    "member",
    [
        tiny_jamendo.entry("../evil.mp3"),
        tiny_jamendo.entry("/evil.mp3"),
        tiny_jamendo.entry("01/101.mp3", tarfile.SYMTYPE, "/etc/passwd"),
        tiny_jamendo.entry("01/101.mp3", tarfile.LNKTYPE, "01/201.mp3"),
        tiny_jamendo.entry("01/101.mp3", tarfile.CHRTYPE),
        tiny_jamendo.entry("01/101.mp3", tarfile.FIFOTYPE),
    ],
    ids=lambda member: member.name + member.type.decode(),
)
def test_an_archive_that_is_not_safe_is_not_unpacked(jamendo, folder, capsys, member):
    rest = [(tiny_jamendo.entry(name), data) for name, data in jamendo.tracks["01"].items()]
    jamendo.put_archive("01", tiny_jamendo.archive([*rest, (member, b"")]))
    assert jamendo.download(folder) == 3
    assert "nothing of it is unpacked" in errors_of(capsys)[0]
    assert not (folder / "01").exists() and not (folder.parent / "evil.mp3").exists()


def test_absurd_sizes_and_broken_archives(jamendo, folder, capsys, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_TRACK_BYTES", 10_000)
    jamendo.put_archive("00", b"no tar at all" * 100)
    assert jamendo.download(folder) == 3
    told = errors_of(capsys)
    assert "part 00: autotagging_moodtheme_audio-00.tar: cannot be unpacked" in told[0]
    assert "part 01: autotagging_moodtheme_audio-01.tar: '01/101.mp3' is 0.0 GB large" in told[1]
    assert not any((folder / part).exists() for part in tiny_jamendo.PARTS)


def test_what_no_list_names_is_passed_over(jamendo, folder):
    more = [(tiny_jamendo.entry("./01/README"), b"hello")]
    rest = [(tiny_jamendo.entry(f"./{name}"), data) for name, data in jamendo.tracks["01"].items()]
    jamendo.put_archive("01", tiny_jamendo.archive([*more, *rest]))
    assert jamendo.download(folder, "--remove_archives") == 0
    assert {path.name for path in (folder / "01").iterdir()} == {"101.mp3", "201.mp3", "301.mp3"}
