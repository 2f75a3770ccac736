"""The layout of an MPEG file: joined streams, holes, wrong counts, and how much each hole cost."""

import dataclasses
import itertools
from collections.abc import Sequence

from kerastag.audio import mpeg, mpeg_header, mpeg_info, spliced
from kerastag.audio.link import Layout, Link

_TOLERANCE = 4  # times what the missing bytes suggest, a count of missing frames is believed
_SLACK = 40  # frames, a second of music


@dataclasses.dataclass
class Section:
    """One stream of those that were joined: the runs of its frames, behind its encoder's header if it has one."""

    runs: list[mpeg.Run]
    info: mpeg_info.Info | None = None

    @property
    def num_frames(self) -> int:
        return sum(run.num_frames for run in self.runs)

    @property
    def num_bytes(self) -> int:
        return sum(run.stop - run.start for run in self.runs)

    @property
    def cut(self) -> bool:
        return self.runs[-1].cut

    @property
    def trimmed(self) -> int:
        """Samples that the encoder put around the music, which are not given out."""
        return (self.info.delay or 0) + (self.info.padding or 0) if self.info else 0

    @property
    def stated(self) -> int | None:
        return self.info.num_frames if self.info else None


def of(blocks: spliced.Blocks) -> Layout | None:
    """The layout of an MPEG file; None if it is not one."""
    runs = mpeg.runs(blocks)
    groups = [
        list(group)
        for _, group in itertools.groupby(runs, lambda run: dataclasses.replace(run.key, second=run.key.second | 1))
    ]
    groups = [group for group in groups if len(groups) == 1 or sum(run.num_frames for run in group) > _SLACK // 8]
    if not groups:
        return None
    links, gaps, begin, stated = [], [], 0.0, 0.0
    for group in groups:
        key, sections = group[0].key, _sections(blocks, group)
        seconds = key.frame_samples / key.rate
        for section in sections:
            gaps += [(begin + place * seconds, frames * seconds) for place, frames in _missing(section)]
            begin += section.num_frames * seconds
            stated += float("nan") if section.stated is None else section.stated * seconds - section.trimmed / key.rate
        alone = len(groups) == 1 and group[0].start == mpeg.id3v2_bytes(blocks.at(0, 10))
        links.append(_link(sections, key, alone))
    return Layout(links, gaps, None if stated != stated else stated)


def _sections(blocks: spliced.Blocks, runs: Sequence[mpeg.Run]) -> list[Section]:
    """The streams that are joined in `runs`."""
    sections = [_section(blocks, runs[0])]
    for run in runs[1:]:
        new = _section(blocks, run)
        if new.info:
            sections.append(new)
        else:
            sections[-1].runs.append(run)
    found = sum(section.num_frames for section in sections)
    if found <= sum(section.stated or 0 for section in sections):
        return sections
    return [part for section in sections for part in _split(blocks, section)]  # more than they say: joined


def _section(blocks: spliced.Blocks, run: mpeg.Run) -> Section:
    info = mpeg_info.read(blocks, run.start, run.key)
    if info is None:
        return Section([run])
    return Section([dataclasses.replace(run, start=run.start + len(info.frame), num_frames=run.num_frames - 1)], info)


def _split(blocks: spliced.Blocks, section: Section) -> list[Section]:
    """A section at the encoders' headers that stand in the middle of its runs."""
    parts = [Section([], section.info)]
    for run in section.runs:
        rest = run
        for place in mpeg_info.places(blocks, run):
            halves = mpeg.split(blocks, rest, place) if place > rest.start else None
            second = _section(blocks, halves[1]) if halves else None
            if halves and second and second.info:
                parts[-1].runs.append(halves[0])
                parts.append(Section([], second.info))
                rest = second.runs[0]
        parts[-1].runs.append(rest)
    return [part for part in parts if part.runs]


def _missing(section: Section) -> list[tuple[float, float]]:
    """(frames before it, frames missing) of each gap.

    A hole's bytes over the mean size of a frame say how many are missing. The encoder's count says it better, if it is
    not far off that: a header can be wrong, and one that agrees with the file's size while frames are too few is.
    """
    if section.num_frames:
        mean = section.num_bytes / section.num_frames
    else:  # nothing is left but the encoder's header, a frame as the others
        mean = len(section.info.frame) if section.info else 1.0
    before, holes = 0, []
    for run, following in itertools.pairwise(section.runs):
        before += run.num_frames
        if following.start > run.stop:
            holes.append((before, (following.start - run.stop) / mean))
    inside = sum(frames for _, frames in holes)
    info, total = section.info, inside
    if info is not None and info.num_frames is not None:
        lacking = info.num_frames - section.num_frames
        lost = 0.0
        if info.num_bytes is not None:
            lost = max(0.0, (info.num_bytes - len(info.frame) - section.num_bytes) / mean - inside)
        suggested = inside + lost
        known = info.num_bytes is not None
        believed = lacking <= _TOLERANCE * suggested + _SLACK if known else True
        if lacking > 0 and (holes or section.cut or lost >= 1):
            total = lacking if believed else suggested
    if not total:
        return []
    # what was taken out leaves a broken frame where it stood
    inside = min(inside, total) if section.cut or not holes else total
    whole = sum(frames for _, frames in holes)
    gaps: list[tuple[float, float]] = [(place, frames / whole * inside) for place, frames in holes if whole]
    if total > inside:
        gaps.append((section.num_frames, total - inside))
    return gaps


def _link(sections: Sequence[Section], key: mpeg_header.Key, alone: bool) -> Link:
    """How the decoder is to see the streams.

    Args:
      sections: of one and the same form.
      key: theirs.
      alone: there is nothing in front of them but a tag that libsndfile skips.
    """
    first, last = sections[0], sections[-1]
    num_frames = sum(section.num_frames for section in sections)
    whole = alone and len(sections) == 1 and len(first.runs) == 1 and not first.cut
    if whole and first.info is not None and first.stated == num_frames:
        return Link(states_length=True)
    if whole and first.info is None:
        return Link(num_frames=num_frames * key.frame_samples, states_length=True)
    ranges = [(run.start, run.stop) for section in sections for run in section.runs]
    if first.info is None or not first.info.is_xing:
        return Link(tuple(ranges), num_frames * key.frame_samples, True, claims_more=True)
    complete = not last.cut and last.info is not None and (last.stated or 0) <= last.num_frames
    padding = last.info.padding if complete and last.info else 0
    num_bytes = sum(section.num_bytes for section in sections)
    header = mpeg_info.rewritten(first.info, key, num_frames, num_bytes, padding)
    return Link((header, *ranges), states_length=True)
