"""tools.paper.reproduce called again: what is finished stays, what was interrupted or failed is done."""

from kerastag.runs import run_folder
from tests.tools.paper.stand_in_commands import checkpoint, run
from tools import experiments


def test_a_finished_run_is_not_run_again(folder, commands, capsys):
    assert run(folder, "--presets=bce,popular") == 0
    assert len(commands.done()) == 4
    first = (folder / "out" / "tables.md").read_text()
    assert run(folder, "--presets=bce,popular") == 0
    assert commands.done() == []
    assert "[1 of 2] bce, seed 0: finished before" in capsys.readouterr().out
    assert (folder / "out" / "tables.md").read_text() == first
    assert run(folder, "--presets=bce,popular", "--num_seeds=2") == 0
    assert commands.done() == [("train", "bce", "1"), ("evaluate", "bce", "1")]


def test_other_flags_are_measured_again_but_not_trained_over(folder, commands, capsys):
    assert run(folder, "--presets=bce", "--epochs=9") == 0
    commands.done()
    assert run(folder, "--presets=bce", "--epochs=9", "--num_chunks=2") == 0
    assert commands.done() == [("evaluate", "bce", "0")]
    capsys.readouterr()
    assert run(folder, "--presets=bce", "--epochs=8", "--num_chunks=2") == 1
    message = "the run was started with --epochs=9, not --epochs=8; use another --output_dir or --overwrite\n"
    assert capsys.readouterr().err == f"{folder / 'out' / 'bce' / 'seed_0'}: {message}"
    assert run(folder, "--presets=bce", "--epochs=8", "--precision=float32") == 1
    assert commands.done() == []
    assert run(folder, "--presets=bce", "--epochs=8", "--num_chunks=2", "--overwrite") == 0
    assert commands.done() == [("train", "bce", "0"), ("evaluate", "bce", "0")]


def test_a_run_that_is_not_ours_stays(folder, commands, capsys):
    kept = folder / "out" / "bce" / "seed_0" / "run.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    assert run(folder, "--presets=bce") == 1
    assert "holds a run that this tool did not begin" in capsys.readouterr().err
    assert (commands.done(), kept.read_text()) == ([], "{}")


def test_an_interrupted_run_goes_on_where_it_stopped(folder, commands, capsys):
    commands.troubles["kerastag.train", "focal", 0] = KeyboardInterrupt()
    assert run(folder, "--presets=bce,focal,popular", "--epochs=9") == 130
    assert commands.done() == [("train", "bce", "0"), ("evaluate", "bce", "0"), ("train", "focal", "0")]
    begun = run_folder.RunFolder(folder / "out" / "focal" / "seed_0")
    checkpoint(begun, 4)
    begun.record_path.write_text('{"flags": {}}')
    commands.troubles.clear()
    assert run(folder, "--presets=bce,focal,popular", "--epochs=9") == 0
    assert "[2 of 3] focal, seed 0: training goes on" in capsys.readouterr().out
    assert "--resume" in commands.arguments_of("focal")
    assert "--resume" not in commands.arguments_of("popular")
    assert [system for _, system, _ in commands.done()] == ["focal", "focal", "popular", "popular"]


def test_a_run_interrupted_before_its_first_checkpoint_starts_again(folder, commands):
    commands.troubles["kerastag.train", "bce", 0] = KeyboardInterrupt()
    assert run(folder, "--presets=bce") == 130
    begun = run_folder.RunFolder(folder / "out" / "bce" / "seed_0")
    begun.path.mkdir(parents=True)
    begun.record_path.write_text('{"flags": {}}')
    commands.troubles.clear()
    commands.done()
    assert run(folder, "--presets=bce") == 0
    assert commands.arguments_of("bce")[-1] == "--overwrite"


def test_an_interrupted_evaluation_is_done_again_without_training(folder, commands):
    commands.troubles["kerastag.evaluate", "bce", 0] = KeyboardInterrupt()
    assert run(folder, "--presets=bce") == 130
    commands.troubles.clear()
    commands.done()
    assert run(folder, "--presets=bce") == 0
    assert commands.done() == [("evaluate", "bce", "0")]


def test_a_failing_run_is_told_and_the_others_go_on(folder, commands, capsys):
    commands.troubles = {("kerastag.train", "focal", 1): 1, ("kerastag.evaluate", "vggish", 0): 1}
    assert run(folder, "--num_seeds=2") == 1
    captured = capsys.readouterr()
    assert "focal, seed 1: training failed with exit status 1" in captured.err
    assert "failed: vggish, seed 0: evaluation failed with exit status 1" in captured.out
    counts = {line.split()[0]: line.split()[1] for line in captured.out.splitlines() if len(line.split()) == 8}
    assert {name: counts[name] for name in ("bce", "focal", "ensemble", "vggish")} == {
        "bce": "2",
        "focal": "1",
        "ensemble": "1",
        "vggish": "1",
    }
    assert len(commands.done()) == 2 * 21 - 1
    commands.troubles.clear()
    assert run(folder, "--num_seeds=2") == 0
    assert commands.done() == [("evaluate", "vggish", "0"), ("train", "focal", "1"), ("evaluate", "focal", "1")]


def test_when_all_fail_the_tables_are_empty(folder, commands, capsys):
    commands.troubles["kerastag.train", "bce", 0] = 2
    assert run(folder, "--presets=bce") == 1
    assert ["bce", "0", "0.150", "-", "-", "0.766", "-", "-"] in [
        x.split() for x in capsys.readouterr().out.splitlines()
    ]


def test_training_that_ended_but_skipped_tracks_counts(folder, commands, monkeypatch, capsys):
    monkeypatch.setattr(experiments, "run_command", lambda line: commands(line) or int(line[0] == "kerastag.train"))
    assert run(folder, "--presets=bce") == 0
    assert capsys.readouterr().err == "bce, seed 0: training ended with exit status 1\n"
    assert commands.done() == [("train", "bce", "0"), ("evaluate", "bce", "0")]
