"""Four fields of the tags in music files, read and edited in place of their bytes.

    field     ID3v2.4, 2.3, 2.2         Vorbis comments  MP4           ASF                         APEv2
    mood      TMOO, TXXX:MOOD, TXX:MOOD MOOD             ----:MOOD     WM/Mood                     Mood
    genre     TCON, TCON, TCO           GENRE            (c)gen        WM/Genre                    Genre
    grouping  TIT1, TIT1, TT1           GROUPING         (c)grp        WM/ContentGroupDescription  Grouping
    comment   COMM, COMM, COM           COMMENT          (c)cmt        Description                 Comment

These are the places that MusicBrainz Picard writes. Several values are several values, never one with separators.

An edit replaces the bytes of one field and the counts and sizes around it. What else is in a tag is never parsed and
written anew, since that loses what a parser does not know: mutagen 1.48 was measured to drop ID3 frames that it cannot
read, to turn ID3v2.2 into 2.4, to lose extended headers and footers, to write Vorbis comments that are no UTF-8 with
other letters, and to move the offsets of no fragment of an MP4 file but the first. It is the second reader instead:
`checking` holds what it sees of the edited file against what it saw before. (Where a field stands in several places,
as mood may in ID3, all of them are read, and all are written.)

`opening.open_tags` finds the container of a file; see container.Container for what a container can do.
"""

FIELDS = ("mood", "genre", "grouping", "comment")
