"""Music files of every container, with tags of others in them, and readers that share nothing with the code tested."""

import base64
import hashlib
import importlib
import io
import pathlib
import struct
from collections.abc import Callable

import pytest

mutagen = pytest.importorskip("mutagen")
av = pytest.importorskip("av")

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 12
DATE, LONG = 1_234_567_890_123_456_789, 3000
PLAIN = {"mp3": "mp3", "flac": "flac", "vorbis": "ogg", "opus": "opus", "wav": "wav", "aiff": "aiff"}


NAMES = (
    *("mp3_bare", "mp3", "mp3_v23", "mp3_v22", "mp3_all", "flac_bare", "flac", "flac_id3", "vorbis_bare", "vorbis"),
    *("opus_bare", "opus", "m4a", "m4a_bare", "m4a_fast", "m4a_parts", "wma", "wma_bare", "wv", "wav", "wav_bare"),
    *("aiff", "aiff_bare"),
)


def made(encoded: dict[str, bytes], folder: pathlib.Path) -> dict[str, tuple[str, bytes]]:
    """Suffix and bytes of a file in each container, with a title, tags of others and a picture, and of bare ones."""
    made = {}

    def add(name: str, suffix: str, content: bytes, tag: Callable[[str], None] | None = None) -> None:
        path = folder / f"{name}.{suffix}"
        path.write_bytes(content)
        if tag is not None:
            tag(str(path))
        made[name] = (suffix, path.read_bytes())

    for name, suffix in PLAIN.items():
        add(f"{name}_bare", suffix, encoded[name])
    add("mp3", "mp3", encoded["mp3"], lambda path: _id3(path, 4))
    add("mp3_v23", "mp3", encoded["mp3"], lambda path: _id3(path, 3))
    add("mp3_v22", "mp3", _v22() + encoded["mp3"])
    add("mp3_all", "mp3", encoded["mp3"], _three_tags)
    add("flac", "flac", encoded["flac"], _flac)
    add("flac_id3", "flac", made["mp3_v22"][1][: len(_v22())] + made["flac"][1])
    add("vorbis", "ogg", encoded["vorbis"], _vorbis)
    add("opus", "opus", encoded["opus"], _vorbis)
    add("m4a", "m4a", encoded["aac"], _mp4)
    add("m4a_bare", "m4a", encoded["aac"])
    add("m4a_fast", "m4a", remuxed(folder, encoded["aac"], {"movflags": "faststart"}), _mp4)
    add("m4a_parts", "m4a", remuxed(folder, encoded["aac"], {"movflags": "frag_keyframe", "frag_duration": "200000"}))
    add("wma", "wma", encoded["wma"], _asf)
    add("wma_bare", "wma", encoded["wma"])
    add("wv", "wv", encoded["wavpack"], _ape)
    add("wav", "wav", _with_info(encoded["wav"]), lambda path: _iff(path, "wave", "WAVE"))
    add("aiff", "aiff", encoded["aiff"], lambda path: _iff(path, "aiff", "AIFF"))
    return made


def put(folder: pathlib.Path, name: str, content: bytes) -> pathlib.Path:
    """A file with that content; its path."""
    path = folder / name
    path.write_bytes(content)
    return path


def by_ffmpeg(path: pathlib.Path) -> tuple[str, str, dict[str, str], list[str]]:
    """What FFmpeg's libraries say: hashes of the decoded and of the stored music, metadata, hashes of pictures."""
    decoded, stored, pictures = hashlib.sha256(), hashlib.sha256(), []
    with av.open(str(path)) as container:
        metadata = {key.lower(): value for key, value in container.metadata.items()}
        stream = container.streams.audio[0]
        metadata |= {key.lower(): value for key, value in stream.metadata.items()}
        for packet in container.demux():
            if packet.stream.type == "video":
                pictures.append(hashlib.sha256(bytes(packet)).hexdigest())
            elif packet.stream is stream:
                stored.update(bytes(packet))
                for frame in packet.decode():
                    decoded.update(frame.to_ndarray().tobytes())
    return decoded.hexdigest(), stored.hexdigest(), metadata, pictures


def by_mutagen(path: pathlib.Path) -> dict[str, list[str]]:
    """Every tag by mutagen's keys in lower case, as texts."""
    tags = mutagen.File(str(path)).tags
    pairs = [] if tags is None else tags if isinstance(tags, list) else tags.items()
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        values = getattr(value, "genres", None) or getattr(value, "text", None) or value
        values = list(values) if isinstance(values, list | mutagen.apev2.APETextValue) else [values]
        texts = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values]
        found.setdefault(key.lower(), []).extend(texts)
    return found


