"""tools.serving.check_server: a server is compared with the folder that it should serve."""

import shutil

import pytest

from tools.serving import check_server, comparing


@pytest.fixture
def addresses(served_export):
    _, server = served_export
    return [server.rest, *([f"grpc://{server.grpc}"] if server.grpc else [])]


def test_a_server_that_serves_the_folder_passes_by_each_protocol(served_export, addresses, capsys):
    folder, _ = served_export
    assert check_server.COMMAND.run([str(folder), f"--servers={','.join(addresses)}"]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == f"{', '.join(addresses)}: serves model version 1 as it is"
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("serving_default scores")]
    assert len(row) == 2 + len(addresses) and all(float(cell) < 1e-4 for cell in row[2:])


def test_another_version_another_signature_and_another_name_are_told(
    served_export, addresses, tmp_path, capsys, monkeypatch
):
    folder, server = served_export
    bare = []
    monkeypatch.setattr(comparing, "ask", lambda *given: bare.append(given))  # answers are not looked at
    arguments = [f"--servers={server.rest}", "--model=model"]
    shutil.copytree(folder / "1", tmp_path / "model" / "7")
    assert check_server.COMMAND.run([str(tmp_path / "model"), *arguments]) == 1
    assert "7" in capsys.readouterr().err
    assert check_server.COMMAND.run([str(folder), f"--servers={server.rest}", "--model=other"]) == 1
    assert "other" in capsys.readouterr().err
    assert not bare  # a process is started when a server has what is to be compared
    monkeypatch.setattr(check_server, "described", lambda signature: {"of": str(id(signature))})
    assert check_server.COMMAND.run([str(folder), *arguments]) == 1
    assert "takes and gives" in capsys.readouterr().err


def test_a_folder_without_a_number_is_refused(served_export, tmp_path, capsys):
    folder, _ = served_export
    shutil.copytree(folder / "1", tmp_path / "model")
    assert check_server.COMMAND.run([str(tmp_path / "model")]) == 2
    assert "a server knows versions by number" in capsys.readouterr().err
