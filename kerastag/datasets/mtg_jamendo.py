"""MTG-Jamendo (Bogdanov et al. 2019): where its archives and lists are, how they are named, and how large they are.

What is known of its servers and files stands in the tables below and nowhere else.
"""

import dataclasses
import pathlib
import posixpath

from kerastag import errors
from kerastag.downloads import fetching

NAME = "mtg_jamendo"
REPOSITORY, REVISION = "MTG/mtg-jamendo-dataset", "master"  # lists and splits; they were corrected now and then
MIRRORS = {
    "mtg-fast": "https://cdn.freesound.org/mtg-jamendo",
    "mtg": "https://essentia.upf.edu/documentation/datasets/mtg-jamendo",  # slower
}
SUBSETS = {  # where the archives of a subset's tracks are
    "autotagging_moodtheme": "autotagging_moodtheme",
    "autotagging": "raw_30s",
    "autotagging_genre": "raw_30s",
    "autotagging_instrument": "raw_30s",
    "autotagging_top50tags": "raw_30s",
}
ENDINGS = {"audio": ".mp3", "audio-low": ".low.mp3", "melspecs": ".npy"}  # of a track that the splits call N.mp3
GIGABYTES = {  # all archives together, as its README says
    ("autotagging_moodtheme", "audio"): 152,
    ("autotagging_moodtheme", "audio-low"): 46,
    ("autotagging_moodtheme", "melspecs"): 68,
    ("raw_30s", "audio"): 508,
    ("raw_30s", "audio-low"): 156,
    ("raw_30s", "melspecs"): 229,
}
NUM_PARTS = 100  # archives; each holds the tracks of the folder that has its number, 00 to 99
SPLITS = ("train", "validation", "test")
LICENCES = "audio_licenses.txt"
TERMS = (
    "audio: Creative Commons, track by track, see audio_licenses.txt; tags and splits: CC BY-NC-SA 4.0; "
    "please cite Bogdanov et al. 2019"
)


@dataclasses.dataclass(frozen=True)
class Selection:
    """What of the data set is wanted.

    Attributes:
      subset: of SUBSETS.
      kind: of ENDINGS.
      mirror: the address below which the archives are.
    """

    subset: str
    kind: str
    mirror: str

    @property
    def archives(self) -> str:
        """What the names of archives and lists begin with."""
        return SUBSETS[self.subset]

    @property
    def bytes_per_part(self) -> int:
        """The size of an archive, about."""
        return GIGABYTES[self.archives, self.kind] * 1_000_000_000 // NUM_PARTS

    @property
    def lists(self) -> dict[str, str]:
        """Path in the repository of each list, split and notice, by the name it has here."""
        stem = f"data/download/{self.archives}_{self.kind}"
        splits = {f"{name}.tsv": f"data/splits/split-0/{self.subset}-{name}.tsv" for name in SPLITS}
        return {
            "archives.txt": f"{stem}_sha256_tars.txt",
            "tracks.txt": f"{stem}_sha256_tracks.txt",
            **splits,
            LICENCES: LICENCES,
        }

    def list_url(self, path: str) -> str:
        """The address of a file in the repository."""
        return fetching.github_url(REPOSITORY, REVISION, path)

    def archive_name(self, part: str) -> str:
        """The file name of a part, "00" to "99"."""
        return f"{self.archives}_{self.kind}-{part}.tar"

    def archive_url(self, part: str) -> str:
        """The address of a part."""
        return f"{self.mirror}/{self.archives}/{self.kind}/{self.archive_name(part)}"

    def track_name(self, path: str) -> str:
        """The name in the archives of a track that the splits call FOLDER/N.mp3."""
        return posixpath.splitext(str(pathlib.PurePosixPath(path)))[0] + ENDINGS[self.kind]


def mirror_of(name_or_url: str) -> str:
    """The address of a mirror that is given by name or as an address of one's own.

    Raises:
      UsageError: neither.
    """
    if name_or_url in MIRRORS:
        return MIRRORS[name_or_url]
    if name_or_url.startswith(("http://", "https://")):
        return name_or_url.rstrip("/")
    raise errors.UsageError(f"--mirror: '{name_or_url}' is none of {', '.join(MIRRORS)}, nor an address")
