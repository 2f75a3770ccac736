"""MTG-Jamendo in small, as its servers lay it out: lists, splits, archives of a folder and its tracks."""

import hashlib
import io
import tarfile

import numpy as np

from kerastag import download
from kerastag.datasets import mtg_jamendo
from kerastag.downloads import fetching

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\t\r\n"
SPLIT_OF = {"train": 0, "validation": 1, "test": 2}  # by the place in the part
PARTS = ("00", "01", "02")
SUBSET = "autotagging_moodtheme"


def noise(name):
    """Bytes that are those of a name alone."""
    return np.random.default_rng(list(name.encode())).bytes(20_000)


def archive(members):
    """The bytes of a tar of (TarInfo, content)."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as opened:
        for member, content in members:
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return written.getvalue()


def entry(name, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


class Jamendo:
    """What a server gives; of a part that is changed afterwards the lists tell nothing.

    Args:
      server: of serving_files.
      kind: of mtg_jamendo.ENDINGS.
      content: a function from a track's name to its bytes.
      num_tracks: of each part.
    """

    def __init__(self, server, monkeypatch, kind="audio", content=noise, num_tracks=3, tags=("happy", "sad")):
        self.server, self.kind = server, kind
        monkeypatch.setattr(mtg_jamendo, "GIGABYTES", {key: 0.0065 for key in mtg_jamendo.GIGABYTES})  # 65 kB a part
        self.tracks, rows = {}, {name: [] for name in mtg_jamendo.SPLITS}
        for part in PARTS:
            for number in range(num_tracks):
                track_id = int(f"{number + 1}{part}")
                path = f"{part}/{track_id}.mp3"
                name = path.removesuffix(".mp3") + mtg_jamendo.ENDINGS[kind]
                self.tracks.setdefault(part, {})[name] = content(name)
                tag = f"mood/theme---{tags[number // 3 % len(tags)]}"
                row = f"track_{track_id:07}\tartist_{track_id:06}\talbum_{track_id:06}\t{path}\t30.1\t{tag}\t\r\n"
                rows[mtg_jamendo.SPLITS[number % 3]].append(row)
        self.splits = {name: (HEADER + "".join(lines)).encode() for name, lines in rows.items()}
        for name, text in self.splits.items():
            self.put_list(f"data/splits/split-0/{SUBSET}-{name}.tsv", text)
        self.put_list(mtg_jamendo.LICENCES, b"all of it is CC BY\n")
        self.put_digests("tracks", {name: data for tracks in self.tracks.values() for name, data in tracks.items()})
        self.archives = {}
        for part, tracks in self.tracks.items():
            members = [(entry(part, tarfile.DIRTYPE), b""), *((entry(name), data) for name, data in tracks.items())]
            self.put_archive(part, archive(members))

    def put_list(self, path, content):
        url = fetching.github_url(mtg_jamendo.REPOSITORY, mtg_jamendo.REVISION, path)
        self.server.files[url.removeprefix(self.server.url)] = content

    def put_digests(self, what, contents):
        lines = [f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in contents.items()]
        self.put_list(f"data/download/{SUBSET}_{self.kind}_sha256_{what}.txt", "".join(lines).encode())

    def put_archive(self, part, content):
        """Publishes an archive and its digest."""
        self.archives[f"{SUBSET}_{self.kind}-{part}.tar"] = content
        self.server.files[self.path(part)] = content
        self.put_digests("tars", self.archives)

    def path(self, part):
        """Of an archive, on the server."""
        return f"/mirror/{SUBSET}/{self.kind}/{SUBSET}_{self.kind}-{part}.tar"

    def archives_asked(self):
        """(part, Range) of every request for an archive, in order."""
        return [(path[-6:-4], asked) for path, asked in self.server.asked if path.endswith(".tar")]

    def download(self, folder, *arguments):
        """The exit status of the command."""
        places = [f"--data_dir={folder}", f"--mirror={self.server.url}/mirror", f"--type={self.kind}"]
        return download.COMMAND.run(["mtg_jamendo", *places, *arguments])


def left(folder):
    """All files of a data set, without what a download remembers."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and ".mtg_jamendo" not in path.parts
    )
