"""What can be had: name, network, tags, source, licence and published figures of each model, as plain values."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, TypeAlias

from kerastag import errors
from kerastag.published import tag_lists

DEFAULT = "musicnn_msd"  # what `kerastag tag` takes where no model is named
NO_LICENCE = "none stated"


@dataclasses.dataclass(frozen=True)
class GitHubFile:
    """A PyTorch checkpoint in a repository on GitHub.

    Attributes:
      repository: OWNER/NAME.
      commit: that has the file.
      path: in the repository.
      digest: "sha256:" and the file's SHA-256, or "git:" and the id of its blob.
      num_bytes: how large it is, about.
    """

    repository: str
    commit: str
    path: str
    digest: str
    num_bytes: int

    @property
    def place(self) -> str:
        """For people."""
        return f"github.com/{self.repository}"


@dataclasses.dataclass(frozen=True)
class Wheel:
    """A TensorFlow checkpoint in a wheel of the Python Package Index.

    Attributes:
      project, version: of the wheel.
      sha256: of the wheel.
      num_bytes: how large the wheel is.
      checkpoint: folder of the checkpoint in the package of the project's name.
    """

    project: str
    version: str
    sha256: str
    num_bytes: int
    checkpoint: str

    @property
    def place(self) -> str:
        """For people."""
        return f"PyPI, {self.project} {self.version}"


@dataclasses.dataclass(frozen=True)
class Members:
    """An ensemble: the mean of other models of the catalogue.

    Attributes:
      names: of the members.
      place: for people.
      num_bytes: of all members together, about.
    """

    names: tuple[str, ...]
    place: str
    num_bytes: int


Source: TypeAlias = GitHubFile | Wheel | Members


@dataclasses.dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
      name: what the user types.
      title: one line for people.
      tag_names: full names in the order of the outputs, (num_tags,).
      sample_rate: of the input, in Hz.
      chunk_seconds: of one chunk.
      licence: as the source states it; None: it states none.
      source: where the weights are.
      trained_on: the data, for people.
      measured_on: the tracks behind the published figures, for people; empty: there are none.
      pr_auc, roc_auc: those figures, macro.
      builder: the name of a function in kerastag.models; empty for an ensemble.
      options: its arguments beside the number of tags.
      note: what else a user must know; empty: nothing.
    """

    name: str
    title: str
    tag_names: tuple[str, ...]
    sample_rate: int
    chunk_seconds: float
    licence: str | None
    source: Source
    trained_on: str
    measured_on: str = ""
    pr_auc: str = ""
    roc_auc: str = ""
    builder: str = ""
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    note: str = ""

    @property
    def size(self) -> str:
        """Of the download, for people."""
        return size_text(self.source.num_bytes)

    @property
    def licence_text(self) -> str:
        """The licence in a cell or in brackets."""
        return self.licence or NO_LICENCE


def size_text(num_bytes: int) -> str:
    """Bytes for people: "1.8 MB", "48 MB"."""
    megabytes = num_bytes / 1e6
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"


def find(name: str) -> Entry:
    """The entry of a name.

    Raises:
      KerastagError: there is none; the message names the nearest one.
    """
    if name not in ENTRIES:
        near = difflib.get_close_matches(name, ENTRIES, n=1)
        advice = f"did you mean {near[0]}?" if near else "kerastag pretrained lists them"
        raise errors.KerastagError(f"{name}: no such published model; {advice}")
    return ENTRIES[name]


def _musicnn(name: str, checkpoint: str, builder: str, data: str, pr_auc: str, roc_auc: str) -> Entry:
    """One of the four networks in the wheel of Pons and Serra 2019, arXiv:1909.06654."""
    sha256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
    return Entry(
        name=name,
        title=f"{'musicnn' if builder == 'musicnn_net' else 'VGG-like CNN'} of {data}, Pons and Serra 2019",
        tag_names=tag_lists.MSD if data.startswith("the Million") else tag_lists.MTT,
        sample_rate=16_000,
        chunk_seconds=3.0,
        licence="ISC",
        source=Wheel("musicnn", "0.1.0", sha256, 29_292_476, checkpoint),
        trained_on=data,
        measured_on=f"the test split of {data}",
        pr_auc=pr_auc,
        roc_auc=roc_auc,
        builder=builder,
        options={"poolings": checkpoint[:3].lower()} if builder == "musicnn_vgg" else {},
    )


