"""Loads a running server: latency and requests per second for one and many clients, over REST and gRPC.

    python -m tools.benchmarks.serving --rest=http://localhost:8501 --grpc=localhost:8500 --model=moods \\
        --export=saved_models/moods/1

Each request is one clip: over REST as WAV in base64 to `classify_wav`, over gRPC as float32 to `serving_default`. With
--export the same clips first run in a bare session of TensorFlow in this process, which shows the time that the model
itself takes. --bad_requests sends so many requests that no server should accept, and counts the answers.
"""

import collections
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import numpy as np
from absl import flags

from kerastag import audio, cli, errors
from kerastag.cli import options
from kerastag.serving import client
from tools.benchmarks import machine
from tools.serving import bad_requests

FLAGS = flags.FlagValues()
flags.DEFINE_string("rest", None, "Address of REST, http://HOST:PORT; without it REST is left out.", flag_values=FLAGS)
flags.DEFINE_string("grpc", None, "Address of gRPC, HOST:PORT; without it gRPC is left out.", flag_values=FLAGS)
flags.DEFINE_string("model", None, "Name of the model on the server.", flag_values=FLAGS)
flags.DEFINE_string("export", None, "The version's folder, to time it in a bare session as well.", flag_values=FLAGS)
flags.DEFINE_list("seconds", ["4.6", "30"], "Lengths of the clips.", flag_values=FLAGS)
flags.DEFINE_list("clients", ["1", "8", "32"], "Clients at a time.", flag_values=FLAGS)
options.positive(FLAGS, "num_requests", 96, "Requests in each line.")
flags.DEFINE_integer("bad_requests", 0, "Send so many bad requests instead.", 0, flag_values=FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each protocol, clip and number of clients; exit status 1 if a bad request was accepted."""
    options.require(values, "model")
    if not (values.rest or values.grpc):
        raise errors.UsageError("neither --rest nor --grpc")
    print(machine.describe())
    if values.bad_requests:
        return send_bad(values)
    print(f"{'':16} {'clip':>7} {'clients':>8} {'p50 ms':>8} {'p99 ms':>8} {'requests/s':>11}")
    for seconds in map(float, values.seconds):
        clip = music(seconds)
        if values.export:
            print_line("bare session", seconds, 1, *load(bare(values.export, clip), 1, values.num_requests))
        for name, connect in protocols(values):
            for clients in map(int, values.clients):
                with connect() as connection:
                    call = request(name, connection, clip)
                    call()  # the first one asks for the model's signatures as well
                    print_line(name, seconds, clients, *load(call, clients, values.num_requests))
    return 0


def print_line(name: str, seconds: float, clients: int, times: np.ndarray, total: float) -> None:
    """One line of the table."""
    p50, p99 = np.percentile(times, [50, 99]) * 1000
    print(f"{name:16} {seconds:5.1f} s {clients:8} {p50:8.1f} {p99:8.1f} {len(times) / total:11.1f}", flush=True)


def protocols(values: flags.FlagValues) -> Iterator[tuple[str, Callable[[], client.Client]]]:
    """Each protocol that was asked for, and how to connect."""
    if values.rest:
        yield "REST, WAV", lambda: client.rest(values.rest, values.model, timeout_seconds=300)
    if values.grpc:
        yield "gRPC, float32", lambda: client.grpc(values.grpc, values.model, timeout_seconds=300)


def music(seconds: float) -> np.ndarray:
    """A chord with noise, float32 (samples,)."""
    time_of = np.arange(int(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * frequency * time_of) for frequency in (220.0, 277.2, 329.6))
    noise = np.random.default_rng(0).normal(0, 0.02, len(time_of))
    return (0.2 * chord + noise).astype(np.float32)


def wav_of(waveform: np.ndarray) -> bytes:
    """A WAV file of 16-bit PCM at the model's rate."""
    return audio.wav_bytes(waveform, audio.SAMPLE_RATE)


def request(name: str, connection: client.Client, clip: np.ndarray) -> Callable[[], object]:
    """A function that sends the clip."""
    if name.startswith("REST"):
        wav = wav_of(clip)
        return lambda: connection.score_wav(wav)
    return lambda: connection.predict("serving_default", {"waveform": clip[None]})


def bare(folder: str, clip: np.ndarray) -> Callable[[], object]:
    """A function that scores the clip in a session of TensorFlow alone."""
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        signature = tf.compat.v1.saved_model.load(session, ["serve"], folder).signature_def["serving_default"]
    names = signature.inputs["waveform"].name, signature.outputs["scores"].name
    run = session.make_callable(names[1], [names[0]])
    run(clip[None])
    return lambda: run(clip[None])


def load(call: Callable[[], object], clients: int, num_requests: int) -> tuple[np.ndarray, float]:
    """Seconds of each request, and of all together."""

    def timed(_: int) -> float:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started

    with futures.ThreadPoolExecutor(clients) as threads:
        started = time.perf_counter()
        times = np.array(list(threads.map(timed, range(num_requests))))
        return times, time.perf_counter() - started


def send_bad(values: flags.FlagValues) -> int:
    """Sends bad requests over REST and counts the answers; every one must be an error in words."""
    if not values.rest:
        raise errors.UsageError("--bad_requests needs --rest")
    generator = np.random.default_rng(0)
    answers: collections.Counter[tuple[str, int, str]] = collections.Counter()
    for number in range(values.bad_requests):
        kind, body = bad_requests.over_rest(number, generator)
        status, text = bad_requests.post(f"{values.rest}/v1/models/{values.model}:predict", body)
        answers[(kind, status, " ".join(text.split())[:90])] += 1
    for (kind, status, text), count in sorted(answers.items()):
        print(f"{count:6} {kind:22} {status} {text}")
    accepted = sum(count for (_, status, _), count in answers.items() if status == 200)
    with client.rest(values.rest, values.model) as connection:
        scores = connection.score_wav(wav_of(music(1.0)))
    print(f"{values.bad_requests} bad requests, {accepted} accepted; afterwards the server gives {len(scores)} scores")
    return 1 if accepted else 0


COMMAND = cli.Command("python -m tools.benchmarks.serving", "load a running server, well or badly", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
