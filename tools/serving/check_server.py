"""Checks a running TensorFlow Serving: does it serve this exported model, whole, with the answers of this TensorFlow?

    python -m tools.serving.check_server saved_models/NAME --servers=http://localhost:8501,grpc://localhost:8500

The newest version of the folder must be available there under its own number, with the signatures of its SavedModel,
and answer one request to each of them as a bare process of this TensorFlow does; wrong requests must be refused. The
servers may be the two ports of one. Nothing is changed there. gRPC needs tensorflow-serving-api.
"""

import contextlib
import pathlib
import sys
import time
from collections.abc import Mapping

import numpy as np
from absl import flags

from kerastag import cli, errors, runtime
from kerastag.cli import options
from kerastag.inference import export_facts
from kerastag.serving import client, signatures
from kerastag.serving.client import failures
from kerastag.serving.graph import warm_up
from tools.serving import comparing

FLAGS = flags.FlagValues()
flags.DEFINE_list(
    "servers", ["http://localhost:8501"], "Addresses, each http://HOST:PORT or grpc://HOST:PORT.", flag_values=FLAGS
)
flags.DEFINE_string("model", None, "Its name on the server; default: the folder's.", flag_values=FLAGS)
comparing.define_tolerance(FLAGS)
flags.DEFINE_float("timeout", client.TIMEOUT_SECONDS, "Seconds to wait for an answer.", 0.001, flag_values=FLAGS)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints what was asked and how far answers differ; anything wrong is an error."""
    if len(arguments) != 1:
        raise errors.UsageError("give one folder of an exported model")
    folder = comparing.newest(pathlib.Path(arguments[0]))
    if not folder.name.isdigit():
        raise errors.UsageError(f"{folder}: a server knows versions by number; give the folder that holds them")
    facts = export_facts.ExportFacts.read(folder)
    name, others = values.model or folder.parent.resolve().name, {}
    with contextlib.ExitStack() as open_ones:
        connections = {}
        for address in values.servers:
            how = {"version": int(folder.name), "timeout_seconds": values.timeout}
            connections[address] = open_ones.enter_context(client.connect(address, name, **how))
            check_available(connections[address], address, folder)
        runtime.start(values.verbosity)
        requests = comparing.example_requests(folder, facts)
        expected = comparing.ask(folder, requests, sys.executable)
        for address, connection in connections.items():
            check_signatures(connection, address, folder)
            others[address] = asked(connection, address, requests)
            check_refusals(connection, address)
    comparing.compare(folder, facts, expected, others, values.tolerance)
    print(f"{', '.join(values.servers)}: serves {name} version {folder.name} as it is")
    return 0


def check_available(connection: client.Client, address: str, folder: pathlib.Path) -> None:
    """Raises KerastagError: the version is not available."""
    states = {status.version: status.state for status in connection.status()}
    if states.get(int(folder.name)) != "AVAILABLE":
        raise errors.KerastagError(f"{address}: version {folder.name} is not available ({states})")


def check_signatures(connection: client.Client, address: str, folder: pathlib.Path) -> None:
    """Raises KerastagError: its signatures are others."""
    from kerastag.serving.bundle import saved_model

    served, own = connection.served().signatures, saved_model.signatures_of(folder)
    for name in sorted(served.keys() ^ own.keys()):
        raise errors.KerastagError(
            f"{address}: signature {name} is {'missing' if name in own else 'not of this model'}"
        )
    for name, signature in own.items():
        if described(served[name]) != described(signature):
            raise errors.KerastagError(f"{address}: {name} takes and gives {described(served[name])}")


def described(signature: signatures.Signature) -> Mapping[str, str]:
    """Inputs and outputs by name, as text."""
    return {name: str(tensor) for name, tensor in sorted((signature.inputs | signature.outputs).items())}


def asked(connection: client.Client, address: str, requests: warm_up.Requests) -> comparing.Outputs:
    """The answers of a server to each request; prints how long they took."""
    started, outputs = time.perf_counter(), {}
    for signature, inputs in requests.items():
        answer = connection.predict(signature, inputs)
        outputs[signature] = {name: comparing.as_text(array) for name, array in answer.items()}
    print(f"{address}: {len(requests)} signatures answered in {time.perf_counter() - started:.1f} s", flush=True)
    return outputs


def check_refusals(connection: client.Client, address: str) -> None:
    """Raises KerastagError: a request that is wrong was answered."""
    for what, waveform in (("no samples", np.zeros((1, 0))), ("samples of 1e30", np.full((1, 9), 1e30))):
        try:
            connection.predict("serving_default", {"waveform": waveform.astype(np.float32)})
        except failures.Refused:
            continue
        raise errors.KerastagError(f"{address}: a waveform of {what} was not refused")


COMMAND = cli.Command(
    "python -m tools.serving.check_server",
    "checks that a running TensorFlow Serving serves an exported model as it is",
    FLAGS,
    main,
    arguments="FOLDER",
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
