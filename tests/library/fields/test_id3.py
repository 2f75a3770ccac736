"""ID3 tags built by hand: after an edit every other frame's bytes stand where they stood, whatever they are."""

import struct
import zlib

import pytest

from kerastag import errors
from kerastag.library import writing
from tests.tagged_files import by_ffmpeg

mutagen = pytest.importorskip("mutagen")
id3 = pytest.importorskip("mutagen.id3")


def syncsafe(number: int, width: int = 4) -> bytes:
    return bytes(number >> 7 * place & 0x7F for place in reversed(range(width)))


def frame3(name: str, body: bytes, flags: int = 0) -> bytes:
    return name.encode() + struct.pack(">IH", len(body), flags) + body


def frame4(name: str, body: bytes, flags: int = 0) -> bytes:
    return name.encode() + syncsafe(len(body)) + struct.pack(">H", flags) + body


def tag(version: int, body: bytes, flags: int = 0, footer: bool = False) -> bytes:
    rest = bytes([version, 0, flags]) + syncsafe(len(body))
    return b"ID3" + rest + body + (b"3DI" + rest if footer else b"")


@pytest.fixture
def edited(tmp_path, encoded, write, undo):
    """A function that writes a mood into an MP3 file with a tag, undoes that on the way, and returns the new tag."""

    def run(content: bytes, words=("happy", "sad"), field="mood", mode="merge") -> bytes:
        path = tmp_path / "a.mp3"
        path.write_bytes(content + encoded["mp3"])
        log = write(path, words, field, mode)
        assert undo(log) == ["restored"] and path.read_bytes() == content + encoded["mp3"]
        write(path, words, field, mode)
        new = path.read_bytes()
        assert new.endswith(encoded["mp3"])
        return new[: len(new) - len(encoded["mp3"])]

    return run


@pytest.fixture
def seen(tmp_path):
    """What mutagen sees of the file of `edited`, frames as they are stored."""
    return lambda: id3.ID3(tmp_path / "a.mp3", translate=False, load_v1=False)


OLD = [  # frames of ID3v2.3 that 2.4 has no more, private ones, one that nobody knows, and one that is damaged
    frame3("TYER", b"\x001999"),
    frame3("TDAT", b"\x003112"),
    frame3("IPLS", b"\x01" + "producer\0Größe\0".encode("utf-16")),
    frame3("RVAD", b"\x03\x10\x00\x10\x00\x20\x00\x20"),
    frame3("PRIV", b"owner\0" + bytes(range(256))),
    frame3("ZZZZ", b"\xff\xe0what is it"),
    frame3("COMM", b"\x07\xff"),
    frame3("TPE1", struct.pack(">I", 4) + zlib.compress(b"\0abc"), 0x0080),
    frame3("APIC", b"\0image/png\0\x03\0" + bytes(5000)),
]


@pytest.mark.parametrize("padding", [0, 10, 500])
def test_frames_of_id3v23_stay_byte_for_byte(edited, seen, padding):
    new = edited(tag(3, b"".join(OLD) + bytes(padding)))
    expected = frame3("TXXX", b"\0MOOD\0happy\0sad")
    left = padding - len(expected) if padding >= len(expected) else padding
    assert new == tag(3, b"".join(OLD) + expected + bytes(left))
    assert seen().version == (2, 3, 0) and seen()["TXXX:MOOD"].text == ["happy", "sad"]


def test_letters_beyond_latin_are_utf16_in_id3v23(edited, seen):
    new = edited(tag(3, OLD[0]), ["静か", "ok"])
    body = b"\x01" + "MOOD\0".encode("utf-16") + "静か\0ok".encode("utf-16")
    assert new == tag(3, OLD[0] + frame3("TXXX", body))
    assert seen()["TXXX:MOOD"].text == ["静か", "ok"]


def test_id3v22_stays_id3v22(edited, seen):
    old = b"TT2\0\0\x05\0Song" + b"RVA\0\0\x02\1\2"
    new = edited(tag(2, old + bytes(100)))
    assert new == tag(2, old + b"TXX\0\0\x0f\0MOOD\0happy\0sad" + bytes(79))
    assert seen().version == (2, 2, 0) and seen()["TXXX:MOOD"].text == ["happy", "sad"]


