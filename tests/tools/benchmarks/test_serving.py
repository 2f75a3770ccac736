"""tools.benchmarks.serving: a line for each protocol, and bad requests that are all answered in words."""

import numpy as np

from tools.benchmarks import serving


def test_every_protocol_has_a_line(served_export, capsys):
    folder, running = served_export
    where = [f"--rest={running.rest}", "--model=model", f"--export={folder / '1'}", "--seconds=1", "--clients=1,3"]
    where += [f"--grpc={running.grpc}"] if running.grpc else []
    assert serving.COMMAND.run([*where, "--num_requests=6"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if " s " in line]
    protocols = ["bare session", "REST, WAV", "REST, WAV", *(["gRPC, float32"] * 2 if running.grpc else [])]
    assert [line[:16].strip() for line in lines] == protocols
    assert [line[16:].split()[2] for line in lines] == ["1", *["1", "3"] * (len(lines) // 2)]


def test_a_line_has_percentiles_and_the_rate(capsys):
    serving.print_line("REST, WAV", 4.6, 8, np.arange(101) / 1000, 2.0)
    assert capsys.readouterr().out.split() == ["REST,", "WAV", "4.6", "s", "8", "50.0", "99.0", "50.5"]


def test_as_many_requests_are_sent_as_asked_for():
    calls = []
    times, _ = serving.load(lambda: calls.append(None), 3, 7)
    assert len(calls) == len(times) == 7


def test_bad_requests_get_an_error_in_words_and_the_server_lives(served_export, capsys):
    _, running = served_export
    assert serving.COMMAND.run([f"--rest={running.rest}", "--model=model", "--bad_requests=170"]) == 0
    *lines, closing = capsys.readouterr().out.splitlines()[2:]
    assert closing.startswith("170 bad requests, 0 accepted; afterwards the server gives 3 scores")
    answers = {" ".join(line.split()[1:]) for line in lines}
    for words in ("24-bit claimed", "16-bit PCM", "rate 0", "NaN 400", "not JSON 400", "unknown signature"):
        assert any(words in answer for answer in answers), (words, answers)
