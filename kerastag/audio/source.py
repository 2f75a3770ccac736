"""An audio file as it really is: all of its streams one after the other."""

import contextlib
import os
from collections.abc import Iterator
from types import TracebackType

import numpy as np

from kerastag import audio, remote
from kerastag.audio import account, decoder, evenly, fetched, layout, resampling, second_reader, spliced, stream


class Source:
    """An open audio file, which may be at a URL: any stretch of it as mono float32 at its own rate.

    Attributes:
      path: the file's name.
      rate: frames per second, of its first stream.
      num_channels: channels of its first stream.
      form: container and codec, as libsndfile names them: ("OGG", "VORBIS").
      stores_int16: its samples are mono integers of 16 bits, which can be had as they are.
    """

    def __init__(self, path: str | bytes | os.PathLike[str]) -> None:
        """Opens the file; raises AudioError where that fails or its header states no samples."""
        self.path = os.fsdecode(path)
        self._layout = layout.of(self.path)
        self._track = fetched.of(self.path) if remote.is_url(self.path) else None
        with self._fetching():
            first = self._open(0)
        self._streams = {0: first}
        self.rate, self.num_channels = first.rate, first.decoder.num_channels
        self.form, self.stores_int16 = first.decoder.form, first.decoder.stores_int16
        if len(self._layout.links) > 1:
            self.stores_int16 = False
        elif not first.decoder.stated_frames:
            self.close()
            raise audio.AudioError(f"{self.path}: holds no samples")

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for opened in self._streams.values():
            opened.decoder.close()

    @property
    def num_frames(self) -> int:
        """The number of frames up to the last one that decodes, whatever the header states.

        Raises:
          AudioError: not one frame decodes.
        """
        with self._fetching():
            total = self._spans()[-1][-1]
        if not total:
            raise audio.AudioError(f"{self.path}: is damaged, none of its samples can be decoded")
        return total

    @property
    def plain(self) -> bool:
        """Whether whoever decodes the file by its name, from its first byte to its last, gets just what this gives."""
        links, link = self._layout.links, self._layout.links[0]
        everything = ((0, self._num_bytes()),)
        if len(links) > 1 or self._layout.foreign or link.pieces not in ((), everything) or self.account().gaps:
            return False
        return link.states_length or self.num_frames == self._streams[0].decoder.stated_frames

    def account(self) -> account.Account:
        """How much of the file was heard, by all readings of it in this process; raises as `num_frames`."""
        _ = self.num_frames  # after which every stream's length is known
        known = self._layout.account()
        assert known is not None
        return known

    def decode(self, start: int, stop: int, dtype: type[np.number] = np.float32) -> np.ndarray:
        """Decodes frames `start` to `stop` to mono (frames,), fewer where the file ends before `stop`.

        A damaged stretch becomes silence, but for MPEG audio, whose frames before and after it are joined.

        Args:
          start, stop: frames at the file's own rate.
          dtype: float32, or int16 where `stores_int16`.

        Raises:
          AudioError: there are NaN or infinite samples among them, nothing decodes, or the file cannot be fetched.
          Unlike: a remote file is not what it seemed.
        """
        with self._fetching():
            return self._decoded(start, stop, dtype)

    def _decoded(self, start: int, stop: int, dtype: type[np.number]) -> np.ndarray:
        if len(self._layout.links) == 1:
            mono = self._streams[0].decode(start, stop, dtype)
            if len(mono) < stop - start:
                _ = self.num_frames  # raises if there is nothing at all
            return mono
        parts = [np.zeros(0, np.float32)]
        for number, begin, end in self._spans():
            if start < end and begin < stop:
                first, last = max(start, begin) - begin, min(stop, end) - begin
                silent = np.zeros(last - first, np.float32)
                parts.append(silent if number is None else self._part(number, first, last))
        return np.concatenate(parts)

    def _part(self, number: int, start: int, stop: int) -> np.ndarray:
        """Frames of one stream, at the rate of the first."""
        part = self._stream(number)
        if part.rate == self.rate:
            return part.decode(start, stop)
        first, last, origin = resampling.input_span(start, stop, part.rate, self.rate)
        waveform = resampling.resample(part.decode(first, last), part.rate, self.rate)
        return waveform[start - origin : stop - origin]

    def _spans(self) -> list[tuple[int | None, int, int]]:
        """Streams and what is silent between them (None): their beginnings and ends, at the rate of the first."""
        spans: list[tuple[int | None, int, int]] = []
        end = 0
        for number, link in enumerate(self._layout.links):
            if link.num_frames is None or not link.rate:
                known, rate = self._stream(number).num_frames, self._stream(number).rate
            else:
                known, rate = link.num_frames, link.rate
            num_frames = resampling.output_length(known, rate, self.rate)
            silent = round(self._layout.silence_before(number) * self.rate)
            if silent:
                spans.append((None, end, end + silent))
            spans.append((number, end + silent, end + silent + num_frames))
            end += silent + num_frames
        return spans

    def _stream(self, number: int) -> stream.Stream:
        """A stream, open; of those behind the first one at a time, since a chain may have thousands."""
        if number not in self._streams:
            for other in [other for other in self._streams if other]:
                self._streams.pop(other).decoder.close()
            self._streams[number] = self._open(number)
        return self._streams[number]

    def _num_bytes(self) -> int:
        with spliced.Blocks(self.path) as blocks:
            return blocks.size

    @contextlib.contextmanager
    def _fetching(self) -> Iterator[None]:
        """Raises AudioError: bytes were missing since they could not be fetched, whatever decoders made of that."""
        before = self._track.failures if self._track else 0
        try:
            yield
        except (OSError, audio.AudioError) as error:
            if self._track and (self._track.failures != before or isinstance(error, OSError)):
                raise self._not_fetched(error) from None
            raise
        if self._track and self._track.failures != before:
            raise self._not_fetched(None)

    def _not_fetched(self, error: Exception | None) -> audio.AudioError:
        assert self._track
        layout.unlearn(self.path)
        reason = error if isinstance(error, OSError) else self._track.failure
        return audio.AudioError(f"{self.path}: {layout.reason(reason)}")

    def _open(self, number: int) -> stream.Stream:
        opened: stream.Decoder
        frames = self._layout.links[number].frames
        if frames is not None:
            opened = evenly.Decoder(self.path, frames)
        else:
            opened = second_reader.Decoder(self.path) if self._layout.foreign else self._by_libsndfile(number)
        return stream.Stream(self.path, opened, self._layout, self._layout.links[number])

    def _by_libsndfile(self, number: int) -> stream.Decoder:
        """A stream's decoder; the second reader's, from now on, where libsndfile does not know the file's form."""
        link = self._layout.links[number]
        try:
            opened = decoder.Decoder(self.path, link)
        except decoder.NotRecognised as error:
            if number:
                self._layout.lose(link)
                return _Nothing(self.rate)
            instead = second_reader.open_instead(self.path, error)
            self._layout.become_foreign(instead.gaps, instead.seconds_stated)
            return instead
        if link.num_frames is not None and opened.stated_frames < link.num_frames:  # an estimate, and too short
            opened.close()
            link.pieces = link.pieces or ((0, self._num_bytes()),)
            link.claims_more = True
            opened = decoder.Decoder(self.path, link)
        return opened


class _Nothing:
    """The decoder of a stream that cannot be opened, among others that can."""

    num_channels, form, stores_int16, stated_frames = 1, ("", ""), False, 0

    def __init__(self, rate: int):
        self.rate = rate

    def decodes(self, position: int) -> bool:
        return False

    def run(self, position: int, mono: np.ndarray) -> int:
        return 0

    def close(self) -> None:
        pass