def remuxed(folder: pathlib.Path, content: bytes, options: dict[str, str]) -> bytes:
    """An MP4 file written anew with options of FFmpeg's."""
    path = folder / "remuxed.mp4"
    with av.open(io.BytesIO(content)) as old, av.open(str(path), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(old.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return path.read_bytes()


def _id3(path: str, version: int) -> None:
    from mutagen import id3

    tags = id3.ID3()
    for frame in (
        id3.TIT2(encoding=3, text="Größe"),
        id3.TPE1(encoding=3, text=["One", "Two"]),
        id3.TXXX(encoding=3, desc="Other", text=["a", "b"]),
        id3.COMM(encoding=3, lang="eng", desc="iTunNORM", text="0000"),
        id3.PRIV(owner="somebody", data=b"\xff\xe0\x00data"),
        id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=PICTURE),
    ):
        tags.add(frame)
    tags.save(path, v2_version=version, v23_sep=None)


def _v22() -> bytes:
    picture = b"\0PNG\x03\0" + PICTURE
    body = b"TT2" + (5).to_bytes(3, "big") + b"\0Song" + b"PIC" + len(picture).to_bytes(3, "big") + picture
    body += b"XYZ" + (4).to_bytes(3, "big") + b"what" + bytes(200)
    return b"ID3\x02\0\0" + bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def _three_tags(path: str) -> None:
    from mutagen import apev2

    _id3(path, 4)
    tags = apev2.APEv2()
    tags["Title"], tags["Mood"] = "Of APE", "ape's own"
    tags.save(path)
    with open(path, "ab") as file:
        file.write(b"TAG" + b"Of ID3v1".ljust(30, b"\0") + bytes(94) + b"\xff")


def _flac(path: str) -> None:
    from mutagen import flac

    file = flac.FLAC(path)
    picture = flac.Picture()
    picture.data, picture.mime, picture.type = PICTURE, "image/png", 3
    file.add_picture(picture)
    file["title"], file["artist"], file["MOOD"] = "Größe", ["One", "Two"], ["calm"]
    file.save(padding=lambda info: 600)


def _vorbis(path: str) -> None:
    file = mutagen.File(path)
    file["title"], file["artist"], file["mood"] = "Größe", ["One", "Two"], ["calm"]
    file["metadata_block_picture"] = [base64.b64encode(PICTURE * 4).decode()]
    file.save()


def _mp4(path: str) -> None:
    from mutagen import mp4

    file = mp4.MP4(path)
    file["\xa9nam"], file["\xa9ART"], file["trkn"], file["tmpo"] = "Größe", ["One", "Two"], [(3, 9)], [99]
    file["covr"] = [mp4.MP4Cover(PICTURE, mp4.MP4Cover.FORMAT_PNG)]
    file["----:com.apple.iTunes:Other"] = [b"a", b"b"]
    file.save()


def _asf(path: str) -> None:
    from mutagen import asf

    file = asf.ASF(path)
    file["Title"], file["Author"], file["WM/Year"], file["Other"] = "Größe", "One", "1999", ["a", "b"]
    file["WM/Picture"] = [asf.ASFByteArrayAttribute(PICTURE)]
    file["Large"] = [asf.ASFByteArrayAttribute(bytes(70_000))]  # such go to the metadata library
    file.save()


def _ape(path: str) -> None:
    from mutagen import apev2

    tags = apev2.APEv2()
    tags["Title"], tags["Artist"], tags["MOOD"] = "Größe", ["One", "Two"], "calm"
    tags["Cover Art (Front)"] = apev2.APEValue(b"cover.png\0" + PICTURE, apev2.BINARY)
    tags.save(path)


def _iff(path: str, module: str, name: str) -> None:
    from mutagen import id3

    file = getattr(importlib.import_module(f"mutagen.{module}"), name)(path)
    file.add_tags()
    file.tags.add(id3.TIT2(encoding=3, text="Größe"))
    file.tags.add(id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=PICTURE))
    file.save()


def _with_info(wav: bytes) -> bytes:
    """A WAV file with a LIST INFO chunk of odd length before its data."""
    chunk = b"INFOINAM" + struct.pack("<I", 5) + b"Of R\0\0"
    content = wav[:36] + b"LIST" + struct.pack("<I", len(chunk)) + chunk + wav[36:]
    return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]
