"""Odd files of each container: streams side by side, fragments, chunks of odd length, tags that are not there."""

import io
import json
import pathlib
import struct

import numpy as np
import pytest
import soundfile

from kerastag import errors
from kerastag.library import writing
from tests.tagged_files import by_ffmpeg, by_mutagen

mutagen = pytest.importorskip("mutagen")
LONG = ["a" * 40_000, "b" * 60_000]


def put(tmp_path: pathlib.Path, name: str, content: bytes) -> pathlib.Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


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
