"""Every second of a file is read, or said to be missing; and chunks are slices of the whole whatever happened to it."""

import random
import struct

import numpy as np
import pytest

from kerastag import audio
from kerastag.audio import account

SECONDS, RATE = 12.0, 48_000
OURS = {"mp3": {}, "mp3_constant": {"bitrate_mode": "CONSTANT", "compression_level": 0.5}, "flac": {}, "vorbis": {}}
OURS |= {"opus": {}, "wav_pcm16": {}}
THEIRS = ("m4a", "alac", "wma", "wv", "webm", "tta", "aac")
JOINED_UP = ("mp3", "mp3_constant")  # their gaps take no time
# what nothing in a file states cannot be known
UNKNOWABLE = {("vorbis", "cut"), ("opus", "cut"), ("aac", "cut"), ("aac", "removed")}
UNKNOWABLE |= {("aac", "prefix")}  # junk there takes some of the first frames with it
# a container whose index is gone, or that does not begin where it should, is refused
INDEXED = {(form, "prefix") for form in THEIRS if form != "aac"}
INDEXED |= {(form, damage) for form in ("m4a", "alac") for damage in ("cut", "removed")}
DAMAGES = ("none", "prefix", "suffix", "zeroed", "overwritten", "removed", "cut", "join", "fewer", "more")
COUNTED = ("mp3", "mp3_constant", "flac")


@pytest.fixture(scope="module")
def signal():
    """(frames, 2): steady, so that each second takes as many bytes as any other."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    noise = np.random.default_rng(3).normal(0, 0.05, len(time))
    return np.repeat((0.2 * np.sin(2 * np.pi * 330 * time) + noise)[:, None], 2, axis=1).astype(np.float32)


def damaged(content: bytes, damage: str, form: str, dice: random.Random) -> bytes:
    size = dice.choice([2_048, 8_192, min(65_536, len(content) // 6)])
    place = int(len(content) * dice.uniform(0.2, 0.6))
    if damage in ("fewer", "more"):
        return recounted(content, form, dice.choice([0.5, 0.1]) if damage == "fewer" else 2)
    return {
        "none": lambda: content,
        "prefix": lambda: dice.randbytes(dice.choice([1, 100, 3_000])) + content,
        "suffix": lambda: content + dice.randbytes(dice.choice([1, 100, 3_000])),
        "zeroed": lambda: content[:place] + bytes(size) + content[place + size :],
        "overwritten": lambda: content[:place] + dice.randbytes(size) + content[place + size :],
        "removed": lambda: content[:place] + content[place + size :],
        "cut": lambda: content[: int(len(content) * dice.uniform(0.3, 0.9))],
        "join": lambda: 2 * content,
    }[damage]()


def recounted(content: bytes, form: str, factor: float) -> bytes:
    """The file with another number of frames in its header."""
    changed = bytearray(content)
    if form == "flac":
        place, count = 22, int(SECONDS * RATE * factor)
    else:
        place = max(content.find(b"Xing"), content.find(b"Info")) + 8
        count = int(struct.unpack(">I", content[place : place + 4])[0] * factor)
    changed[place : place + 4] = struct.pack(">I", count)
    return bytes(changed)


def cases():
    for form in (*OURS, *THEIRS):
        for damage in DAMAGES:
            counts = damage in ("fewer", "more")
            if (form, damage) not in INDEXED and not (counts and form not in COUNTED):
                yield form, damage


@pytest.fixture(scope="module")
def contents():
    return {}


@pytest.mark.parametrize(("form", "damage"), cases())
def test_what_is_read_and_what_is_said_to_be_missing_add_up(maker, signal, contents, form, damage):
    if form not in contents:
        ours = OURS.get(form)
        name = form.removesuffix("_constant")
        contents[form] = (
            maker.encode_foreign(form, signal, RATE) if ours is None else maker.encode(name, signal, RATE, **ours)
        )
    for seed in range(2 if form in OURS else 1):
        dice = random.Random(f"{form} {damage} {seed}")
        path = maker.write(f"{seed}.{form}", damaged(contents[form], damage, form, dice))
        whole = audio.read(path)
        found = audio.account_of(path)
        truth = SECONDS * (2 if damage == "join" else 1)
        if (form, damage) not in UNKNOWABLE:
            assert found.seconds_read + found.seconds_missing == pytest.approx(truth, rel=0.01, abs=0.06), found
        assert found.seconds_read <= len(whole) / 16_000 + 1e-3
        check_chunks(path, whole, found, form)


def check_chunks(path, whole, found, form):
    """Chunks are slices of the whole, but for 0.1 s around a gap."""
    near = np.zeros(len(whole) + 20_000, bool)
    for start, seconds in found.gaps:
        end = start + (0 if form in JOINED_UP else seconds)
        near[max(0, int((start - 0.1) * 16_000)) : int((end + 0.1) * 16_000)] = True
    padded = np.concatenate([whole, np.zeros(20_000, np.float32)])
    for start in np.linspace(0, len(whole) - 1, 9).astype(int):
        span = slice(start, start + 8_000)
        difference = np.abs(audio.read_chunk(path, start, 8_000) - padded[span])
        assert difference[~near[span]].max(initial=0) < 1e-4
    if len(whole) >= 16_000:
        chunks = audio.read_chunks(path, 5, 16_000)
        starts = audio.chunk_starts(len(whole), 16_000, 5)
        for chunk, start in zip(chunks, starts, strict=True):
            assert np.abs(chunk - whole[start:][:16_000])[~near[start:][:16_000]].max(initial=0) < 1e-4


@pytest.mark.parametrize(("form", "damage"), sorted(INDEXED))
def test_what_cannot_be_read_at_all_is_refused_in_one_line(maker, signal, form, damage):
    content = maker.encode_foreign(form, signal[: 3 * RATE], RATE)
    path = maker.write(f"a.{form}", damaged(content, damage, form, random.Random(0)))
    with pytest.raises(audio.AudioError) as caught:
        audio.read(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_what_is_notable_by_hand():
    assert not account.Account(100.0, ((50.0, 1.0),)).notable
    assert account.Account(100.0, ((50.0, 1.01),)).notable
    assert account.Account(9.0, ((3.0, 0.5),)).notable  # 5.3 %
    assert not account.Account(9.6, ((3.0, 0.4),)).notable


def test_an_account_in_words_and_in_plain_values():
    heard = account.Account(170.0, ((65.2, 4.0), (170.0, 6.0)), 180.0)
    assert heard.text() == "10.0 of 180.0 s cannot be read (at 1:05, 2:50)"
    assert heard.facts() == {"seconds_stated": 180.0, "seconds_read": 170.0, "gaps": [[65.2, 4.0], [170.0, 6.0]]}


def test_an_intact_file_has_no_gaps_and_states_its_length(maker):
    for form in ("mp3", "flac", "wav_pcm16"):
        path = maker.track(form, 44_100, 3.0)
        assert audio.account_of(path) == account.Account(3.0, (), 3.0)
