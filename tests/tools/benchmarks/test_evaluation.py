"""tools.benchmarks.evaluation: the figures agree with scikit-learn's, and a difference is an error."""

from tools.benchmarks import evaluation, processes

TINY = ("--num_tracks=80", "--num_tags=4", "--num_artists=20", "--num_resamples=6", "--num_loops=2")


def test_the_figures_are_those_of_scikit_learn(monkeypatch, capsys):
    monkeypatch.setattr(processes, "alone", lambda function, *arguments, environment: function(*arguments))
    assert evaluation.COMMAND.run([*TINY]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("80 tracks, 4 tags, ")
    assert "loop over scikit-learn (from 2 resamples)" in printed


def test_a_difference_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(processes, "alone", lambda *arguments, environment: 1e-6)
    assert evaluation.COMMAND.run([*TINY]) == 1
    assert capsys.readouterr().err == "figures differ by 1e-06, more than 1e-12\n"
