"""One TensorFlow for all tests of a process, on two virtual CPU devices so that strategies can be tested.

`pytest -m gpu` runs the tests of a GPU on it; without that, GPUs are hidden, and the suite is the same on any machine.
"""

import atexit
import gc
import importlib
import os
import pathlib
import tempfile

import numpy as np
import pytest

FIXTURES = (
    "bad_flags",
    "browser",
    "forking",
    "librosa_fixture",
    "listening_fixture",
    "networks",
    "ray_fixture",
    "remote_fixture",
    "serving_fixture",
    "serving_model",
)  # modules beside this one
SHARED = pathlib.Path(__file__).parent.parent.parent / "shared"


def pytest_sessionstart(session):
    """Starts TensorFlow as the commands do, before a test module can use it and fix its devices."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        return  # the process that hands out tests to others runs none
    on_gpu = session.config.option.markexpr == "gpu"
    if not on_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # for the commands that tests start, too
    _keep_out_of_the_users_cache()
    from kerastag import precisions, runtime
    from kerastag.training import devices

    runtime.start()
    if not (on_gpu and precisions.has_gpu()):
        devices.strategy("mirrored", num_devices=2)
    for name in FIXTURES:
        session.config.pluginmanager.register(importlib.import_module(f"tests.{name}"), name)
    _look_for_garbage_less()


def _look_for_garbage_less():
    """TensorFlow's 400,000 objects stay; looking for cycles among them takes a quarter of a short training."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _keep_out_of_the_users_cache():
    """What tests fetch and keep is theirs alone; fonts are not measured anew."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    os.environ.setdefault("MPLCONFIGDIR", str(cache / "matplotlib"))
    folder = tempfile.TemporaryDirectory(prefix="kerastag-tests-")
    atexit.register(folder.cleanup)
    os.environ["XDG_CACHE_HOME"] = folder.name


@pytest.fixture(autouse=True)
def nothing_known():
    """No test finds what another one has tagged, in whatever order they run."""
    from kerastag.library import results

    for path in results.default_path().parent.glob(f"{results.FILE}*"):
        path.unlink()


@pytest.fixture(autouse=True)
def needs_gpu(request):
    """Skips tests marked `gpu` where there is none, or where it is hidden."""
    if request.node.get_closest_marker("gpu") is not None:
        from kerastag import precisions

        if not precisions.has_gpu():
            pytest.skip("needs a GPU that TensorFlow sees, and pytest -m gpu")


@pytest.fixture(scope="session")
def goldens():
    """A function from a name to the reference implementation's arrays; skips without them."""

    def load(name: str) -> dict[str, np.ndarray]:
        path = SHARED / "goldens" / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"the reference numbers {name}.npz are not here")
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    return load


@pytest.fixture
def rng():
    """A seeded generator."""
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """A folder of tagged music: tones whose pitch is their tag, 5 s each; 20, 8 and 8 tracks, 3 tags."""
    import soundfile

    folder = tmp_path_factory.mktemp("music")
    generator = np.random.default_rng(0)
    pitches = {"mood/theme---high": 3000, "mood/theme---low": 200, "mood/theme---mid": 800}
    names = list(pitches)
    for shift, (split, size) in enumerate((("train", 20), ("validation", 8), ("test", 8))):
        lines = ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
        for number in range(size):
            first = number + shift
            tags = [names[first % 3]] + ([names[(first + 1) % 3]] if first % 4 == 0 else [])
            time = np.arange(5 * 16_000) / 16_000
            wave = sum(0.2 * np.sin(2 * np.pi * pitches[tag] * generator.uniform(0.9, 1.1) * time) for tag in tags)
            path = f"{split}/{number}.wav"
            (folder / split).mkdir(exist_ok=True)
            soundfile.write(folder / path, wave + generator.normal(0, 0.01, len(time)), 16_000)
            lines.append("\t".join([f"{split}_{number}", f"artist_{split}", "", path, "5.0", *tags]))
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return folder


SHALLOW = "--num_blocks=2"  # tracing a step takes most of a short training, and grows with the layers
TINY = [
    *("--num_channels=1", SHALLOW, "--batch_size=8", "--validation_chunks=2", "--precision=float32"),
    *("--learning_rate=1e-3", "--monitor=scalars"),
]


@pytest.fixture(scope="session")
def run_train():
    """A function that trains a tiny network on a folder of music and returns the exit status."""
    from kerastag import train

    def run(music, run_dir, *arguments):
        others = any(flag.startswith("--model=") and "short_chunk" not in flag for flag in arguments)
        tiny = [flag for flag in TINY if flag != SHALLOW or not others]
        return train.COMMAND.run([f"--data_dir={music}", f"--run_dir={run_dir}", *tiny, *arguments])

    return run


@pytest.fixture(scope="session")
def _begun(tmp_path_factory):
    return tmp_path_factory.mktemp("begun") / "run"


@pytest.fixture(scope="session")
def run_begun(_begun, run):
    """The same as it was after its first epoch, not to be changed."""
    return _begun


@pytest.fixture(scope="session")
def run(music, run_train, _begun, tmp_path_factory):
    """A run of three epochs with cb_focal, with all pictures of each."""
    from kerastag.training.monitoring import callback
    from tests import run_states

    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        run_states.keep_as_killed(3, _begun, patch)
        patch.setattr(callback, "LOOKS_SHARE", float("inf"))  # its epochs take less time than a picture
        assert run_train(music, run_dir, "--loss=cb_focal", "--epochs=3", "--monitor=full") == 0
    return run_dir
