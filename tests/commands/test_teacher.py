"""`kerastag train --teacher`: soft labels as `kerastag tag` would say, exact resumption, what is refused."""

import shutil

import numpy as np
import pytest
import soundfile

import kerastag
from kerastag import files, train
from kerastag.inference import tagger
from kerastag.training import soft_labels
from tests import run_states

HOW = ["--soft_weight=0.5", "--mixup_alpha=1", "--teacher_chunks=2", "--epochs=2", "--monitor=none"]


@pytest.fixture(scope="module", autouse=True)
def small_portions():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soft_labels, "PORTION", 8)
        yield


@pytest.fixture(scope="module")
def unlabelled(music, tmp_path_factory):
    """Five pieces without labels, one file that is none, and a link to a test track."""
    folder = tmp_path_factory.mktemp("unlabelled")
    generator = np.random.default_rng(5)
    for number in range(5):
        soundfile.write(folder / f"{number}.wav", generator.normal(0, 0.1, 5 * 16_000), 16_000)
    (folder / "bad.wav").write_bytes(b"not audio")
    (folder / "test.wav").symlink_to(music / "test" / "0.wav")
    return folder


@pytest.fixture(scope="module")
def student(run, music, run_train, unlabelled, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "student"
    assert run_train(music, run_dir, *HOW, f"--teacher={run}", f"--unlabelled={unlabelled}") == 0
    return run_dir


def test_soft_labels_are_what_the_teacher_says_of_the_files(student, run, music, unlabelled):
    scores = np.load(student / "soft_labels" / "scores.npy")
    listed = files.read_json(student / "soft_labels" / "tracks.json")
    assert [path.rpartition("/")[2] for path in listed["unlabelled"]] == [*(f"{n}.wav" for n in range(5)), "bad.wav"]
    assert scores.shape == (26, 3) and scores.dtype == np.float32 and np.isnan(scores[25]).all()
    teacher = kerastag.load(run, precision="float32")
    for row, path in ((3, music / "train" / "3.wav"), (19, music / "train" / "19.wav"), (24, unlabelled / "4.wav")):
        np.testing.assert_allclose(scores[row], list(teacher.score(path, num_chunks=2).values()), atol=1e-6)
    assert sorted(path.name for path in (student / "soft_labels").iterdir()) == ["scores.npy", "tracks.json"]


def test_the_record_knows_the_teacher_and_counts_labelled_tracks_alone(student, run):
    record, of_teacher = (files.read_json(folder / "run.json") for folder in (student, run))
    assert record["num_tracks"] == {"train": 20, "validation": 8, "unlabelled": 6}
    assert record["class_counts"] == of_teacher["class_counts"]
    assert record["teacher"]["model"] == str(run) and len(record["teacher"]["fingerprint"]) == 64
    assert record["teacher"]["command_1"] == of_teacher["command"] and "teacher" not in of_teacher
    assert files.read_json(student / "checkpoint" / "state.json")["step"] == 2 * 4  # 25 tracks in batches of 8


def test_soft_labels_of_no_weight_change_nothing(run, run_begun, music, run_train, tmp_path):
    how = ["--loss=cb_focal", "--epochs=1", f"--teacher={run}", "--soft_weight=0", "--teacher_chunks=1"]
    how += ["--monitor=none"]
    assert run_train(music, tmp_path / "run", *how) == 0
    run_states.assert_same(run_begun, tmp_path / "run")


def interrupt_in_portion(number, monkeypatch):
    """Ctrl-C while the teacher hears that portion."""
    score_tracks, portions = tagger.Tagger.score_tracks, []

    def interrupted(self, tracks, *arguments):
        portions.append(len(tracks))
        if len(portions) == number:
            raise KeyboardInterrupt
        return score_tracks(self, tracks, *arguments)

    monkeypatch.setattr(tagger.Tagger, "score_tracks", interrupted)
    return portions


def test_interrupted_listening_and_training_go_on_exactly_and_at_last_without_the_teacher(
    student, run, music, run_train, unlabelled, tmp_path, monkeypatch, capsys
):
    teacher, resume = tmp_path / "teacher", [f"--run_dir={tmp_path / 'run'}", "--resume"]
    shutil.copytree(run, teacher)
    with monkeypatch.context() as patch:
        interrupt_in_portion(3, patch)
        arguments = [*HOW, f"--teacher={teacher}", f"--unlabelled={unlabelled}"]
        assert run_train(music, tmp_path / "run", *arguments) == 130
    assert "--resume" in capsys.readouterr().err
    content = (teacher / "model.keras").read_bytes()
    (teacher / "model.keras").write_bytes(content[:-1])
    assert train.COMMAND.run(resume) == 1
    assert "not the teacher that the run was begun with" in capsys.readouterr().err
    (teacher / "model.keras").write_bytes(content)
    with monkeypatch.context() as patch:
        portions = interrupt_in_portion(None, patch)
        run_states.interrupt_in_step(5, patch)
        assert train.COMMAND.run(resume) == 130
    assert portions == [8, 2]  # of 8, 8, 8 and 2
    err = capsys.readouterr().err
    assert err.count("skipped: ") == 1 and "bad.wav" in err
    shutil.rmtree(teacher)
    assert train.COMMAND.run(resume) == 0
    run_states.assert_same(student, tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--unlabelled=music"], "--unlabelled needs --teacher"),
        (["--soft_weight=0.7"], "--soft_weight needs --teacher"),
        (["--teacher=x", "--soft_weight=1.5"], "soft_weight"),
        (["--teacher=x", "--model=popular"], "--model=popular is not trained"),
        (["--teacher=x", "--unlabelled=y", "--sampling=class_aware"], "draws tracks by their labels"),
        (["--teacher=x", "--unlabelled=y", "--model=probe", "--pretrained=z"], "--model=probe embeds"),
    ],
)
def test_what_contradicts_itself_is_refused_at_once(arguments, said, tmp_path, capsys):
    assert train.COMMAND.run([*arguments, f"--run_dir={tmp_path / 'run'}"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_cannot_teach_is_refused_before_any_work(run, music, run_train, tmp_path, capsys):
    def refused(said, *arguments):
        assert run_train(music, tmp_path / "run", *arguments) == 1
        assert said in capsys.readouterr().err
        assert not (tmp_path / "run" / "run.json").exists()

    refused("no such folder", "--teacher=nobody")
    refused("neither a run nor an exported model", f"--teacher={music}")
    refused("nowhere: no such file or folder", f"--teacher={run}", "--unlabelled=nowhere")
    (tmp_path / "empty").mkdir()
    refused("no audio beside the tracks", f"--teacher={run}", f"--unlabelled={tmp_path / 'empty'}")
    refused("no audio beside the tracks", f"--teacher={run}", f"--unlabelled={music}")
    (tmp_path / "tags.txt").write_text("mood/theme---high\nmood/theme---loud\n")
    more = [f"--tags_file={tmp_path / 'tags.txt'}", "--unknown_tags=drop"]
    refused("lacks tags that are to be learnt: loud", f"--teacher={run}", *more)
    popular = tmp_path / "popular"
    assert run_train(music, popular, "--model=popular") == 0
    refused("hears nothing that it could teach", f"--teacher={popular}")
    shutil.copytree(run, tmp_path / "own")
    assert run_train(music, tmp_path / "own", f"--teacher={tmp_path / 'own'}", "--overwrite") == 1
    assert "lies in the folder of the new run" in capsys.readouterr().err
    assert (tmp_path / "own" / "model.keras").is_file()


def test_a_run_without_a_teacher_cannot_get_one_later(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    record = files.read_json(tmp_path / "run" / "run.json")
    for name in ("teacher", "unlabelled", "soft_weight", "teacher_chunks"):  # as of an older run
        del record["flags"][name]
    files.write_json(tmp_path / "run" / "run.json", record)
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume", f"--teacher={run}"]) == 1
    assert "was started with --teacher=None" in capsys.readouterr().err
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
