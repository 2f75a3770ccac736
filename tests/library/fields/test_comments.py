"""Vorbis comments in odd files: Ogg with pages of several streams, gaps and long comments, bare FLAC, FLAC in Ogg."""

import json
import struct

import numpy as np
import pytest
import soundfile

from kerastag import errors
from tests.tagged_files import by_ffmpeg, by_mutagen, put

pytest.importorskip("mutagen")
LONG = ["a" * 40_000, "b" * 60_000]


def ogg_pages(content: bytes) -> list[bytes]:
    """The pages of an Ogg file, by the lengths that their headers tell."""
    pages, position = [], 0
    while position < len(content):
        assert content[position : position + 4] == b"OggS"
        count = content[position + 26]
        end = position + 27 + count + sum(content[position + 27 : position + 27 + count])
        pages.append(content[position:end])
        position = end
    return pages


def crc_of(page: bytes) -> bytes:
    """RFC 3533, bit by bit: polynomial 0x04c11db7, the checksum itself as zero."""
    value = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 1 << 31 else value << 1) & 0xFFFFFFFF
    return value.to_bytes(4, "little")


def crc_is_right(page: bytes) -> bool:
    return crc_of(page) == page[22:26]


@pytest.mark.parametrize("form", ["vorbis", "opus"])
def test_pages_behind_long_comments_are_numbered_and_checked_anew(tmp_path, encoded, write, undo, form):
    path = put(tmp_path, "a.ogg", encoded[form])
    music, _ = soundfile.read(path)  # by libogg, which drops pages with wrong numbers or checksums
    log = write(path, LONG)
    pages = ogg_pages(path.read_bytes())
    assert [struct.unpack("<I", page[18:22])[0] for page in pages] == list(range(len(pages)))
    assert len(pages) == len(ogg_pages(encoded[form])) + 1
    assert all(map(crc_is_right, [*pages[:4], *pages[-2:]]))
    assert np.array_equal(soundfile.read(path)[0], music) and by_mutagen(path)["mood"] == LONG
    entry = json.loads(log.read_bytes().splitlines()[1])
    assert len(entry["undo"]) < 10_000  # the pages of the comments, and of others the numbers and checksums
    assert undo(log) == ["restored"] and path.read_bytes() == encoded[form]


@pytest.mark.parametrize("rest, kept", [(b"\x01binary\0\0", True), (bytes(60), False)])
def test_binary_data_behind_the_comments_of_opus_is_preserved_and_padding_is_used(tmp_path, encoded, write, rest, kept):
    pages = ogg_pages(encoded["opus"])
    packet = b"OpusTags\1\0\0\0v\0\0\0\0" + rest  # RFC 7845: preserved where the lowest bit of its first byte is 1
    page = pages[1][:26] + bytes([1, len(packet)]) + packet
    page = page[:22] + crc_of(page) + page[26:]
    path = put(tmp_path, "a.opus", pages[0] + page + b"".join(pages[2:]))
    size = path.stat().st_size
    write(path, ["film"])
    new = ogg_pages(path.read_bytes())[1]
    expected = b"OpusTags\1\0\0\0v\1\0\0\0\x09\0\0\0MOOD=film"
    assert new[28:] == expected + (rest if kept else bytes(60 - 13)) and crc_is_right(new)
    assert (path.stat().st_size == size) != kept


def test_pages_of_another_stream_in_between_stay(tmp_path, encoded, write):
    ours, theirs = ogg_pages(encoded["vorbis"]), ogg_pages(encoded["opus"])
    both = [ours[0], theirs[0], *(page for pair in zip(ours[1:], theirs[1:], strict=False) for page in pair)]
    path = put(tmp_path, "a.ogg", b"".join(both))
    write(path, LONG)
    pages = ogg_pages(path.read_bytes())
    assert [page for page in pages if page[14:18] == theirs[0][14:18]] == [page for page in both if page in theirs]
    numbers = [struct.unpack("<I", page[18:22])[0] for page in pages if page[14:18] == ours[0][14:18]]
    assert numbers == list(range(len(numbers))) and by_mutagen(path)["mood"] == LONG


def test_a_file_of_two_streams_one_after_the_other_has_the_tags_of_the_first(tmp_path, encoded, write):
    second = bytearray(encoded["vorbis"])
    pages = ogg_pages(bytes(second))
    path = put(tmp_path, "a.ogg", encoded["vorbis"] + b"".join(pages))
    write(path, LONG)
    assert path.read_bytes().endswith(encoded["vorbis"]) and by_mutagen(path)["mood"] == LONG


def test_ogg_with_a_gap_is_written_only_where_no_page_moves(tmp_path, encoded, write):
    pages = ogg_pages(encoded["vorbis"])
    path = put(tmp_path, "a.ogg", b"".join(pages[:3]) + b"junk" + b"".join(pages[3:]))
    with pytest.raises(errors.KerastagError, match="no page at byte"):
        write(path, LONG)
    write(path, ["film"])
    assert path.read_bytes().endswith(b"junk" + b"".join(pages[3:]))


def test_flac_in_ogg_and_flac_without_comments(tmp_path, write, undo, encoded):
    import av

    path = tmp_path / "a.oga"
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("flac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4608), np.int16), "s16", "mono")
        frame.sample_rate = 48_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    before = path.read_bytes()
    heard = by_ffmpeg(path)
    log = write(path, ["film", "calm"])
    assert by_mutagen(path)["mood"] == ["film", "calm"] and by_ffmpeg(path)[:2] == heard[:2]
    assert undo(log) == ["restored"] and path.read_bytes() == before
    start = b"fLaC\x80" + encoded["flac"][5:42]  # what tells of the stream, as the last block
    music = encoded["flac"].rpartition(b"\xff\xf8")  # any frames will do
    bare = put(tmp_path, "b.flac", start + music[1] + music[2])
    write(bare, ["film"])
    assert by_mutagen(bare) == {"mood": ["film"]}
    assert bare.read_bytes() == (
        b"fLaC\0" + start[5:] + b"\x84\0\0\x1d" + b"\x08\0\0\0kerastag\1\0\0\0\x09\0\0\0MOOD=film" + music[1] + music[2]
    )


def test_comments_that_are_no_utf8_keep_their_bytes(tmp_path, encoded, write):
    def block(*entries: bytes) -> bytes:
        sized = [len(entry).to_bytes(4, "little") + entry for entry in (b"v", *entries)]
        content = sized[0] + len(entries).to_bytes(4, "little") + b"".join(sized[1:])
        return b"\x84" + len(content).to_bytes(3, "big") + content

    old = (b"TITLE=Gr\xf6\xdfe", b"without a name", b"mood=tr\xfcb\0e", b"X=")
    front = b"fLaC\0" + encoded["flac"][5:42]
    path = put(tmp_path, "a.flac", front + block(*old) + b"\xff\xf8music")
    write(path, ["film"])
    assert path.read_bytes() == front + block(*old[:3], b"MOOD=film", old[3]) + b"\xff\xf8music"
