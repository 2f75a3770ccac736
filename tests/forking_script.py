"""A script that imports TensorFlow once, and forks to run others, where Keras and kerastag can be imported or not.

    python forking_script.py FILE_DESCRIPTOR

Messages over that Unix socket are JSON. {"argv": [SCRIPT, ...], "environment": {...}, "folder": ..., "bare": false},
sent along with the two files for what is printed, starts a process and is answered with its id. {"wait": ID} is
answered with its exit status, or null while it runs; {"wait": ID, "until_it_ends": true} waits for that. It ends with
the connection.
"""

import gc
import json
import os
import runpy
import socket
import sys
import traceback

HIDDEN = ("keras", "kerastag")
for _name in HIDDEN:
    sys.modules[_name] = None  # type: ignore[assignment]  # None is what makes importing it fail

import tensorflow  # noqa: E402, F401  it is here for all that are forked


def serve(connection: socket.socket) -> list[str]:
    """Answers until there is nobody to answer, then exits; returns what to run in each forked process."""
    while True:
        message, printed, _, _ = socket.recv_fds(connection, 1 << 20, 2)
        if not message:
            sys.exit()
        request = json.loads(message)
        if "wait" in request:
            pid, status = os.waitpid(request["wait"], 0 if request.get("until_it_ends") else os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                connection.close()
                prepare(request["environment"], request["folder"], printed)
                for name in () if request["bare"] else HIDDEN:
                    del sys.modules[name]
                return request["argv"]
            for descriptor in printed:
                os.close(descriptor)
        connection.send(json.dumps(answer).encode())


def prepare(environment: dict[str, str], folder: str, printed: list[int]) -> None:
    """Makes this process what a new one would be."""
    for stream, descriptor in enumerate(printed, start=1):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    encoding, _, handling = environment.get("PYTHONIOENCODING", "").partition(":")
    if encoding:
        sys.stdout.reconfigure(encoding=encoding, errors=handling or "strict")
    os.chdir(folder)


def run(arguments: list[str]) -> int:
    """Runs a script as the interpreter does; its exit status."""
    sys.argv = arguments
    sys.path[:1] = [os.path.dirname(os.path.abspath(arguments[0])), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return 1 if isinstance(end.code, str) else end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    gc.freeze()  # collecting would touch, and so copy, all that is shared
    ended = run(serve(socket.socket(fileno=int(sys.argv[1]))))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(ended)  # taking TensorFlow apart takes longer than most scripts
