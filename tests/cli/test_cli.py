"""The wrapper around commands: help, usage errors, presets, one-line errors."""

import os
import pathlib
import subprocess
import sys
import time

import pytest
from absl import flags

from kerastag import cli, ensemble, errors, train
from kerastag.cli import presets

ROOT = pathlib.Path(__file__).parents[2]


def command(main, **options):
    values = flags.FlagValues()
    flags.DEFINE_enum("loss", "bce", ["bce", "focal"], "What is minimised.", flag_values=values)
    flags.DEFINE_integer("epochs", 3, "How long.", lower_bound=1, flag_values=values)
    flags.DEFINE_bool("again", False, "Once more.", flag_values=values)
    flags.DEFINE_integer("verbosity", 0, "How much is said.", flag_values=values)
    return cli.Command("kerastag toy", "does nothing", values, main, main_flags=2, **options)


def test_nan_is_refused_whatever_the_bounds(capsys):
    toy = command(lambda values, arguments: 0)
    flags.DEFINE_float("rate", 0.1, "How fast.", 0.0, 1.0, flag_values=toy.flag_values)
    assert toy.run(["--rate=0.2"]) == 0
    assert toy.run(["--rate=nan"]) == 2
    assert "--rate: nan is no number" in capsys.readouterr().err


def raising(error):
    def main(values, arguments):
        raise error

    return main


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 9 GiB"), type("ResourceExhaustedError", (Exception,), {})("OOM")]
)
def test_out_of_memory_says_what_to_lower(error, capsys):
    toy = command(raising(error))
    assert toy.run([]) == 1
    assert capsys.readouterr().err == f"kerastag toy: out of memory ({error})\n"
    flags.DEFINE_integer("batch_size", 32, "Chunks.", flag_values=toy.flag_values)
    assert toy.run(["--batch_size=64"]) == 1
    assert capsys.readouterr().err == f"kerastag toy: out of memory ({error}); try a lower --batch_size than 64\n"


@pytest.mark.parametrize("name", [None, *cli.COMMANDS])
def test_help_answers_without_tensorflow(name):
    module = ["kerastag"] if name is None else [f"kerastag.{name}"]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *module, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    seconds = time.perf_counter() - started
    assert done.returncode == 0 and "usage: kerastag" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"tensorflow", "keras", "librosa", "sklearn"}
    print(f"{module[0]} --help: {seconds:.2f} s")


def test_help_is_in_the_order_of_definition(capsys):
    assert command(raising(AssertionError())).run(["--help"]) == 0
    text = capsys.readouterr().out
    assert text.index("--loss=bce|focal") < text.index("--epochs=NUMBER") < text.index("All others:")
    assert text.index("All others:") < text.index("--[no]again")
    assert "default: 3" in text


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_flag_has_a_help_line(name):
    module = __import__(f"kerastag.{name}", fromlist=["FLAGS"])
    for flag in module.FLAGS:
        assert module.FLAGS[flag].help, flag


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--los=focal"], "Unknown command line flag 'los'. Did you mean: loss ?"),
        (["--loss=hinge"], "--loss=hinge: value should be one of <bce|focal>"),
        (["--epochs=0"], "epochs"),
        (["stray"], "unexpected argument 'stray'"),
        (["--preset=nothing"], "no preset 'nothing'; there are"),
        (["--flagfile=/does/not/exist"], "/does/not/exist"),
    ],
)
def test_usage_errors_exit_with_two_and_one_line(arguments, message, capsys):
    assert command(raising(AssertionError())).run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert message.lower() in captured.err.lower()


def test_errors_the_user_can_mend_are_one_line(capsys):
    assert command(raising(errors.KerastagError("train.tsv:17: unknown\ntag"))).run([]) == 1
    assert capsys.readouterr().err == "train.tsv:17: unknown tag\n"
    assert command(raising(FileNotFoundError(2, "No such file", "a/b"))).run([]) == 1
    assert capsys.readouterr().err == "a/b: no such file\n"
    with pytest.raises(errors.KerastagError):
        command(raising(errors.KerastagError("x"))).run(["--verbosity=1"])


def test_interruption_exits_with_130(capsys):
    assert command(raising(KeyboardInterrupt())).run([]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_last_flag_wins_and_nothing_is_left_for_the_next_run(tmp_path):
    (tmp_path / "a.flags").write_text("# a comment\n--loss=focal\n--epochs=7\n")
    seen = []
    toy = command(lambda values, arguments: seen.append((values["loss"].value, values["epochs"].value)))
    toy.run([f"--flagfile={tmp_path / 'a.flags'}", "--epochs=9"])
    toy.run([])
    assert seen == [("focal", 9), ("bce", 3)]


def test_defaults_stand_before_what_the_user_gave():
    seen = []
    toy = command(
        lambda values, arguments: seen.append((values["loss"].value, values["epochs"].value)),
        defaults=lambda values: ["--epochs=50", "--loss=focal"],
    )
    toy.run(["--epochs=2"])
    assert seen == [("focal", 2)]


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_parses_and_says_what_it_is(name):
    text = presets.find(name).read_text()
    assert text.startswith("#") and "Command:" in text and "Expect:" in text
    assert all("#" not in line for line in text.splitlines() if line.startswith("--"))
    command = ensemble if "Command: python -m kerastag.ensemble" in text else train
    command.COMMAND.parse([f"--preset={name}", "--data_dir=x"])


def test_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m kerastag.train --help | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.startswith("usage:") and done.stderr == ""


def test_unknown_commands_and_the_list(capsys):
    assert cli.main(["frobnicate"]) == 2
    assert "no command 'frobnicate'" in capsys.readouterr().err
    assert cli.main([]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  "))
    library = {"tag", "write", "playlist", "similar", "map"}
    others = {"train", "evaluate", "ensemble", "report", "pretrained", "download", "prepare", "export"}
    assert set(listed) == others | library
    assert all(len(summary) > 20 for summary in listed.values())


@pytest.mark.parametrize("where", ["environment", "file"])
def test_another_keras_backend_is_one_clear_line(where, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "numpy"}')
    code = "from kerastag import runtime, errors\ntry:\n runtime.start()\nexcept errors.KerastagError as e: print(e)"
    own = {"KERAS_BACKEND": "numpy"} if where == "environment" else {"KERAS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **own}
    )
    assert done.stdout.strip() == (
        "Keras is configured for the backend 'numpy'; kerastag needs KERAS_BACKEND=tensorflow"
    )
