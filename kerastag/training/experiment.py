"""One experiment: everything that decides a training, put together into a run that can be started or resumed."""

import dataclasses
import math
import sys
from collections.abc import Mapping

import keras
import tensorflow as tf

from kerastag import errors, losses, models, reporting, version
from kerastag.audio import tfio_decoder
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data import dataset, decoded, pipeline
from kerastag.losses import taught
from kerastag.models import blocks
from kerastag.runs import record as run_record
from kerastag.runs import run_folder
from kerastag.training import averaging, build, callbacks, devices, fit, inputs, loop, probing, soft_labels, workers
from kerastag.training import state as training_state
from kerastag.training.monitoring import levels
from kerastag.training.settings import Settings, Splits
from kerastag.training.state import TrainingState

Interrupted = loop.Interrupted


@dataclasses.dataclass(frozen=True)
class Devices:
    """What computes, and how.

    Attributes:
      strategy: one of devices.NAMES; num_devices: to mirror over, None: all.
      computing: precision and compilation.
    """

    strategy: str = "auto"
    num_devices: int | None = None
    computing: Computing = AUTOMATIC


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What decides a training, apart from the data.

    Attributes:
      loss: one of losses.NAMES; loss_details: its hyperparameters that are not its own defaults.
      network: which network, and what it starts from.
      optimization: optimisers and learning rates.
      settings: how long and how it trains.
      devices: what computes.
      decoder: one of audio.DECODERS; dtype: what chunks are on their way to the device.
      cache: where decoded tracks are kept, see data.decoded; None: nowhere.
      monitor: one of levels.LEVELS.
      profiled_steps: steps to trace for TensorBoard's profiler; 0: none.
      teaching: whose scores are learnt beside the labels, see soft_labels; None: nobody's.
    """

    loss: str
    loss_details: Mapping[str, float]
    network: build.Network
    optimization: build.Optimization
    settings: Settings
    devices: Devices
    decoder: str = "soundfile"
    dtype: str = "int16"
    cache: str | None = None
    monitor: str = "full"
    profiled_steps: int = 0
    teaching: soft_labels.Teaching | None = None


class Training:
    """An experiment on a dataset in a run folder, ready to run.

    Args:
      experiment: what decides it.
      folder: where everything is written.
      data: what is trained on.
      record: written as run.json of a new run; None: training goes on from the folder's checkpoint.

    Attributes:
      tracks: what it trains and validates on; they know which of their files could not be read.

    Raises:
      KerastagError: a device or a package is missing, the checkpoint is damaged, pretrained weights do not fit.
      Interrupted: the user asked to stop while a teacher listened; what it said so far is kept.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: run_folder.RunFolder,
        data: dataset.Dataset,
        record: run_record.RunRecord | None,
    ):
        if experiment.decoder == "tfio":
            tfio_decoder.require()
        self._experiment = experiment
        self._folder = folder
        self._state = TrainingState() if record else training_state.read(folder.checkpoint_path)
        experiment.devices.computing.start()
        # what was begun on another machine goes on in the precision that it was begun in
        policy = experiment.devices.computing.policy if record else (folder.record().precision or "float32")
        self._strategy = devices.strategy(experiment.devices.strategy, experiment.devices.num_devices)
        print(devices.describe(self._strategy, policy), file=sys.stderr)
        self._workers = workers.Workers(self._strategy)
        self._check_workers(data, policy)
        base = self._base(is_new=record is not None)
        trainer, network = self._trainer(data, policy, base)
        chunk = pipeline.ChunkFormat.of_model(network, experiment.dtype, experiment.decoder)
        self._kept = None  # a cache without room is told before an older run is replaced
        if experiment.cache is not None:
            self._kept = decoded.DecodedTracks(experiment.cache, chunk.sample_rate, data.seconds())
        if record is None:
            training_state.restore(folder.checkpoint_path, trainer.model, trainer.optimizer, trainer.average_variables)
        elif self._workers.is_chief:
            self._begin(data, dataclasses.replace(record, precision=policy), base, trainer)
        print(blocks.count_text(network), file=sys.stderr)
        validation = data.validation_tracks(self._kept)
        self.tracks = Splits(self._training_tracks(data), validation, data.validation.split.tracks)
        self._fit = fit.Fit(
            trainer,
            experiment.optimization,
            self.tracks,
            self._inputs(data, base, chunk, policy),
            experiment.settings,
            folder,
            self._state,
            data.vocabulary,
            experiment.devices.computing,
            self._monitoring(data, network, chunk, policy),
            self._profile(),
            network,
        )

    def run(self) -> TrainingState:
        """Trains to the end, and makes the run's report unless nothing is monitored; returns the final state.

        Raises:
          Interrupted: the user asked to stop; the checkpoint holds every step so far.
          KerastagError: no audio can be read, or the loss is not finite any more.
        """
        with self._workers.losses_told():
            state = self._fit.run()
        if self._kept is not None and self._kept.warning():
            print(self._kept.warning(), file=sys.stderr)
        if self._experiment.monitor != "none" and self._workers.is_chief:
            reporting.write([self._folder.path], self._folder.report_path)
        return state

    def _begin(
        self, data: dataset.Dataset, record: run_record.RunRecord, base: keras.Model | None, trainer: loop.Trainer
    ) -> None:
        """Writes a new run's folder, with what an interruption of work before the first step is to keep."""
        teaching = self._experiment.teaching
        self._folder.begin(record, data.vocabulary)
        if base is not None:
            probing.keep_base(self._folder, base)
        if teaching is not None:
            soft_labels.SoftLabels.of_run(self._folder).begin(soft_labels.identities(data), teaching.unlabelled)
        if base is not None or teaching is not None:
            kept = (trainer.model, trainer.optimizer, self._state, trainer.average_variables)
            training_state.save(self._folder.checkpoint_path, *kept)

    def _base(self, is_new: bool) -> keras.Model | None:
        """The network that a probe stands on; None: no probe is trained."""
        network = self._experiment.network
        if network.model not in models.PROBES:
            return None
        if not is_new:
            return probing.kept_base(self._folder)
        base = probing.read_base(network)
        probing.check_outside(base, self._folder)
        return base

    def _check_workers(self, data: dataset.Dataset, policy: str) -> None:
        """Checks that processes that train together share a batch out evenly, and are about to do the same."""
        size, count = self._experiment.settings.batch_size, self._workers.count
        if size % count:
            raise errors.KerastagError(f"{size} chunks do not come out even among {count} workers", "batch_size")
        tracks = [[track.identity for track in split.split.tracks] for split in (*data.training, data.validation)]
        with self._workers.losses_told():
            self._workers.check_same(
                {
                    "versions": (version.__version__, tf.__version__, keras.__version__),
                    "precision": policy,
                    "flags": self._experiment,
                    "tags": data.vocabulary.names,
                    "tracks": tracks,
                    "checkpoint": self._state,
                }
            )

    def _training_tracks(self, data: dataset.Dataset) -> pipeline.Tracks:
        """The tracks to train on; a teacher hears them first."""
        teaching = self._experiment.teaching
        if teaching is None:
            return data.training_tracks(self._kept)
        try:
            computing = self._experiment.devices.computing
            return soft_labels.tracks(teaching, self._folder, data, computing, self._kept)
        except KeyboardInterrupt:
            raise Interrupted from None

    def _trainer(
        self, data: dataset.Dataset, policy: str, base: keras.Model | None
    ) -> tuple[loop.Trainer, keras.Model]:
        """The trainer, and the network that it trains, or of which it trains the head."""
        experiment, settings = self._experiment, self._experiment.settings
        details = dict(experiment.loss_details)
        if details.get("kappa"):
            details["num_tracks"] = data.num_training_tracks
        loss = losses.get(experiment.loss, class_counts=data.class_counts.tolist(), **details)
        if experiment.teaching is not None:
            loss = taught.Taught(loss)
        how = (loss, experiment.optimization, policy, settings.seed, self._state.stage)
        watch = experiment.monitor != "none"
        if base is not None:
            return probing.trainer(self._strategy, experiment.network, base, *how, watch=watch)
        size = settings.batch_size
        unlabelled = experiment.teaching.unlabelled if experiment.teaching else ()
        num_steps = settings.epochs * math.ceil((data.num_training_tracks + len(unlabelled)) / size)
        compiles = experiment.devices.computing.compiles_training(num_steps)
        here = size // self._workers.count
        if compiles:
            print("XLA compiles the training step, for up to a minute before the first one", file=sys.stderr)
        trainer = build.trainer(self._strategy, experiment.network, *how, here if compiles else None, watch)
        return trainer, trainer.model

    def _inputs(
        self, data: dataset.Dataset, base: keras.Model | None, chunk: pipeline.ChunkFormat, policy: str
    ) -> inputs.Inputs:
        settings = self._experiment.settings
        if base is None:
            return inputs.AudioInputs(self.tracks, chunk, settings, self._workers.share)
        computes = (policy, self._strategy, self._experiment.devices.computing, self._experiment.network.probe_chunks)
        return probing.inputs(self._folder, base, data, self.tracks, settings, chunk, *computes)

    def _monitoring(
        self, data: dataset.Dataset, network: keras.Model, chunk: pipeline.ChunkFormat, policy: str
    ) -> callbacks.ValidationWatcher | None:
        """What shows epochs and validations; the chief's is enough."""
        if not self._workers.is_chief:
            return None
        watched = levels.Watched(
            folder=self._folder,
            record=self._folder.record(),
            precision=policy,
            state=self._state,
            model=network,
            tag_names=data.vocabulary.names,
            class_counts=data.class_counts,
            tracks=self.tracks,
            chunk=chunk,
            settings=self._experiment.settings,
            averages=self._experiment.optimization.average != averaging.NO_AVERAGE,
        )
        return levels.monitoring(self._experiment.monitor, watched)

    def _profile(self) -> list[callbacks.Profile]:
        steps = self._experiment.profiled_steps
        return [callbacks.Profile(self._folder.events_path, steps)] if steps and self._workers.is_chief else []
