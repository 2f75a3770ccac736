"""libsndfile made exact: after any seek, the samples that decoding from the start would give.

What stands in the way, all of it met in libsndfile 1.2.2:
- MP3 frames borrow bits from the frames before them, so the first few after a seek come out wrong.
- A Vorbis handle that seeks less than two seconds ahead may lose up to 900 samples on the way, and one that
  drops into the last page may be off by as much.
- A FLAC handle that has failed once fails for ever, and an MPEG one that has once come short may go on doing so.
- A failed read tells no count of the frames that did decode.
- Some codecs cannot seek at all, and of some it says that they can: those are read from their start.
- A file without a known beginning is taken for what its suffix says: text named .au for u-law.
What stays: an Ogg file whose page timestamps contradict each other is sought by them, so that a chunk lies
beside its slice of the whole (3 of 194 real files); an MP3 at 8 kbit/s may borrow from further back than that.

The MP3 decoder also writes warnings to file descriptor 2. They are left alone: that descriptor belongs to the
whole process, and pointing it away while other threads run would lose their messages.
"""

import io
import os
from typing import Any

import numpy as np
import soundfile

from kerastag import audio, remote
from kerastag.audio import fetched, layout, pcm, spliced
from kerastag.audio.link import Link

MIN_RATE, MAX_RATE = 1_000, 768_000
MPEG_PREROLL = 16 * 1152  # frames: as far back as 32 kbit/s and more borrow bits
VORBIS_NEAR_SECONDS = 2
VORBIS_END = 255 * 1024  # frames in the longest page of long blocks, 5.9 s at 44.1 kHz
_BLOCK_VALUES = 1 << 22
_BUFFER_BYTES = 1 << 16  # libsndfile asks for a few bytes at a time
_REMOTE_BUFFER_BYTES = 1 << 13
_PLAIN = (("WAV", "PCM_16"), ("WAVEX", "PCM_16"), ("AIFF", "PCM_16"))
_UNSEEKABLE = ("GSM610", "G721_", "G723_", "NMS_ADPCM_", "DWVW_", "DPCM_", "VOX_")


def check_rate(path: str, rate: int) -> None:
    """Raises AudioError: `rate`, in Hz, is absurd; a short file would become hours of sound, or none."""
    if not MIN_RATE <= rate <= MAX_RATE:
        limits = f"{MIN_RATE:,} to {MAX_RATE:,} Hz"
        raise audio.AudioError(f"{path}: a sample rate of {rate:,} Hz is not within {limits}")


class NotRecognised(audio.AudioError):
    """libsndfile does not know the file's form; another reader may."""