def _usc(name: str, folder: str, title: str, blob: str, pr_auc: str, roc_auc: str) -> Entry:
    """One of the models of Knox et al. 2020."""
    return Entry(
        name=name,
        title=f"short-chunk residual CNN with {title} loss, Knox et al. 2020",
        tag_names=tag_lists.MOOD_THEME,
        sample_rate=16_000,
        chunk_seconds=4.6,
        licence=None,
        source=_usc_file(f"pretrained_model/{folder}/best_model.pth", blob, 48_000_000),
        trained_on="MTG-Jamendo's moods and themes, and Music4All",
        measured_on=_JAMENDO_TEST,
        pr_auc=pr_auc,
        roc_auc=roc_auc,
        builder="short_chunk_resnet",
        options={"num_channels": 128, "variant": "4s6"},
    )


def _usc_file(path: str, blob: str, num_bytes: int) -> GitHubFile:
    commit = "aa35c013d75e4c6f90a282f2d42f70b6b36412b3"
    return GitHubFile("usc-sail/media-eval-2020", commit, path, f"git:{blob}", num_bytes)


_JAMENDO_TEST = "the mood and theme test split of MTG-Jamendo"
_MSD, _MTT = "the Million Song Dataset", "MagnaTagATune"
_ENTRIES = (
    _musicnn("musicnn_msd", "MSD_musicnn", "musicnn_net", _MSD, "0.289", "0.880"),
    _musicnn("musicnn_mtt", "MTT_musicnn", "musicnn_net", _MTT, "0.383", "0.907"),
    _musicnn("musicnn_msd_vgg", "MSD_vgg", "musicnn_vgg", _MSD, "0.282", "0.877"),
    _musicnn("musicnn_mtt_vgg", "MTT_vgg", "musicnn_vgg", _MTT, "0.382", "0.903"),
    Entry(
        name="mtg_vggish",
        title="VGG-ish baseline of MTG-Jamendo's moods and themes, Bogdanov et al. 2019",
        tag_names=tag_lists.MOOD_THEME,
        sample_rate=12_000,
        chunk_seconds=29.1,
        licence="Apache-2.0",
        source=GitHubFile(
            "MTG/mtg-jamendo-dataset",
            "1b4fa8c",
            "scripts/baseline/models/best_model.pth",
            "sha256:c1d6bee6bc25d78b28cea52bde68a353b3e674687171a78af020fa039d3cbdbe",
            1_803_131,
        ),
        trained_on="MTG-Jamendo's moods and themes",
        measured_on=_JAMENDO_TEST,
        pr_auc="0.107",
        roc_auc="0.725",
        builder="vggish",
        options={"num_channels": 64},
    ),
    _usc("usc_bce", "bce_all_data", "cross-entropy", "1dde7b9a68de54f8c52fdde5889f2534399a71b7", "0.150", "0.766"),
    _usc("usc_focal", "focal_loss_all_data", "focal", "1a81327fc82b173e70339568bcf17482e95bc14a", "0.156", "0.778"),
    _usc(
        *("usc_cb_focal", "cb_focal_loss_all_data", "class-balanced focal"),
        *("49971afe96625104fc02126e228707effa0bb4c7", "0.153", "0.773"),
    ),
    _usc(
        *("usc_db_focal", "db_focal_loss_all_data", "distribution-balanced focal"),
        *("b4182e9b34f3a0a651c41c1362b53110b644836c", "0.153", "0.768"),
    ),
    Entry(
        name="usc_ensemble",
        title="mean of usc_bce, usc_focal, usc_cb_focal and usc_db_focal, Knox et al. 2020",
        tag_names=tag_lists.MOOD_THEME,
        sample_rate=16_000,
        chunk_seconds=4.6,
        licence=None,
        source=Members(
            ("usc_bce", "usc_focal", "usc_cb_focal", "usc_db_focal"),
            "github.com/usc-sail/media-eval-2020",
            192_000_000,
        ),
        trained_on="MTG-Jamendo's moods and themes, and Music4All",
        measured_on=_JAMENDO_TEST,
        pr_auc="0.161",
        roc_auc="0.781",
    ),
    Entry(
        name="usc_msd",
        title="short-chunk residual CNN of the Million Song Dataset, what the paper's presets start from",
        tag_names=tag_lists.MSD,
        sample_rate=16_000,
        chunk_seconds=3.69,
        licence=None,
        source=_usc_file("pretrained_model/msd/best_model.pth", "2566ed85f37150ac6f3dba4f5a39985b5acbf156", 48_600_000),
        trained_on=_MSD,
        builder="short_chunk_resnet",
        options={"num_channels": 128, "variant": "3s69"},
        note="The source does not state the order of the tags; taken is that of the usual list of these 50.",
    ),
)
ENTRIES: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
