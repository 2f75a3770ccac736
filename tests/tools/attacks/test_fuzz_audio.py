"""Processes that misbehave are told, and mutated audio is read or refused."""

import os
import pathlib
import random
import signal
import time

import pytest

from kerastag import errors
from tools.attacks import fuzz_audio, mutating, watching


def misbehave(task):
    if task == "refused":
        raise errors.KerastagError("x: no")
    if task == "exception":
        raise ValueError("odd")
    if task == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "hang":
        time.sleep(60)
    if task == "memory":
        bytearray(150 << 20)


def test_what_becomes_of_a_task_is_told_and_the_next_one_is_done():
    tasks = ["read", "crash", "read", "hang", "refused", "memory", "read", "exception", "read"]
    outcomes = list(watching.watched(misbehave, tasks, 1, limit_seconds=3.0, limit_mb=200.0))
    assert [outcome.kind for outcome in outcomes] == tasks
    details = {outcome.kind: outcome.detail for outcome in outcomes}
    assert details["crash"] == f"exit status {-signal.SIGSEGV}" and details["refused"] == "x: no"
    assert (
        details["exception"].startswith("ValueError: odd (")
        and f"{pathlib.Path(__file__).name}:" in details["exception"]
    )


@pytest.mark.parametrize("name", mutating.NAMES)
def test_a_mutation_is_a_function_of_its_dice(name):
    content, other = bytes(range(1, 256)) * 20, b"other" * 500
    results = [mutating.mutated(content, [other], name, random.Random(seed)) for seed in (1, 1, 2)]
    assert results[0] == results[1] != results[2]
    assert any(mutating.mutated(content, [other], name, random.Random(seed)) != content for seed in range(5))


def test_mutated_audio_is_read_or_refused(capsys):
    assert fuzz_audio.COMMAND.run(["--num_files=33", "--readers=audio,tags", "--num_processes=1", "--first=4000"]) == 0
    said = capsys.readouterr().out
    assert "33 files, readers audio, tags: 0 faults" in said
    columns = [line.split() for line in said.splitlines() if line.startswith(("flac ", "opus ", "wav "))]
    assert all(int(read) + int(refused) >= 1 for _, read, refused, *_ in columns)


def test_unknown_readers_are_refused(capsys):
    assert fuzz_audio.COMMAND.run(["--readers=audio,eyes"]) == 2
    assert "eyes is none of audio, ffmpeg, tags, tfio" in capsys.readouterr().err
