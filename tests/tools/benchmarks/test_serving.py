"""Loading the server: a row for each protocol, and bad requests that are all answered in words."""

import importlib.machinery
import importlib.util
import pathlib
import sys

import pytest

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "benchmark_serving"


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(TOOL.parent))
    loader = importlib.machinery.SourceFileLoader("benchmark_serving", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_every_protocol_has_a_row(tool, served_export, capsys):
    folder, running = served_export
    where = [f"--rest={running.rest}", "--model=model", f"--export={folder / '1'}", "--seconds=1", "--clients=1,3"]
    where += [f"--grpc={running.grpc}"] if running.grpc else []
    assert tool.COMMAND.run([*where, "--num_requests=6"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if " s " in line]
    assert len(rows) == (5 if running.grpc else 3)
    for row in rows:
        p50, p99, rate = map(float, row[-3:])
        assert 0 < p50 <= p99 and rate > 0


def test_bad_requests_get_an_error_in_words_and_the_server_lives(tool, served_export, capsys):
    _, running = served_export
    assert tool.COMMAND.run([f"--rest={running.rest}", "--model=model", "--bad_requests=170"]) == 0
    *rows, closing = capsys.readouterr().out.splitlines()[2:]
    assert closing.startswith("170 bad requests, 0 accepted; afterwards the server gives 3 scores")
    said = {" ".join(row.split()[1:]) for row in rows}
    for part in ("24-bit claimed", "16-bit PCM", "rate 0", "NaN 400", "not JSON 400", "unknown signature"):
        assert any(part in one for one in said), (part, said)
