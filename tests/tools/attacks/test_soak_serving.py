"""`soak_serving` on a server that does well, and what it finds where one does not."""

import types

import numpy as np
import pytest

from kerastag import errors
from kerastag.serving import signatures
from tools import vitals
from tools.attacks import serving_load, soak_serving, version_swaps
from tools.serving import bad_requests


def test_a_server_under_load_with_versions_that_come_and_go(served_export, capsys):
    folder, server = served_export
    servers = [server.rest, *([f"grpc://{server.grpc}"] if server.grpc else [])]
    flags = [f"--folder={folder}", f"--servers={','.join(servers)}", f"--pid={server.process.pid}", "--bad_share=0.4"]
    few = ["--minutes=0.08", "--swaps=2", "--clients=2", "--seconds=0.5,2", "--sample_seconds=0.2"]
    status = soak_serving.COMMAND.run([*flags, *few])
    printed = capsys.readouterr()
    assert status == 0 and printed.err == "", printed
    rows = [line.split() for line in printed.out.splitlines() if "://" in line]
    assert [row[0] for row in rows] == servers
    for row in rows:
        right, wrong, failed, refused, accepted, silent = map(int, row[1:])
        assert min(right, refused) > 0 and wrong == failed == accepted == silent == 0
    assert "versions swapped 3 times" in printed.out and "MB in 10,000 requests" in printed.out
    assert [path.name for path in folder.iterdir() if path.name.isdigit() or ".partial" in path.name] == ["1"]


def test_folders_and_lengths_that_do_not_fit_are_refused(served_export, tmp_path, capsys):
    folder, _ = served_export
    assert soak_serving.COMMAND.run([f"--folder={folder / '1'}"]) == 2
    assert soak_serving.COMMAND.run([f"--folder={folder}", "--seconds=1,many"]) == 2
    assert "not lengths in seconds" in capsys.readouterr().err


class Enough:
    """True after so many looks."""

    def __init__(self, times):
        self.left = times

    def is_set(self):
        self.left -= 1
        return self.left < 0


def asked(address, requests, bad_share, times=20):
    """What clients count who ask so often."""
    tally = serving_load.Tally()
    with serving_load.Clients(address, "model", requests, 1e-4, bad_share, 60.0, tally) as clients:
        clients.ask(0, Enough(times))
    return tally


def test_answers_that_are_wrong_or_missing_are_counted_and_told(served_export):
    _, server = served_export
    number = {"request": np.zeros(1, np.int32)}
    wrong = serving_load.Request("metadata", number, {"tags": np.array([["another"]])})
    tally = asked(server.rest, [wrong], 0.0)
    assert tally.count(server.rest, "wrong") == 20 and len(tally.faults) == serving_load.TOLD
    assert tally.faults[0] == f"{server.rest}: wrong: metadata differs by inf"
    unknown = serving_load.Request("sing", number, {})
    assert asked(server.rest, [unknown], 0.0, 3).count(server.rest, "failed") == 3


@pytest.mark.parametrize(("status", "kind"), [(200, "accepted"), (400, "refused"), (500, "not answered")])
def test_bad_requests_that_are_not_refused_are_told(served_export, monkeypatch, status, kind):
    _, server = served_export
    monkeypatch.setattr(bad_requests, "post", lambda url, body: (status, "words"))
    tally = asked(server.rest, [serving_load.Request("metadata", {}, {})], 0.99, 4)
    assert tally.total(kind) >= 3 and bool(tally.faults) == (kind != "refused")


def test_how_far_an_answer_is_from_what_was_expected():
    request = serving_load.Request("one", {}, {"scores": np.array([[0.5, 0.25]]), "tags": np.array([["a"]])})
    near = {"scores": np.array([[0.5, 0.26]]), "tags": np.array([[b"a"]], object)}
    assert request.difference(near) == pytest.approx(0.01)
    assert request.difference({**near, "tags": np.array([[b"b"]], object)}) == np.inf
    assert request.difference({"scores": near["scores"]}) == np.inf


def watching(folder, serves):
    """A client of a server that serves, of the versions in a folder, what a function of their numbers says."""

    def status():
        numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
        return [signatures.VersionStatus(number, "AVAILABLE") for number in serves(numbers)]

    return types.SimpleNamespace(status=status)


@pytest.fixture
def own(tmp_path):
    (tmp_path / "model" / "3").mkdir(parents=True)
    (tmp_path / "model" / "3" / "saved_model.pb").write_text("the model")
    return tmp_path / "model" / "3"


def test_versions_come_and_go_and_the_first_stays(own):
    connection = watching(own.parent, lambda numbers: numbers[-1:])
    names = []
    with version_swaps.Versions(own, {"there": connection}) as versions:
        for _ in range(2):
            versions.swap()
            names.append(sorted(path.name for path in own.parent.iterdir()))
            assert (own.parent / names[-1][-1] / "saved_model.pb").read_text() == "the model"
        versions.back()
    assert names == [["3", "4"], ["3", "5"]]
    assert [path.name for path in own.parent.iterdir()] == ["3"]


def test_a_server_that_does_not_load_a_version_or_keeps_one_is_told(own, monkeypatch):
    monkeypatch.setattr(version_swaps, "LOADING_SECONDS", 0.0)
    monkeypatch.setattr(version_swaps, "LOOK_SECONDS", 0.0)
    told = pytest.raises(errors.KerastagError, match="there: version 4 is not available")
    with told, version_swaps.Versions(own, {"there": watching(own.parent, lambda numbers: [3])}) as versions:
        versions.swap()
    assert [path.name for path in own.parent.iterdir()] == ["3"]
    told = pytest.raises(errors.KerastagError, match="there: version 4 is still available")
    with told, version_swaps.Versions(own, {"there": watching(own.parent, lambda numbers: [3, 4, 5])}) as versions:
        versions.swap()
        versions.swap()


def test_memory_by_hand():
    samples = [vitals.Sample(float(second), 100.0 + 3 * second, 1, 1) for second in range(30)]
    text, faults = soak_serving.of_memory(samples, 5_800, 40.0)  # 200 a second: 10,000 in 50 s
    assert "+150.00 MB in 10,000 requests" in text and faults == ["memory grew by 45.0 MB, more than 40"]
    assert soak_serving.of_memory(samples, 5_800, None)[1] == []
