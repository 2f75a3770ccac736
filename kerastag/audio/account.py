"""How much of a file was heard."""

import dataclasses
from collections.abc import Mapping
from typing import Any

NOTABLE_SECONDS = 1.0
NOTABLE_SHARE = 0.05


@dataclasses.dataclass(frozen=True)
class Account:
    """What the readings of a file came to, all those of this process together.

    What is missing was stated by the file, or must have stood where its bytes make no sense. Chunks show the gaps
    that lie in them; those that a file's structure shows, and an end that is missing, are known from its opening.

    Attributes:
      seconds_read: seconds of music that can be decoded.
      gaps: (start, seconds) of each stretch that cannot: where, in the time of what is read, and how much is lost.
      seconds_stated: how long the file says that it lasts; None where it does not say, or estimates.
    """

    seconds_read: float
    gaps: tuple[tuple[float, float], ...] = ()
    seconds_stated: float | None = None

    @property
    def seconds_missing(self) -> float:
        """The gaps together."""
        return sum(seconds for _, seconds in self.gaps)

    @property
    def notable(self) -> bool:
        """Whether over a second, or over 5 %, is missing."""
        missing = self.seconds_missing
        return missing > NOTABLE_SECONDS or missing > NOTABLE_SHARE * (missing + self.seconds_read)

    def text(self) -> str:
        """What is missing, for people."""
        places = ", ".join(_clock(start) for start, _ in self.gaps[:3]) + (", ..." if len(self.gaps) > 3 else "")
        total = self.seconds_read + self.seconds_missing
        return f"{self.seconds_missing:.1f} of {total:.1f} s cannot be read (at {places})"

    def facts(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "seconds_stated": None if self.seconds_stated is None else round(self.seconds_stated, 3),
            "seconds_read": round(self.seconds_read, 3),
            "gaps": [[round(start, 3), round(seconds, 3)] for start, seconds in self.gaps],
        }

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "Account":
        """The account that `facts` told of; raises KeyError, TypeError or ValueError if it is none."""
        gaps = tuple((float(start), float(seconds)) for start, seconds in facts["gaps"])
        stated = facts["seconds_stated"]
        return cls(float(facts["seconds_read"]), gaps, None if stated is None else float(stated))


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