def test_a_whole_that_is_unsynchronised_stays_so(edited, seen):
    frames = [
        frame3("PRIV", b"o\0\xff\xe0\xff\x00\xff\xff\xfbdata\xff"),
        frame3("TIT2", b"\x01" + "Größe".encode("utf-16")),
    ]
    plain = b"".join(frames)
    coded = plain.replace(b"\xff\x00", b"\xff\x00\x00").replace(b"\xff\xe0", b"\xff\x00\xe0")
    coded = (
        coded.replace(b"\xff\xff", b"\xff\x00\xff")
        .replace(b"\xff\xfb", b"\xff\x00\xfb")
        .replace(b"\xff\xfe", b"\xff\x00\xfe")
    )
    new = edited(tag(3, coded, 0x80))
    assert new[5] == 0x80 and coded in new
    assert seen()["TXXX:MOOD"].text == ["happy", "sad"]
    assert seen()["PRIV:o:ÿàÿ\0ÿÿûdataÿ"].data == b"\xff\xe0\xff\x00\xff\xff\xfbdata\xff" and seen()["TIT2"].text == [
        "Größe"
    ]


@pytest.mark.parametrize("has_flag", [False, True])
def test_frames_that_are_unsynchronised_one_by_one(edited, seen, has_flag):
    mood = frame4("TMOO", b"\x01\xff\x00\xfec\0a\0l\0m\0", 0x0002 if has_flag else 0)  # UTF-16, its mark taken apart
    other = frame4("PRIV", b"o\0\xff\x00\xe0", 0x0002 if has_flag else 0)
    new = edited(tag(4, mood + other, 0x80))
    assert other in new and seen()["TMOO"].text == ["calm", "happy", "sad"]


def test_an_extended_header_is_brought_up_to_date(edited, seen):
    body = b"".join(OLD[:3])
    head = struct.pack(">IHI", 10, 0x8000, 60) + zlib.crc32(body).to_bytes(4, "big")
    new = edited(tag(3, head + body + bytes(60), 0x40), ["happy"])
    body += frame3("TXXX", b"\0MOOD\0happy")
    head = struct.pack(">IHI", 10, 0x8000, 39) + zlib.crc32(body).to_bytes(4, "big")
    assert new == tag(3, head + body + bytes(39), 0x40)
    assert seen()["TXXX:MOOD"].text == ["happy"]


@pytest.mark.parametrize("flags, before", [(0x20, b""), (0x60, b"\0"), (0x70, b"\0")])
def test_the_checksum_of_id3v24_is_too(edited, seen, flags, before):
    behind = b"\x01\x00" if flags & 0x10 else b""
    size = syncsafe(6 + len(before) + 6 + len(behind))

    def head(data: bytes) -> bytes:
        return size + bytes([1, flags]) + before + b"\x05" + syncsafe(zlib.crc32(data), 5) + behind

    old = frame4("TIT2", b"\x03Song")
    new = edited(tag(4, head(old + bytes(40)) + old + bytes(40), 0x40), ["happy"])
    data = old + frame4("TMOO", b"\x03happy") + bytes(24)
    assert new == tag(4, head(data) + data, 0x40)
    assert seen()["TMOO"].text == ["happy"]


def test_a_footer_stays_and_says_the_same(edited, seen):
    old = frame4("TIT2", b"\x03Song")
    new = edited(tag(4, old, 0x10, footer=True), ["happy"])
    assert new == tag(4, old + frame4("TMOO", b"\x03happy"), 0x10, footer=True)
    assert seen()["TMOO"].text == ["happy"]


def test_sizes_as_itunes_wrote_them(edited, seen):
    large = b"APIC" + struct.pack(">IH", 300, 0) + b"\0image/png\0\x03\0" + bytes(287)
    old = large + b"TIT2" + struct.pack(">IH", 5, 0) + b"\x03Song"
    new = edited(tag(4, old + bytes(50)), ["m" * 20, "n" * 15])
    assert new == tag(4, old + b"TMOO" + struct.pack(">IH", 37, 0) + b"\x03" + b"m" * 20 + b"\0" + b"n" * 15 + bytes(3))
    assert seen()["TMOO"].text == ["m" * 20, "n" * 15] and seen()["TIT2"].text == ["Song"]


