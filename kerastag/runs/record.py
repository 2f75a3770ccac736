"""run.json: what a run was trained with, on what and by which versions."""

import dataclasses
import pathlib
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import TypeAlias

from kerastag import errors, files, json_types, names, version

FlagValue: TypeAlias = str | int | float | bool | list[str] | None
_PACKAGES = ("tensorflow", "keras", "numpy", "soundfile", "soxr", "tensorflow-io")


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What run.json says; runs that were not trained here, such as converted checkpoints, have less to say.

    Attributes:
      flags: every flag of the training, by name.
      command: as it was typed, quoted for a shell.
      data_dir: absolute folder of the dataset; None: the demo set, or not trained here.
      precision: the policy that was trained in.
      seed: the random seed.
      num_tracks: tracks of the splits "train" and "validation", and those "unlabelled" if there are any.
      class_counts: training tracks of each tag, by full name in column order.
      versions: versions of Python, kerastag and the packages that decide figures.
      git_commit: commit of the checkout that kerastag ran from.
      source: file and sha256 of the published weights of a converted checkpoint; of one that `kerastag pretrained`
        brought, where it is from.
      licence: of published weights, as their source states it.
      weights: which ones the best model has, "raw", those in training, or their average, "averaged"; None: no average
        was kept.
      teacher: the model whose scores were learnt, its fingerprint, and the commands of its runs; None: nobody taught.
      digests: what the data was known by, see data.dataset; None: nobody noted it.
    """

    flags: Mapping[str, FlagValue]
    command: str = ""
    data_dir: str | None = None
    precision: str | None = None
    seed: int | None = None
    num_tracks: Mapping[str, int] = dataclasses.field(default_factory=dict)
    class_counts: Mapping[str, int] | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    git_commit: str | None = None
    source: Mapping[str, str] | None = None
    licence: str | None = None
    weights: str | None = None
    teacher: Mapping[str, str] | None = None
    digests: Mapping[str, str] | None = None

    @classmethod
    def read(cls, path: pathlib.Path) -> "RunRecord":
        """Reads run.json; keys that are not known are left out, those that are missing have their defaults.

        Raises:
          KerastagError: it is missing or damaged, or not the record of a run.
        """
        content = files.read_json(path)
        if not isinstance(content, dict) or "flags" not in content:
            raise errors.KerastagError(f"{path}: not the record of a run (no 'flags')")
        try:
            return json_types.build(cls, content, ignore_others=True)
        except TypeError as error:
            raise errors.KerastagError(f"{path}: not the record of a run ({error})") from None

    def write(self, path: pathlib.Path) -> None:
        """Writes run.json."""
        of_some = ("source", "licence", "weights", "teacher", "digests")
        content = {key: value for key, value in dataclasses.asdict(self).items() if key not in of_some or value}
        files.write_json(path, content)

    @property
    def is_of_demo_set(self) -> bool:
        """Whether the run was trained on the built-in demo set."""
        return self.data_dir is None and self.class_counts is not None

    def text_flag(self, name: str, default: str = "") -> str:
        """A flag as text; `default` where the run had none."""
        value = self.flags.get(name)
        return default if value is None else str(value)


def versions() -> dict[str, str]:
    """Versions of Python, kerastag and the packages that decide figures."""
    found = {"kerastag": version.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The commit of the checkout that kerastag runs from, with "-dirty" if it was changed; None if installed."""
    root = pathlib.Path(__file__).parent.parent.parent
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def command_line() -> str:
    """The command, as a shell reads it."""
    return " ".join(map(names.shell_word, [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]))
