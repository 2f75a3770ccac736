"""Keeps a model server under full load for a long time, bad requests among the good ones, while versions are swapped.

    python -m tools.attacks.soak_serving --folder=saved_models/NAME \\
        --servers=http://localhost:8501,grpc://localhost:8500 --pid=PID [--minutes=20]

Good requests go to every signature about clips of several lengths, through the clients of kerastag, which send nothing
again; their answers must be those of a bare process of TensorFlow. Bad ones go past all checks of a client. Meanwhile
copies of the newest version are put into --folder, which the servers must watch, the one before is taken away, and in
the end the servers go back to the version that was there, which is never touched. With --pid the server's memory,
threads and open handles are watched, if it runs on this machine. The exit status is 1 if a good request failed or was
answered wrongly, a bad one was not refused, or a version did not come or go.
"""

import contextlib
import pathlib
import sys
import threading
import time
from collections.abc import Sequence
from concurrent import futures

from absl import flags

from kerastag import cli, errors, progress, runtime
from kerastag.cli import options
from kerastag.inference import export_facts
from kerastag.metrics import tables
from tools import vitals
from tools.attacks import serving_load, version_swaps
from tools.serving import comparing

FLAGS = flags.FlagValues()
flags.DEFINE_string(
    "folder", None, "Folder of an exported model, from which the server takes its versions.", flag_values=FLAGS
)
flags.DEFINE_list(
    "servers", ["http://localhost:8501"], "Addresses, each http://HOST:PORT or grpc://HOST:PORT.", flag_values=FLAGS
)
flags.DEFINE_string("model", None, "Its name on the server; default: the folder's.", flag_values=FLAGS)
flags.DEFINE_float("minutes", 20.0, "How long the load lasts.", 0.01, flag_values=FLAGS)
flags.DEFINE_integer("swaps", 10, "How many versions come and go meanwhile.", 0, flag_values=FLAGS)
options.positive(FLAGS, "pid", None, "Number of the server's process, if it is to be watched.")
MAIN_FLAGS = len(list(FLAGS))
options.positive(FLAGS, "clients", 4, "Clients at a time, of each address.")
flags.DEFINE_float("bad_share", 0.2, "Share of requests that are bad.", 0.0, 0.99, flag_values=FLAGS)
flags.DEFINE_list("seconds", ["1", "4.6", "15"], "Lengths of the clips.", flag_values=FLAGS)
comparing.define_tolerance(FLAGS)
flags.DEFINE_float("timeout", 60.0, "Seconds to wait for an answer.", 0.001, flag_values=FLAGS)
flags.DEFINE_float(
    "limit_mb",
    None,
    "By how much the server's memory may grow after a third of the time; default: it is printed and not judged.",
    0.0,
    flag_values=FLAGS,
)
flags.DEFINE_float("sample_seconds", 5.0, "Seconds between two looks at the process.", 0.01, flag_values=FLAGS)
options.define_verbosity(FLAGS)


def good_requests(
    own: pathlib.Path, facts: export_facts.ExportFacts, lengths: Sequence[float]
) -> list[serving_load.Request]:
    """Requests to every signature about clips of each length in seconds, with the answers of a bare process."""
    calls = {
        f"{signature}:{seconds:g} s": inputs
        for seconds in lengths
        for signature, inputs in comparing.example_requests(own, facts, seconds).items()
    }
    answers = comparing.ask(own, calls, sys.executable)
    return [
        serving_load.Request(call.partition(":")[0], inputs, answers.outputs[call]) for call, inputs in calls.items()
    ]


def load(
    clients: Sequence[serving_load.Clients], versions: version_swaps.Versions, values: flags.FlagValues
) -> tuple[int, list[str]]:
    """Has all clients ask, and versions come and go at even distances; how many did, and what went wrong with them."""
    enough, seconds = threading.Event(), 60 * values.minutes
    numbers = range(len(clients) * values.clients)
    steps = [versions.swap] * values.swaps + [versions.back] * bool(values.swaps)
    num_done, faults = 0, []
    with futures.ThreadPoolExecutor(len(numbers)) as threads, progress.Bar(round(seconds), "asking", "s") as bar:
        asking = [threads.submit(clients[number % len(clients)].ask, number, enough) for number in numbers]
        begin = time.monotonic()
        try:
            for number in range(len(steps) + 1):
                _until(begin + seconds * (number + 1) / (len(steps) + 1), asking, bar, begin)
                if number < len(steps):
                    try:
                        steps[number]()
                        num_done += 1
                    except errors.KerastagError as error:
                        faults.append(f"version swap {number + 1}: {error}")
        finally:
            enough.set()
        for one in asking:
            one.result()
    return num_done, faults


