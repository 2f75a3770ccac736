"""Times the paper's network, waveform in, beside the same network in PyTorch: training steps, or inference.

    python -m tools.benchmarks.training [--mode=inference] [--precisions=float32,mixed_bfloat16]

Ours is the network as `kerastag train` runs it, or `kerastag tag` with batch norm folded; chunks are int16 as there,
and only reading files is left out. PyTorch's twin, tools/benchmarks/torch_twin.py, needs the extra `torch` and is left
out without it. All take turns, each turn in a process of its own: a machine that slows down slows all, and no library's
threads or memory are in another's way. The last lines are the raw cost of the work: how fast the machine multiplies
large matrices, and what share of that rate the convolutions of a step reach, its other operations included in its time.
"""

import dataclasses
import sys
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from kerastag import cli, losses, runtime
from kerastag.cli import options
from tools.benchmarks import machine, processes

NUM_TAGS = 56
MATRIX_SIZE = 4096
WARM_UP = 2  # calls of each that are not timed
TWINS = {"float32": "PyTorch float32, as the field runs it", "bfloat16": "PyTorch bfloat16, channels_last"}
FOLDED = "PyTorch bfloat16, batch norm folded"
SHORT = {TWINS["float32"]: "float32", TWINS["bfloat16"]: "bfloat16", FOLDED: "folded"}  # in the columns of ratios

