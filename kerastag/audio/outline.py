"""Layouts of remote tracks by a few stretches of their bytes, of which then only those are fetched that chunks lie in.

WAV, AIFF, AU and FLAC are laid out as they are on a disk. Ogg streams and MPEG streams of one bit rate are believed if
beginning, end, and what is met in between, agree: where nothing is damaged their layout is that of the whole.
"""

from kerastag.audio import containers, evenly, mpeg, ogg, spliced
from kerastag.audio.link import Layout, Link

_SAMPLES = (b"RIFF", b"RIFX", b"FORM", b"fLaC", b".snd")


def of(path: str, blocks: spliced.Blocks) -> Layout | None:
    """The layout of a track whose bytes can be fetched in ranges; None: all of it is needed.

    Raises:
      OSError: it cannot be fetched.
    """
    start = mpeg.behind_tags(blocks, 0)
    beginning = blocks.at(start, 4)
    if beginning in _SAMPLES:
        return containers.of(blocks)
    if beginning == b"OggS":
        return ogg.outline(path) if start == 0 else None
    frames = evenly.frames_of(path, blocks, start)
    if frames is None:
        return None
    link = Link(states_length=True, num_frames=frames.known_length, frames=frames)
    return Layout([link], seconds_stated=frames.seconds_stated)
