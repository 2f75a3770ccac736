"""Times the paper's network, waveform in, beside the same network in PyTorch: training steps, or inference.

    python -m tools.benchmarks.training [--mode=inference] [--precisions=float32,mixed_bfloat16] [--batch_sizes=32,128]

Ours is the network as `kerastag train` runs it, through its loop, or `kerastag tag` with batch norm folded, through its
scorer; chunks are int16 as there, and only reading files is left out. On a GPU each precision takes two turns, compiled
with XLA as a long run is, and plain as a short one is. PyTorch's twin, tools/benchmarks/torch_twin.py, needs the extra
`torch` and is left out without it; on a GPU it has fused Adam, pinned int16 chunks copied in every step,
cudnn.benchmark, and torch.compile in a turn of its own. All take turns, each turn in a process of its own: a machine
that slows down slows all, and no library's threads or memory are in another's way. The last lines are the raw cost of
the work: how fast the machine multiplies large matrices, and what share of that rate the convolutions of a step reach,
its other operations included in its time.
"""

import dataclasses
import sys
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from kerastag import cli, errors, losses, runtime
from kerastag.cli import options
from tools.benchmarks import machine, processes

NUM_TAGS = 56
TWINS = {
    ("float32", ""): "PyTorch float32, as the field runs it",
    ("bfloat16", ""): "PyTorch bfloat16, channels_last",
    ("bfloat16", "folded"): "PyTorch bfloat16, batch norm folded",
    ("bfloat16", "compiled"): "PyTorch bfloat16, torch.compile",
}
SHORT = {title: how or precision for (precision, how), title in TWINS.items()}  # in the columns of ratios

