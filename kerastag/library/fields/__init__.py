"""Four fields of the tags in music files, read and edited in place of their bytes.

    field     ID3v2.4, 2.3, 2.2         Vorbis comments  MP4           ASF                         APEv2
    mood      TMOO, TXXX:MOOD, TXX:MOOD MOOD             ----:MOOD     WM/Mood                     Mood
    genre     TCON, TCON, TCO           GENRE            (c)gen        WM/Genre                    Genre
    grouping  TIT1, TIT1, TT1           GROUPING         (c)grp        WM/ContentGroupDescription  Grouping
    comment   COMM, COMM, COM           COMMENT          (c)cmt        Description                 Comment

These are the places that MusicBrainz Picard writes. Several values are several values, never one with separators.

An edit replaces the bytes of one field and the counts and sizes around it. What else is in a tag is never parsed and
written anew, since that loses what a parser does not know: written by mutagen 1.48, a file lost an RVAD frame that it
could not read, other frames changed places, and ID3v2.2 came back as 2.3; by its source, extended headers and footers,
Vorbis comments that are no UTF-8 and the offsets of an MP4 file's later fragments fare no better. It is the second
reader instead:
`checking` holds what it sees of the edited file against what it saw before. (Where a field stands in several places,
as mood may in ID3, all of them are read, and all are written.)

`opening.open_tags` finds the container of a file; see container.Container for what a container can do.
"""

FIELDS = ("mood", "genre", "grouping", "comment")
