"""Odd WAV, MP4, APE and ASF files: fragments, odd lengths, tags that are not there; and every container damaged."""

import io
import struct

import numpy as np
import pytest
import soundfile

from kerastag import errors
from kerastag.library import writing
from tests.tagged_files import by_ffmpeg, by_mutagen, put

mutagen = pytest.importorskip("mutagen")
LONG = ["a" * 40_000, "b" * 60_000]


def test_chunks_of_odd_length_and_bytes_behind_the_file(tmp_path, encoded, write, undo):
    odd = b"LIST" + struct.pack("<I", 13) + b"INFOINAM\1\0\0\0x\0"
    body = encoded["wav"][8:] + odd
    content = b"RIFF" + struct.pack("<I", len(body)) + body
    for name, tail in (("a.wav", b""), ("b.wav", b"junk behind")):
        path = put(tmp_path, name, content + tail)
        heard = by_ffmpeg(path)
        for words in (["x"], ["xy"], ["xyz" * 500]):
            log = write(path, words)
            new = path.read_bytes()
            assert struct.unpack("<I", new[4:8])[0] == len(new) - len(tail) - 8
            assert new.startswith(b"RIFF" + new[4:8] + body) and new.endswith(tail)
            assert by_mutagen(path)["tmoo"] == words and by_ffmpeg(path)[:2] == heard[:2]
            assert undo(log) == ["restored"] and path.read_bytes() == content + tail


def test_a_chunk_that_ends_the_file_without_its_even_byte(tmp_path, write, undo):
    memory = io.BytesIO()
    soundfile.write(memory, np.zeros(101), 8_000, format="WAV", subtype="PCM_U8")
    content = memory.getvalue()
    content = content[:4] + struct.pack("<I", 44 + 101 - 8) + content[8 : 44 + 101]
    path = put(tmp_path, "a.wav", content)
    log = write(path, ["film"])
    new = path.read_bytes()
    assert new[4:8] == struct.pack("<I", len(new) - 8) and new[8:145] == content[8:] and new[145:150] == b"\0id3 "
    assert undo(log) == ["restored"] and path.read_bytes() == content


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 1 << 30])
def test_a_wav_file_that_does_not_tell_its_size_is_refused(tmp_path, encoded, size):
    path = put(tmp_path, "a.wav", b"RIFF" + struct.pack("<I", size) + encoded["wav"][8:])
    with pytest.raises(errors.KerastagError, match="does not tell its size"):
        writing.plan(path, "mood", ["film"])


def boxes(content: bytes, start: int = 0, stop: int | None = None) -> list[tuple[bytes, int, int]]:
    """Name, begin and end of MP4's boxes."""
    found, stop = [], len(content) if stop is None else stop
    while start < stop:
        size = int.from_bytes(content[start : start + 4], "big")
        found.append((content[start + 4 : start + 8], start, start + size))
        start += size
    return found


def test_every_fragment_of_an_mp4_file_is_found_where_it_has_moved(tagged, tmp_path, write):
    content = tagged["m4a_parts"][1]
    path = put(tmp_path, "a.m4a", content)
    write(path, LONG)
    new = path.read_bytes()
    moved = len(new) - len(content)
    assert moved > 100_000
    old_parts = [start for name, start, _ in boxes(content) if name == b"moof"]
    new_parts = [start for name, start, _ in boxes(new) if name == b"moof"]
    assert len(new_parts) > 3 and new_parts == [start + moved for start in old_parts]
    for start in new_parts:  # base_data_offset of tfhd, which FFmpeg gives the place of its moof
        place = new.index(b"tfhd", start)
        assert int.from_bytes(new[place + 12 : place + 20], "big") == start
    index = new.index(b"tfra")
    count = int.from_bytes(new[index + 16 : index + 20], "big")
    width = 19 if new[index + 4] else 11  # time, offset, three numbers of a byte
    half = (width - 3) // 2
    offsets = [index + 20 + width * entry + half for entry in range(count)]
    assert [int.from_bytes(new[place : place + half], "big") for place in offsets] == new_parts[: len(offsets)]


def test_offsets_of_mp4_files_with_the_music_behind_the_tags(tagged, tmp_path, write):
    old = tagged["m4a_fast"][1]
    path = put(tmp_path, "a.m4a", old)
    write(path, LONG)
    new = path.read_bytes()
    moved = len(new) - len(old)
    assert moved > 90_000
    for content, shift in ((old, 0), (new, moved)):
        place = content.index(b"stco")
        assert int.from_bytes(content[place + 12 : place + 16], "big") == old.index(b"mdat") + 4 + shift