class Decoder:
    """An open audio file that decodes stretches, mixed down to mono, at the file's own rate.

    Attributes:
      path: the file's name.
      rate: frames per second.
      num_channels: channels in the file.
      form: container and codec, as libsndfile names them: ("OGG", "VORBIS").
      stated_frames: the length by the file's header; it may be wrong either way.
      stores_int16: its samples are mono integers of 16 bits, which can be had as they are.
    """

    def __init__(self, path: str, link: Link) -> None:
        """Opens one stream of a file.

        Raises:
          NotRecognised: libsndfile does not read it.
          AudioError: it has an absurd rate.
        """
        self.path = path
        self._link = link
        self._file = _open(path, link)
        self.rate: int = self._file.samplerate
        self.num_channels: int = self._file.channels
        try:
            check_rate(path, self.rate)
        except audio.AudioError:
            self.close()
            raise
        self.form = (self._file.format, self._file.subtype)
        self._mpeg = self.form[1].startswith("MPEG")
        self._vorbis = self.form[1] == "VORBIS"
        # None: the handle is not to be used again; -1: it is to seek first, since a stream of Ogg pages that begins in
        # the middle of another gives other samples from its start than after seeking there
        self._position: int | None = -1 if link.follows else 0
        # libsndfile takes four times as long to give 16-bit samples as float32; what cannot fail is read as it is
        self._dtype = np.int16 if self.form in _PLAIN else np.float32
        self.stores_int16 = self._dtype == np.int16 and self.num_channels == 1
        self._buffer = np.empty((0, self.num_channels), self._dtype)

    @property
    def stated_frames(self) -> int:
        return int(self._file.frames)

    def close(self) -> None:
        self._file.close()

    def decodes(self, position: int) -> bool:
        """Whether the frame at `position` can be decoded; `run` is the one that gives its right value."""
        if isinstance(self._file, _Sequential):
            return len(self._read(position, 1)) == 1
        try:
            self._renew_if_spent()
            self._file.seek(position)
            got = len(self._file.read(out=self._scratch(1)))
        except soundfile.SoundFileError:
            self._position = None
            return False
        self._position = position + got
        return got == 1

    def run(self, position: int, mono: np.ndarray) -> int:
        """Decodes from frame `position` on into `mono` (frames,) until it is full or decoding fails.

        Args:
          position: frame of the file.
          mono: float32, or int16 where `stores_int16`.

        Returns:
          How many frames were decoded; the rest of `mono` is zero.
        """
        done = 0
        while done < len(mono):
            wanted = min(len(mono) - done, max(1, _BLOCK_VALUES // self.num_channels))
            block = self._read(position + done, wanted)
            mix(block, mono[done : done + len(block)])
            done += len(block)
            if len(block) < wanted:
                break
        mono[done:] = 0
        return done

    def _read(self, position: int, wanted: int) -> np.ndarray:
        """Decodes (frames, channels) from `position` on, fewer than `wanted` where decoding fails."""
        ahead = self._approach(position)
        if self._position is None:
            return self._scratch(0)
        block = self._scratch(ahead + wanted)
        if self._dtype == np.float32:
            block[:, 0] = np.nan
        try:  # in one call: soundfile seeks after each, and so would lose the state that `_approach` built up
            got = len(self._file.read(out=block))
            self._position += got
        except soundfile.SoundFileError:  # it does not tell how many frames it wrote before it failed
            unwritten = np.isnan(block[:, 0]) if self._dtype == np.float32 else np.ones(len(block), bool)
            got = int(unwritten.argmax()) if unwritten.any() else len(block)
            self._position = None
        return block[ahead : max(ahead, got)]

    def _approach(self, position: int) -> int:
        """Goes to a place from which decoding gives the right frames at `position`.

        Returns:
          How many frames lie between that place and `position`.
        """
        place, here = position, self._position
        if isinstance(self._file, _Sequential):
            return self._skip_to(position)
        if self._mpeg:
            place = max(0, position - MPEG_PREROLL)
        elif self._vorbis:
            place = max(0, min(position, self.stated_frames - VORBIS_END))
            if here is not None and 0 <= here <= position and place - here <= VORBIS_NEAR_SECONDS * self.rate:
                place = here
        if place != self._position:
            self._seek(place)
        return position - place

    def _seek(self, position: int) -> None:
        try:
            self._renew_if_spent()
            arrived = self._file.seek(position)
        except soundfile.SoundFileError:
            arrived = None
        self._position = position if arrived == position else None  # beside it, there is a hole

    def _skip_to(self, position: int) -> int:
        """Reads up to `position` what cannot be sought."""
        if self._position is None or self._position > position:
            self._position = None
            self._renew_if_spent()
        while self._position is not None and self._position < position:
            wanted = min(position - self._position, max(1, _BLOCK_VALUES // self.num_channels))
            got = len(self._file.read(out=self._scratch(wanted)))
            self._position = self._position + got if got == wanted else None
        return 0

    def _renew_if_spent(self) -> None:
        if self._position is None:
            self._file.close()
            self._file, self._position = _open(self.path, self._link), -1 if self._link.follows else 0

    def _scratch(self, num_frames: int) -> np.ndarray:
        if len(self._buffer) < num_frames:
            self._buffer = np.empty((num_frames, self.num_channels), self._dtype)
        return self._buffer[:num_frames]


class _Sequential(soundfile.SoundFile):
    """A file whose codec cannot seek; where libsndfile says that it can, it fails after every read."""

    def seekable(self) -> bool:
        return False


def mix(block: np.ndarray, mono: np.ndarray) -> None:
    """Writes the mean over the channels of `block` (frames, channels), float32 or int16, into `mono` (frames,)."""
    if mono.dtype == np.int16:
        mono[...] = block[:, 0]
        return
    scale = np.float32(1 if block.dtype == np.float32 else 1 / pcm.FULL_SCALE)
    if block.shape[1] == 1:
        np.multiply(block[:, 0], scale, out=mono)
    elif block.shape[1] == 2:
        np.add(block[:, 0], block[:, 1], out=mono, dtype=np.float32)
        mono *= scale / 2
    else:
        np.mean(block, axis=1, out=mono, dtype=np.float32)
        mono *= scale


def _open(path: str, link: Link) -> soundfile.SoundFile:
    try:
        file = soundfile.SoundFile(_content(path, link))
        if file.subtype.startswith(_UNSEEKABLE):
            file.close()
            file = _Sequential(_content(path, link))
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise NotRecognised(f"{path}: {_reason(error)}") from None
    except OSError as error:
        raise audio.AudioError(f"{path}: {layout.reason(error)}") from None
    if file.format == "RAW":  # by its suffix alone
        file.close()
        raise NotRecognised(f"{path}: {_reason(None)}")
    return file


def _content(path: str, link: Link) -> Any:
    """What soundfile opens: the name, or the link's pieces as a file; a remote track as a file until all is here."""
    pieces = link.pieces
    if not pieces and remote.is_url(path):
        track = fetched.of(path)
        if track.path is not None:
            return os.fsencode(track.path)
        pieces = ((0, track.size),)
    if not pieces:
        return layout.system_path(path)
    file = spliced.SplicedFile(path, pieces, link.claims_more)
    return io.BufferedReader(file, _REMOTE_BUFFER_BYTES if remote.is_url(path) else _BUFFER_BYTES)


def _reason(error: Exception | None) -> str:
    detail = getattr(error, "error_string", "").rstrip(".")
    if not detail or detail.startswith("File does not exist"):  # what it says of an MP3 without any MP3 in it
        detail = "Format not recognised"
    return f"is not audio that libsndfile can read ({detail})"