FLAGS = flags.FlagValues()
flags.DEFINE_enum("mode", "training", ["training", "inference"], "A training step, or scores alone.", flag_values=FLAGS)
flags.DEFINE_list(
    "precisions", None, "Policies to time; default: float32 and the half precision of this hardware.", flag_values=FLAGS
)
flags.DEFINE_list("batch_sizes", None, "Chunks per step; default: 32, on a GPU 32 and 128.", flag_values=FLAGS)
options.positive(FLAGS, "num_channels", 128, "Width of the network.")
options.positive(FLAGS, "num_rounds", 3, "How often each takes its turn.")
options.positive(FLAGS, "num_steps", None, "Steps to time in a turn; default: 3, on a GPU 60.")
options.positive(FLAGS, "warm_up", None, "Steps before them; default: 2, on a GPU 20.")
options.positive(FLAGS, "matrix_size", None, "Rows of the matrices; default: 4096, on a GPU 16384.")
flags.DEFINE_boolean("twin", True, "Time PyTorch's twin as well, where PyTorch is installed.", flag_values=FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Times each in turn and prints a table for each batch size."""
    device = processes.alone(machine.accelerator)
    on_gpu = device.gpu is not None
    print(machine.describe())
    if on_gpu:
        print(f"GPU: {device.gpu}")
    precisions = values.precisions or ["float32", device.policy if device.policy != "float32" else "mixed_bfloat16"]
    has_torch = values.twin and machine.has_torch()
    for size in _sizes(values.batch_sizes or (["32", "128"] if on_gpu else ["32"])):
        work = Work(
            mode=values.mode,
            num_channels=values.num_channels,
            batch_size=size,
            num_steps=values.num_steps or (60 if on_gpu else 3),
            warm_up=values.warm_up or (20 if on_gpu else 2),
            matrix_size=values.matrix_size or (16_384 if on_gpu else 4_096),
        )
        _time(work, precisions, on_gpu, has_torch, values.num_rounds)
    return 0


def _sizes(texts: list[str]) -> list[int]:
    if not all(text.isdecimal() and int(text) > 0 for text in texts):
        raise errors.UsageError(f"--batch_sizes={','.join(texts)}: not counts of chunks")
    return list(map(int, texts))


def _time(work: "Work", precisions: list[str], on_gpu: bool, has_torch: bool, num_rounds: int) -> None:
    forms = (", XLA", ", plain") if on_gpu else ("",)
    ours = {f"kerastag {name}{form}": (work.ours, name, form == ", XLA") for name in precisions for form in forms}
    twins = {}
    if has_torch:
        left_out = ({"folded"} if work.mode == "training" else set()) | (set() if on_gpu else {"compiled"})
        twins = {title: (work.twin, *key) for key, title in TWINS.items() if key[1] not in left_out}
    raw = {f"matrices {name}": (work.matrices, name) for name in precisions}
    turns = {**ours, **twins, **raw}
    times: dict[str, list[float]] = {name: [] for name in turns}
    first: dict[str, float] = {}
    for _ in range(num_rounds):
        for name, (run, *arguments) in turns.items():
            began, seconds = processes.alone(run, *arguments)
            times[name] += seconds
            first.setdefault(name, began)
    print(f"{work.mode}, {work.num_channels} channels, {work.batch_size} chunks of 4.6 s a step, median", flush=True)
    medians = {name: float(np.median(seconds)) for name, seconds in times.items()}
    rates = {name: work.batch_size / seconds for name, seconds in medians.items() if name not in raw}
    print_table(rates, first)
    matrix_rates = {name: 2 * work.matrix_size**3 / medians[f"matrices {name}"] for name in precisions}
    print_shares(rates, matrix_rates, work)


def print_table(rates: dict[str, float], first: dict[str, float]) -> None:
    """Chunks per second of each, how many times each twin's that is, and the seconds that the first step took."""
    columns = [name for name in rates if name.startswith("PyTorch")]
    for name, rate in rates.items():
        ratios = "".join(f"{rate / rates[column]:8.2f} x {SHORT[column]}" for column in columns)
        print(f"{name:<38} {rate:8.1f} chunks/s, first step {first[name]:5.1f} s{ratios}")


def print_shares(rates: dict[str, float], matrix_rates: dict[str, float], work: "Work") -> None:
    """What share of the machine's rate of multiplying matrices, in operations a second, the convolutions get."""
    operations = network_operations(work.num_channels) * (3 if work.mode == "training" else 1)  # two gradients
    size = work.matrix_size
    print(f"convolutions: {operations / 1e9:.2f} GFLOP a chunk; {size} x {size} matrices multiply at")
    for name, rate in matrix_rates.items():
        shares = ", ".join(
            f"{title.removeprefix('kerastag ')} {chunks * operations / rate:.0%}"
            for title, chunks in rates.items()
            if title.startswith(f"kerastag {name}")
        )
        print(f"{name:<38} {rate / 1e9:8.0f} GFLOP/s, of which kerastag gets: {shares}")


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
    """The work to time.

    Each public method is a turn, in a fresh process, and gives the seconds to the end of the first step, from where
    the network stands, and those of every step but the first `warm_up`.
    """

    mode: str
    num_channels: int
    batch_size: int
    num_steps: int
    warm_up: int
    matrix_size: int

    @property
    def num_calls(self) -> int:
        """Steps in all, with one more: what a step gave is known a step late."""
        return self.warm_up + self.num_steps + 1

    def ours(self, precision: str, compiled: bool) -> tuple[float, list[float]]:
        """kerastag's."""
        runtime.start()
        return (self._our_training if self.mode == "training" else self._our_inference)(precision, compiled)

    def twin(self, precision: str, how: str) -> tuple[float, list[float]]:
        """PyTorch's; `how`: "", "folded" or "compiled"."""
        from tools.benchmarks import torch_twin

        waveform, labels = torch_twin.pinned(*random_batch(self.batch_size))
        twin = torch_twin.Twin(precision, NUM_TAGS, self.num_channels, compiled=how == "compiled")
        if self.mode == "training":
            train = torch_twin.trainer(twin)
            return self._timed(lambda: train(waveform, labels))
        score = torch_twin.scorer(twin, folded=how == "folded")
        return self._timed(lambda: score(waveform))

    def matrices(self, precision: str) -> tuple[float, list[float]]:
        """The product of two matrices in the precision that convolutions have under a policy."""
        runtime.start()
        import tensorflow as tf

        dtype = precision.removeprefix("mixed_")
        matrix = tf.cast(tf.random.normal([self.matrix_size, self.matrix_size]), dtype)
        multiply = tf.function(lambda: tf.matmul(matrix, matrix))
        return self._timed(lambda: multiply()[0, 0].numpy())

    def _timed(self, step: Callable[[], object]) -> tuple[float, list[float]]:
        times = [time.perf_counter()]
        for _ in range(self.num_calls):
            step()
            times.append(time.perf_counter())
        return self._durations(times)

    def _durations(self, times: list[float]) -> tuple[float, list[float]]:
        return times[1] - times[0], list(np.diff(times)[self.warm_up : self.warm_up + self.num_steps])

    def _our_training(self, precision: str, compiled: bool) -> tuple[float, list[float]]:
        import tensorflow as tf

        from kerastag.data import pipeline
        from kerastag.training import build, devices, schedules, state

        network = build.Network(tuple(map(str, range(NUM_TAGS))), num_channels=self.num_channels)
        optimization = build.Optimization(schedules.Schedule())
        trainer = build.trainer(
            *(devices.strategy("one"), network, losses.get("focal"), optimization, precision),
            seed=0,
            compiled_size=self.batch_size if compiled else None,
        )
        waveform, labels = random_batch(self.batch_size)
        batch = {"waveform": waveform, "labels": labels, "draw": np.arange(self.batch_size)}
        batches = tf.data.Dataset.from_tensors(batch).map(pipeline.weighted).cache().repeat(self.num_calls)
        times = [time.perf_counter()]
        trainer.train_epoch(batches, state.TrainingState(), lambda step, logs: times.append(time.perf_counter()))
        return self._durations(times)

    def _our_inference(self, precision: str, compiled: bool) -> tuple[float, list[float]]:
        import tensorflow as tf

        from kerastag import models
        from kerastag.inference import scoring
        from kerastag.models import folding

        model = folding.fold(models.short_chunk_resnet(NUM_TAGS, self.num_channels), precision)
        waveform, _ = random_batch(self.batch_size)
        batch = {"waveform": waveform, "row": np.zeros(self.batch_size, np.int64)}
        batches = tf.data.Dataset.from_tensors({**batch, "weight": np.ones(self.batch_size, np.float32)}).cache()
        scorer = scoring.Scorer.of_model(model, compiled_size=self.batch_size if compiled else None)
        times = [time.perf_counter()]
        scorer.score_tracks(batches.repeat(self.num_calls), 1, lambda num_chunks: times.append(time.perf_counter()))
        return self._durations(times)


COMMAND = cli.Command("python -m tools.benchmarks.training", "time the network beside the same in PyTorch", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
