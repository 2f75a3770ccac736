"""The model card: figures worked out by scikit-learn, the data and its terms, nothing that only this machine knows."""

import dataclasses
import itertools
import os
import shutil

import markdown_it
import numpy as np
import pytest
from sklearn import metrics as reference

from kerastag import errors, files
from kerastag.inference import export_facts
from kerastag.metrics import calibration, card, decisions
from kerastag.runs import ensemble_folder, run_folder
from kerastag.runs.model import Model
from kerastag.serving.bundle import model_card

FACTS = export_facts.ExportFacts(
    sample_rate=16_000,
    chunk_samples=73_600,
    num_chunks=16,
    precision="float32",
    calibrated=False,
    method="mean",
    weights=(1.0,),
    members=(export_facts.NetworkFacts("serving_default", 73_600, False),),
)


@pytest.fixture
def source(run, tmp_path):
    """A copy of a run, to be changed."""
    shutil.copytree(run, tmp_path / "copy")
    return run_folder.RunFolder(tmp_path / "copy")


def written(source, data_license=None, calibrated=False, **facts):
    model = Model.load(source.path, calibrated)
    return model_card.text("moods", model, dataclasses.replace(FACTS, calibrated=calibrated, **facts), data_license)


def test_figures_are_those_of_the_predictions(source):
    scores, labels = (np.load(path("validation")) for path in (source.predictions_path, source.labels_path))
    pr_auc = reference.average_precision_score(labels, scores, average="macro")
    roc_auc = reference.roc_auc_score(labels, scores, average="macro")
    row = f"| validation | 8 | {pr_auc:.4f} | {labels.mean():.4f} | {roc_auc:.4f} |"
    assert row in written(source)
    files.write_json(source.path / "metrics.json", intervals(8, pr_auc, roc_auc))
    assert f"| validation | 8 | {pr_auc:.4f} (0.2000 to 0.9000) |" in written(source)
    files.write_json(source.path / "metrics.json", intervals(8, pr_auc + 0.01, roc_auc))
    assert f"| validation | 8 | {pr_auc:.4f} | {labels.mean():.4f} | {roc_auc:.4f} (" in written(source)
    shutil.rmtree(source.path / "predictions")
    assert "has no predictions" in written(source)


def intervals(num_tracks, pr_auc, roc_auc):
    bounds = {"low": 0.2, "high": 0.9}
    names = {"pr_auc_macro": pr_auc, "roc_auc_macro": roc_auc}
    return {"num_tracks": num_tracks, **names, "intervals": dict.fromkeys(names, bounds)}


def test_it_says_what_the_model_was_made_from_and_no_path_of_this_machine(source, music):
    text = written(source)
    for words in (
        "# moods\n",
        "run `copy`, best in epoch",
        " of 3 (validation PR-AUC 0.",
        "--loss=cb_focal",
        f"folder `{music.name}`: 20 tracks for train, 8 tracks for validation",
        "over 16 evenly spaced chunks of 4.60 s",
        "they are not probabilities",
        "rest on 8 tracks only",
    ):
        assert words in text, words
    assert str(music.parent) not in text and str(source.path.parent) not in text


def test_terms_of_the_data_are_the_users_or_those_beside_it_or_not_stated(source, tmp_path):
    assert "licence: not stated" in written(source)
    record = files.read_json(source.record_path)
    (tmp_path / "songs").mkdir()
    files.write_json(source.record_path, {**record, "data_dir": str(tmp_path / "songs")})
    rows = ["PACKAGE\tVERSION\tLICENCE\tTEXT", "one\t1\tGPL-2\t", "two\t1\tCC-BY-4.0\t", "three\t2\tGPL-2\t"]
    (tmp_path / "songs" / "licences.tsv").write_text("\n".join(rows) + "\n")
    assert "folder `songs`" in written(source)
    assert "licence: GPL-2 (one, three); CC-BY-4.0 (two)" in written(source)
    assert "licence: ours alone\n" in written(source, "ours alone")
    files.write_json(source.record_path, {**record, "data_dir": None})
    assert "synthesised demo set" in written(source) and "licence: CC0" in written(source)
    files.write_json(source.record_path, {**record, "data_dir": None, "class_counts": None})
    assert "not trained by kerastag" in written(source) and "licence: not stated" in written(source)