def test_a_genre_by_number_in_mp4(tagged, tmp_path, write):
    content = tagged["m4a"][1]
    place = content.index(b"tmpo") - 4  # an item of the same length
    genre = content[place : place + 4] + b"gnre" + content[place + 8 : place + 24] + b"\0\x12"
    path = put(tmp_path, "a.m4a", content[:place] + genre + content[place + 26 :])
    assert writing.plan(path, "genre", ["film"]).before == ("Rock",)
    write(path, ["film"], "genre")
    assert by_mutagen(path)["\xa9gen"] == ["Rock", "film"] and b"gnre" not in path.read_bytes()


@pytest.mark.parametrize(
    "suffix, head",
    [
        ("mpc", b"MP+\x07" + struct.pack("<I", 50) + bytes(24)),
        ("ape", b"MAC " + struct.pack("<HHIIIIIIHHI", 3990, 0, 52, 24, 0, 0, 0, 0, 0, 0, 0)[:72].ljust(72, b"\1")),
    ],
)
def test_apev2_before_id3v1_in_musepack_and_monkeys_audio(tmp_path, write, undo, suffix, head):
    content = head + bytes(range(256)) * 20 + b"TAG" + bytes(125)
    path = put(tmp_path, f"a.{suffix}", content)
    log = write(path, ["film", "calm"])
    tag = path.read_bytes()[len(content) - 128 : -128]
    item = struct.pack("<II", 9, 0) + b"Mood\0film\0calm"
    front = b"APETAGEX" + struct.pack("<III", 2000, len(item) + 32, 1)
    assert tag == front + struct.pack("<I", 0xA0000000) + bytes(8) + item + front + struct.pack("<I", 1 << 31) + bytes(
        8
    )
    assert path.read_bytes()[-128:] == content[-128:]
    assert undo(log) == ["restored"] and path.read_bytes() == content


def test_ape_items_keep_their_flags_and_places(tmp_path, encoded, write):
    items = [
        struct.pack("<II", 4, 1) + b"Title\0Song",  # read-only
        struct.pack("<II", 4, 0) + b"MOOD\0calm",
        struct.pack("<II", 3, 2) + b"Cover Art (Front)\0\0\1\2",
    ]

    def tag(items: list[bytes]) -> bytes:
        body = b"".join(items)
        return body + b"APETAGEX" + struct.pack("<IIII", 2000, len(body) + 32, len(items), 0) + bytes(8)

    path = put(tmp_path, "a.wv", encoded["wavpack"][: encoded["wavpack"].rindex(b"APETAGEX", 0, -32)] + tag(items))
    write(path, ["film"])
    items[1] = struct.pack("<II", 9, 0) + b"MOOD\0calm\0film"
    assert path.read_bytes().endswith(tag(items))


def test_asf_takes_the_room_of_its_padding_and_keeps_the_rest(tagged, tmp_path, write):
    path = put(tmp_path, "a.wma", tagged["wma"][1])
    write(path, ["film", "calm"])
    write(path, ["one", "two"], "comment")
    tags = mutagen.File(path).tags
    assert [str(value) for value in tags["WM/Mood"]] == ["film", "calm"]
    assert [str(value) for value in tags["Description"]] == ["one", "two"] and len(tags["Large"][0].value) == 70_000
    header, old = (int.from_bytes(content[16:24], "little") for content in (path.read_bytes(), tagged["wma"][1]))
    assert path.read_bytes()[header:] == tagged["wma"][1][old:]


def test_asf_tells_its_new_size(tagged, tmp_path, write):
    path = put(tmp_path, "a.wma", tagged["wma_bare"][1])
    place = path.read_bytes().index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 40
    for words in ((), ["film"], ["x" * 5000]):
        write(path, words) if words else None
        assert int.from_bytes(path.read_bytes()[place : place + 8], "little") == path.stat().st_size


def test_a_file_cut_off_anywhere_is_refused_or_kept(tagged, tmp_path, write, undo):
    for name, (suffix, content) in tagged.items():
        for size in {len(content) * step // 7 for step in range(1, 7)} | {4, 30, 100, 170}:
            path = put(tmp_path, f"{name}.{suffix}", content[:size])
            try:
                log = write(path, ["film"])
            except errors.KerastagError:
                assert path.read_bytes() == content[:size]
            else:
                assert undo(log) == ["restored"] and path.read_bytes() == content[:size]


def test_bytes_flipped_anywhere_are_refused_or_kept(tagged, tmp_path, write, undo):
    dice = np.random.default_rng(0)
    for name, (suffix, content) in tagged.items():
        for _ in range(8):
            damaged = bytearray(content)
            for place in dice.integers(0, min(len(content), 3000), 4):
                damaged[place] = dice.integers(256)
            path = put(tmp_path, f"{name}.{suffix}", bytes(damaged))
            try:
                log = write(path, ["film"])
            except errors.KerastagError as error:
                assert str(error).startswith(str(path)) and path.read_bytes() == damaged
            else:
                assert undo(log) == ["restored"] and path.read_bytes() == damaged