FLAGS = flags.FlagValues()
flags.DEFINE_enum("mode", "training", ["training", "inference"], "A training step, or scores alone.", flag_values=FLAGS)
flags.DEFINE_list("precisions", ["float32", "mixed_bfloat16"], "Policies to time.", flag_values=FLAGS)
options.positive(FLAGS, "num_channels", 128, "Width of the network.")
options.positive(FLAGS, "batch_size", 32, "Chunks per step.")
options.positive(FLAGS, "num_rounds", 3, "How often each takes its turn.")
options.positive(FLAGS, "num_steps", 3, "Steps to time in a turn.")
flags.DEFINE_boolean("twin", True, "Time PyTorch's twin as well, where PyTorch is installed.", flag_values=FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Times each in turn and prints a line for each."""
    print(machine.describe())
    work = Work(values.mode, values.num_channels, values.batch_size, values.num_steps)
    turns = {f"kerastag {name}": (work.ours, name) for name in values.precisions}
    if values.twin and machine.has_torch():
        turns |= {title: (work.twin, name) for name, title in TWINS.items()}
        turns |= {FOLDED: (work.folded_twin, "bfloat16")} if values.mode == "inference" else {}
    raw = {f"matrices {name}": (work.matrices, name) for name in values.precisions}
    turns |= raw
    times: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(values.num_rounds):
        for name, (run, precision) in turns.items():
            times[name] += processes.alone(run, precision)
    print(f"{values.mode}, {values.num_channels} channels, {values.batch_size} chunks of 4.6 s a step, median")
    medians = {name: float(np.median(seconds)) for name, seconds in times.items()}
    rates = {name: values.batch_size / seconds for name, seconds in medians.items() if name not in raw}
    print_table(rates)
    print_shares(rates, {name: 2 * MATRIX_SIZE**3 / medians[f"matrices {name}"] for name in values.precisions}, work)
    return 0


def print_table(rates: dict[str, float]) -> None:
    """Chunks per second of each, and how many times each twin's that is."""
    columns = [name for name in rates if name.startswith("PyTorch")]
    for name, rate in rates.items():
        ratios = "".join(f"{rate / rates[column]:8.2f} x {SHORT[column]}" for column in columns)
        print(f"{name:<38} {rate:8.1f} chunks/s{ratios}")


def print_shares(rates: dict[str, float], matrix_rates: dict[str, float], work: "Work") -> None:
    """What share of the machine's rate of multiplying matrices, in operations a second, the convolutions get."""
    operations = network_operations(work.num_channels) * (3 if work.mode == "training" else 1)  # two gradients
    print(f"convolutions: {operations / 1e9:.2f} GFLOP a chunk; {MATRIX_SIZE} x {MATRIX_SIZE} matrices multiply at")
    for name, rate in matrix_rates.items():
        share = rates[f"kerastag {name}"] * operations / rate
        print(f"{name:<38} {rate / 1e9:8.0f} GFLOP/s, of which kerastag gets {share:.0%}")


def network_operations(num_channels: int) -> float:
    """Multiplications and additions of all convolutions for a chunk."""
    import keras

    from kerastag import models

    model = models.short_chunk_resnet(NUM_TAGS, num_channels)
    layers = [layer for layer in model.layers if len(layer.output.shape) == 4 and hasattr(layer, "kernel")]
    outputs = keras.Model(model.input, [layer.output for layer in layers])(np.zeros((1, model.chunk_samples)))
    sizes = [output.shape[1] * output.shape[2] for output in outputs]
    kernels = [np.prod(layer.kernel.shape) for layer in layers]
    return float(2 * np.dot(sizes, kernels))


def random_batch(batch_size: int, num_samples: int = 73_600) -> tuple[np.ndarray, np.ndarray]:
    """Noise int16 (batch, samples) and sparse labels float32 (batch, num_tags)."""
    generator = np.random.default_rng(0)
    waveform = generator.integers(-8000, 8000, (batch_size, num_samples), dtype=np.int16)
    return waveform, (generator.random((batch_size, NUM_TAGS)) < 0.05).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Work:
    """The work to time; each public method is a turn and gives the seconds of every step but the first WARM_UP."""

    mode: str
    num_channels: int
    batch_size: int
    num_steps: int

    def ours(self, precision: str) -> list[float]:
        """kerastag's."""
        runtime.start()
        return (self._our_training if self.mode == "training" else self._our_inference)(precision)

    def twin(self, precision: str) -> list[float]:
        """PyTorch's."""
        return self._twin(precision, folded=False)

    def folded_twin(self, precision: str) -> list[float]:
        """PyTorch's with batch norm folded into the convolutions."""
        return self._twin(precision, folded=True)

    def matrices(self, precision: str) -> list[float]:
        """The product of two matrices in the precision that convolutions have under a policy."""
        runtime.start()
        import tensorflow as tf

        dtype = precision.removeprefix("mixed_")
        matrix = tf.cast(tf.random.normal([MATRIX_SIZE, MATRIX_SIZE]), dtype)
        multiply = tf.function(lambda: tf.matmul(matrix, matrix))
        return self._timed(lambda: multiply()[0, 0].numpy())

    def _twin(self, precision: str, folded: bool) -> list[float]:
        from tools.benchmarks import torch_twin

        waveform, labels = random_batch(self.batch_size)
        waveform = waveform.astype(np.float32) / 32768
        if self.mode == "training":
            train = torch_twin.trainer(precision, NUM_TAGS, self.num_channels)
            return self._timed(lambda: train(waveform, labels))
        score = torch_twin.scorer(precision, NUM_TAGS, self.num_channels, folded)
        return self._timed(lambda: score(waveform))

    def _timed(self, step: Callable[[], object]) -> list[float]:
        times = [time.perf_counter()]
        for _ in range(WARM_UP + self.num_steps):
            step()
            times.append(time.perf_counter())
        return list(np.diff(times)[WARM_UP:])

    def _our_training(self, precision: str) -> list[float]:
        import tensorflow as tf

        from kerastag.data import pipeline
        from kerastag.training import build, devices, schedules, state

        network = build.Network(tuple(map(str, range(NUM_TAGS))), num_channels=self.num_channels)
        optimization = build.Optimization(schedules.Schedule())
        loss = losses.get("focal")
        trainer = build.trainer(devices.strategy("one"), network, loss, optimization, precision, seed=0)
        waveform, labels = random_batch(self.batch_size)
        batch = {"waveform": waveform, "labels": labels, "draw": np.arange(self.batch_size)}
        batches = tf.data.Dataset.from_tensors(batch).map(pipeline.weighted).cache().repeat(WARM_UP + self.num_steps)
        training_state, times = state.TrainingState(), [0.0]
        trainer.train_epoch(batches, training_state, lambda step, logs: times.append(training_state.seconds))
        return list(np.diff(times)[WARM_UP:])

    def _our_inference(self, precision: str) -> list[float]:
        import tensorflow as tf

        from kerastag import models
        from kerastag.inference import scoring
        from kerastag.models import folding

        model = folding.fold(models.short_chunk_resnet(NUM_TAGS, self.num_channels), precision)
        waveform, _ = random_batch(self.batch_size)
        batch = {"waveform": waveform, "row": np.zeros(self.batch_size, np.int64)}
        batches = tf.data.Dataset.from_tensors({**batch, "weight": np.ones(self.batch_size, np.float32)}).cache()
        times = [time.perf_counter()]
        scoring.Scorer.of_model(model).score_tracks(
            batches.repeat(WARM_UP + self.num_steps), 1, lambda num_chunks: times.append(time.perf_counter())
        )
        return list(np.diff(times)[WARM_UP:])


COMMAND = cli.Command("python -m tools.benchmarks.training", "time the network beside the same in PyTorch", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