def test_tags_come_with_what_is_known_of_them(source):
    vocabulary = source.vocabulary()
    counts = source.record().class_counts
    for tag in vocabulary.names:
        assert f"| {tag} | {counts[tag]} |\n" in written(source)
    assert "was not measured" in written(source)
    words = ["reliable", "near chance", "weak"]
    rows = [
        card.Row(tag, 0.5, 0.25, 0.75, 2.0, 1.0, 0.3, 0.5, 0.5, True, word)
        for tag, word in zip(vocabulary.names, words, strict=True)
    ]
    card.write(source.card_path, rows)
    decisions.write_thresholds(source.thresholds_path, vocabulary.names, np.array([0.1, np.inf, 0.3]))
    text = written(source)
    for tag, word in zip(vocabulary.names, words, strict=True):
        assert f"| {tag} | {counts[tag]} | 0.5000 | 0.2500 to 0.7500 | {word} |\n" in text
    assert f"Near chance, or not measured: {vocabulary.short_names[1]}." in text
    assert f" Never given: {vocabulary.short_names[1]}." in text
    assert "was not measured" not in text


def test_calibrated_scores_are_called_probabilities(source):
    names = source.vocabulary().names
    calibration.Calibration("platt", {name: calibration.Platt(1.0, 0.5) for name in names}).write(
        source.calibration_path
    )
    text = written(source, calibrated=True, precision="mixed_bfloat16")
    assert "probability that the piece has the tag (platt calibration)" in text
    assert "not probabilities" not in text
    assert "computes in mixed_bfloat16" in text


def test_an_ensemble_names_its_members_and_weights(source, tmp_path):
    members = (source, run_folder.RunFolder(tmp_path / "other"))
    shutil.copytree(source.path, members[1].path)
    both = ensemble_folder.write(tmp_path / "both", ensemble_folder.Ensemble(members, "logit_mean", (0.75, 0.25)))
    text = written(both, method="logit_mean", weights=[0.75, 0.25])
    assert "The logit_mean of 2 networks' scores, with weights 0.75, 0.25." in text
    assert "run `copy`" in text and "run `other`" in text
    assert "has no predictions" in text  # the members' are not the ensemble's
    assert text.count("tracks for train") == 1


def test_a_damaged_record_is_one_line(source):
    source.record_path.write_text("{")
    with pytest.raises(errors.KerastagError, match=r"run\.json: not a JSON file"):
        written(source)


@pytest.mark.parametrize("weights", ["raw", "averaged"])
def test_which_weights_it_has_where_an_average_was_kept(weights, source):
    assert "weights, computed in" not in written(source)
    source.write_weights(weights)
    assert "of 3 (validation PR-AUC " in written(source) and f"), {weights} weights, computed in" in written(source)


def test_texts_of_others_stay_text(source):
    odd = "a`b\n\n## Data\n\n- licence: CC0 <script>x</script> [a](javascript:b)"
    record = files.read_json(source.record_path)
    texts = dict.fromkeys(("licence", "weights", "git_commit", "data_dir"), odd)
    maps = {"flags": {"loss": odd}, "versions": {odd: odd}, "num_tracks": {odd: 3}, "source": {"file": odd}}
    files.write_json(source.record_path, {**record, **texts, **maps, "command": f"train --preset={odd}"})
    moved = source.path.rename(source.path.with_name(odd.replace("/", "") + os.fsdecode(b"\xef")))
    reader = markdown_it.MarkdownIt("gfm-like", {"linkify": False, "html": True})
    plain, hostile = (reader.parse(written(run_folder.RunFolder(moved), terms)) for terms in ("CC0", odd))
    kinds = [
        [inner.type for token in tokens for inner in (token, *(token.children or ()))] for tokens in (plain, hostile)
    ]
    assert not {"html_block", "html_inline", "link_open", "image"} & {*kinds[0], *kinds[1]} and kinds[0] == kinds[1]
    titles = [token.content for before, token in itertools.pairwise(hostile) if before.type == "heading_open"]
    assert titles == ["moods", "Made from", "Data", "Figures", "Tags", "Limits", "Versions"]