def _until(moment: float, asking: Sequence[futures.Future[None]], bar: progress.Bar, begin: float) -> None:
    """Waits; at once over where a client ended, which none should."""
    while (left := moment - time.monotonic()) > 0 and not any(one.done() for one in asking):
        futures.wait(asking, min(left, 1.0), futures.FIRST_COMPLETED)
        bar.advance_to(round(time.monotonic() - begin))


def of_requests(tally: serving_load.Tally, servers: Sequence[str]) -> tables.Table:
    """How many requests became what, by server."""
    kinds = (*serving_load.GOOD, *serving_load.BAD)
    header = ("server", *serving_load.GOOD, *(f"bad {kind}" for kind in serving_load.BAD))
    lines = tuple((server, *(tally.count(server, kind) for kind in kinds)) for server in servers)
    return tables.Table(header, lines, f"{tally.total(*kinds)} requests.")


def of_memory(samples: Sequence[vitals.Sample], num_requests: int, limit_mb: float | None) -> tuple[str, list[str]]:
    """The table of what the server held, and what is wrong with it."""
    growth = vitals.growth(samples)
    of_ten_thousand = 10_000 * growth.megabytes_per_second * samples[-1].seconds / max(1, num_requests)
    faults = []
    if limit_mb is not None and growth.megabytes > limit_mb:
        faults.append(f"memory grew by {growth.megabytes:.1f} MB, more than {limit_mb:g}")
    table = tables.text([vitals.table(samples, of_ten_thousand, "MB in 10,000 requests")])
    return f"{table}\nafter a third of the time {growth.megabytes:+.1f} MB, {growth.handles:+g} handles", faults


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the tables; returns 1 if anything went wrong."""
    options.require(values, "folder")
    own = comparing.newest(pathlib.Path(values.folder))
    if own == pathlib.Path(values.folder):
        raise errors.UsageError(f"{own}: a version; give the folder that holds it")
    facts = export_facts.ExportFacts.read(own)
    lengths = _lengths(values.seconds)
    runtime.start(values.verbosity)
    requests = good_requests(own, facts, lengths)
    tally, model = serving_load.Tally(), values.model or own.parent.resolve().name
    how = (requests, comparing.allowed(facts, values.tolerance), values.bad_share, values.timeout, tally)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(serving_load.Clients(one, model, *how)) for one in values.servers]
        for one in clients:
            one.connection.served()  # an error now is one of the address or the name
        connections = {one.address: one.connection for one in clients}
        versions = stack.enter_context(version_swaps.Versions(own, connections))
        watch = vitals.Watch(values.pid, values.sample_seconds) if values.pid else contextlib.nullcontext()
        with watch as watched:
            num_swaps, faults = load(clients, versions, values)
    print(tables.text([of_requests(tally, values.servers)]))
    if watched is not None:
        num_requests = tally.total(*serving_load.GOOD, *serving_load.BAD)
        text, grown = of_memory(watched.samples, num_requests, values.limit_mb)
        print(text)
        faults += grown
    print(f"versions swapped {num_swaps} times in {values.minutes:g} minutes")
    cli.warn(tally.faults + faults)
    return int(bool(tally.faults or faults))


def _lengths(texts: Sequence[str]) -> list[float]:
    """Raises UsageError: --seconds is none that a clip can have."""
    try:
        lengths = [float(text) for text in texts]
    except ValueError:
        lengths = []
    if not lengths or not all(0 < seconds <= 3600 for seconds in lengths):
        raise errors.UsageError(f"--seconds={','.join(texts)}: not lengths in seconds")
    return lengths


COMMAND = cli.Command(
    "python -m tools.attacks.soak_serving", "loads a server for long, well and badly", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
