"""A model before its networks are loaded: its tags, the rule by which they are given, how far each can be trusted."""

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Iterator, Mapping

from kerastag import errors, published, tags
from kerastag.inference import deciding, export_facts
from kerastag.metrics import card as tag_card
from kerastag.runs import ensemble_folder, run_folder
from kerastag.runs.model import Model

_BLOCK = 1 << 20  # bytes of a file that are hashed at a time


@dataclasses.dataclass(frozen=True)
class ModelSource:
    """A run, an ensemble of runs, or one version of an export.

    Attributes:
      name: as it was given.
      folder: of the run, the ensemble or the version.
      vocabulary: the tags.
      calibrated: whether scores are probabilities.
      model: the run or the ensemble; None: an export.
      facts: of the export; None: a run or an ensemble.
    """

    name: str
    folder: pathlib.Path
    vocabulary: tags.Vocabulary
    calibrated: bool
    model: Model | None = None
    facts: export_facts.ExportFacts | None = None

    @property
    def assets(self) -> run_folder.RunFolder:
        """The folder with thresholds, card and calibration."""
        return self.model.folder if self.model else run_folder.RunFolder(self.folder / export_facts.ASSETS)

    @functools.cached_property
    def decider(self) -> deciding.Decider:
        """The rule by which tags are given.

        Raises:
          KerastagError: a file with thresholds or usual scores is damaged.
        """
        if self.model is not None:
            return deciding.of_model(self.model)
        return deciding.of_files(self.assets.thresholds_path, self.assets.usual_scores_path, self.vocabulary)

    @functools.cached_property
    def card(self) -> Mapping[str, tag_card.Row]:
        """How far each tag can be trusted, by full name; empty: the model was not evaluated.

        Raises:
          KerastagError: the card is damaged.
        """
        path = self.assets.card_path
        return tag_card.read(path, self.vocabulary) if path.is_file() else {}

    def check_card(self) -> None:
        """Raises KerastagError: there is no card."""
        if not self.assets.card_path.is_file():
            missing = self.assets.card_path.name
            raise errors.KerastagError(f"{self.name}: no {missing} to explain by; kerastag evaluate writes it")

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal over all that the scores depend on.

        Raises:
          KerastagError: a run has no network yet.
        """
        total = hashlib.sha256()
        for path in self._files():
            of_file = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    of_file.update(block)
            total.update(of_file.digest())
        return total.hexdigest()

    def _files(self) -> Iterator[pathlib.Path]:
        if self.model is not None:
            for run in self.model.runs:
                yield run.trained_model_path()
            if isinstance(self.model.folder, ensemble_folder.EnsembleFolder):
                yield self.model.folder.record_path
            yield self.assets.tags_path
        else:
            inside = (self.folder / "variables").rglob("*")
            yield from sorted(path for path in inside if path.is_file())
            yield from (self.folder / "saved_model.pb", self.assets.path / export_facts.FILE, self.assets.tags_path)
        if self.calibrated:
            yield self.assets.calibration_path


def find(model: str | os.PathLike[str], calibrated: bool = False) -> ModelSource:
    """Reads what a model's folder says; its networks stay where they are.

    Args:
      model: a run, an ensemble, an export (the newest version, or one version's folder), or the name of a published
        model that is here.
      calibrated: scores as probabilities, by the folder's calibration.json; an export that was written calibrated is
        so always.

    Raises:
      KerastagError: there is no model, or no calibration.
    """
    path, name = published.resolve(model), os.fspath(model)
    if not path.is_dir():
        raise errors.KerastagError(f"{name}: no such folder")
    version = _exported_version(path)
    if version is None and not ensemble_folder.is_model(path):
        raise errors.KerastagError(f"{name}: neither a run nor an exported model")
    if version is None:
        source = Model.load(path, calibrated)
        return ModelSource(name, path, source.vocabulary, calibrated, model=source)
    facts = export_facts.ExportFacts.read(version)
    if calibrated and not facts.calibrated:
        raise errors.KerastagError(f"{version}: exported without calibration", "calibrated")
    vocabulary = run_folder.RunFolder(version / export_facts.ASSETS).vocabulary()
    return ModelSource(name, version, vocabulary, facts.calibrated, facts=facts)


def _exported_version(path: pathlib.Path) -> pathlib.Path | None:
    """The folder with the SavedModel: `path` itself, or its highest version."""
    if (path / "saved_model.pb").is_file():
        return path
    versions = [child for child in path.iterdir() if child.name.isdigit() and (child / "saved_model.pb").is_file()]
    return max(versions, key=lambda child: int(child.name), default=None)