def test_what_is_no_frame_is_kept_behind_the_frames(edited, seen):
    new = edited(tag(3, OLD[0] + b"\x01\x02junk" + bytes(90)), ["happy"])
    assert new == tag(3, OLD[0] + frame3("TXXX", b"\0MOOD\0happy") + b"\x01\x02junk" + bytes(90))


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_tag_without_frames(edited, seen, version):
    edited(tag(version, b""), ["happy"])
    assert [value for frame in seen().values() for value in frame.text] == ["happy"]


def test_a_flag_for_an_extended_header_that_is_not_there(edited, seen):
    assert edited(tag(3, OLD[0], 0x40), ["happy"]) == tag(3, OLD[0] + frame3("TXXX", b"\0MOOD\0happy"), 0x40)


def test_a_mood_in_two_places_is_read_and_written_in_both(edited, seen):
    old = frame4("TMOO", b"\x03calm") + frame4("TXXX", b"\x03Mood\0Film\0calm")
    new = edited(tag(4, old), ["happy", "film"])
    assert new == tag(4, frame4("TMOO", b"\x03calm\0Film\0happy") + frame4("TXXX", b"\x03Mood\0calm\0Film\0happy"))


def test_genres_by_number_become_names_and_a_comment_keeps_its_language(edited, seen):
    edited(tag(3, frame3("TCON", b"\0(17)(9)Noise")), ["(odd)"], "genre")
    assert seen()["TCON"].genres == ["Rock", "Metal", "Noise", "(odd)"]
    german, english = frame3("COMM", b"\0deu\0sch\xf6n"), frame3("COMM", b"\0eng\0nice")
    new = edited(tag(3, german + english), ["film"], "comment")
    assert new == tag(3, frame3("COMM", b"\0deu\0sch\xf6n\0film") + english)


@pytest.mark.parametrize(
    "content, reason",
    [
        (tag(4, frame4("TMOO", b"\x03x", 0x0004)), "is encrypted"),
        (tag(4, frame4("TMOO", b"\x09x")), "unknown encoding"),
        (tag(4, frame4("TMOO", b"\x03\xff\xff")), "no UTF-8"),
        (tag(3, frame3("TMOO", b"\0\0\0\5junk", 0x0080)), "is damaged"),
        (tag(2, b"", 0x40), "compressed"),
        (tag(5, b""), "unknown version"),
        (b"ID3\x03\0\0\x7f\x7f\x7f\x7f", "ends within its tags"),
        (tag(3, struct.pack(">IHI", 1 << 20, 0, 0), 0x40), "extended header"),
    ],
)
def test_what_cannot_be_read_is_refused_and_left(tmp_path, encoded, content, reason):
    path = tmp_path / "a.mp3"
    path.write_bytes(content + encoded["mp3"])
    with pytest.raises(errors.KerastagError, match=f"a.mp3: .*{reason}"):
        writing.plan(path, "mood", ["happy"])
    assert path.read_bytes() == content + encoded["mp3"]


@pytest.mark.parametrize("title", [b"Song", "Песня".encode("cp1251")])  # the second in no encoding that ID3v1 knows
def test_a_tag_that_is_made_says_what_id3v1_says(tmp_path, encoded, write, undo, title):
    last = b"TAG" + title.ljust(30, b"\0") + b"Somebody".ljust(30) + b"Album".ljust(30, b"\0") + b"1999"
    last += b"Nice".ljust(28, b"\0") + b"\0\x07\x11"
    path = tmp_path / "a.mp3"
    path.write_bytes(encoded["mp3"] + last)
    before = by_ffmpeg(path)[2] if title.isascii() else {}
    assert writing.plan(path, "genre", ["Rock"]).before == ("Rock",)
    log = write(path, ["happy"])
    new = path.read_bytes()
    assert new.endswith(encoded["mp3"] + last) and frame4("TIT2", b"\0" + title) in new
    assert frame4("COMM", b"\0engID3v1 Comment\0Nice") in new and frame4("TRCK", b"\x007") in new
    if title.isascii():
        after = by_ffmpeg(path)[2]
        assert after.pop("tmoo") == "happy" and before.pop("comment") == "Nice"
        assert {key: after[key] for key in before} == before and before["genre"] == "Rock"
    assert undo(log) == ["restored"] and path.read_bytes() == encoded["mp3"] + last
