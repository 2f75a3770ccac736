"""Trains and measures every system of the paper's tables on a dataset, and prints its own figures beside the paper's.

    python -m tools.paper.reproduce --epochs=12 --num_channels=8 --learning_rate=1e-3    # the demo set
    python -m tools.paper.reproduce --data_dir=MTG_JAMENDO --num_seeds=3 --pretrained=usc_msd \\
        --train_split=a.tsv,b.tsv --train_dirs=A,B
    python -m tools.paper.reproduce --data_dir=MTG_JAMENDO --published
"""

import dataclasses
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags

from kerastag import cli, errors, files, metrics, precisions, tags
from kerastag.cli import options, presets
from kerastag.data import dataset, splits
from kerastag.metrics import ensembles, groups, tables
from kerastag.metrics.documents import Figures
from kerastag.runs import run_folder
from tools import experiments
from tools.paper import authors_models, paper_tables

NAMES = [system.name for system in paper_tables.SYSTEMS]
TRAINING = (
    *("epochs", "adam_epochs", "sgd_epochs", "learning_rate", "num_channels"),
    *("validation_chunks", "batch_size", "precision"),
)
EVALUATION = ("num_chunks", "batch_size", "precision", "head_over", "tail_at_most")

FLAGS = flags.FlagValues()
options.define_data(FLAGS)
flags.DEFINE_string(
    "output_dir", "runs/paper", "Folder for the runs, PRESET/seed_N, and the tables.", flag_values=FLAGS
)
flags.DEFINE_list("presets", NAMES, "Which systems; paper_NAME is the preset of each.", flag_values=FLAGS)
options.positive(FLAGS, "num_seeds", 1, "Runs of each system, with seeds 0, 1, ...; the popularity baseline has one.")
flags.DEFINE_string(
    "pretrained", None, "Weights to start from, for the systems that the paper starts so.", flag_values=FLAGS
)
options.define_splits(FLAGS)
flags.DEFINE_list(
    "train_dirs",
    None,
    "Folders of the audio of each file in --train_split. Systems trained on MTG-Jamendo only use the first.",
    flag_values=FLAGS,
)
flags.DEFINE_bool(
    "published",
    False,
    "Train nothing: score the test split with the authors' own checkpoints, and print the distance to Table 1.",
    flag_values=FLAGS,
)
flags.DEFINE_bool(
    "overwrite", False, "Train anew what --output_dir holds with other flags, instead of refusing.", flag_values=FLAGS
)
MAIN_FLAGS = len(list(FLAGS))
options.positive(
    FLAGS, "epochs", None, "Instead of the preset's; if fewer, stages shrink in proportion, to 1 at least."
)
options.positive(FLAGS, "adam_epochs", None, "Instead of the preset's.")
options.positive(FLAGS, "sgd_epochs", None, "Instead of the preset's.")
flags.DEFINE_float("learning_rate", None, "Of Adam, instead of the preset's.", 0.0, 1.0, flag_values=FLAGS)
options.positive(FLAGS, "num_channels", None, "Width of all networks, instead of the preset's.")
options.positive(FLAGS, "batch_size", None, "Chunks per step, instead of the preset's.")
options.positive(FLAGS, "validation_chunks", None, "Chunks of each validation track, instead of the preset's.")
options.positive(FLAGS, "num_chunks", None, "Chunks of each test track, instead of evaluate's.")
flags.DEFINE_enum("precision", None, precisions.NAMES, "Of the networks, instead of train's.", flag_values=FLAGS)
flags.DEFINE_integer(
    "head_over", None, f"The head group: tags with more training tracks; {groups.HEAD_OVER}.", 0, flag_values=FLAGS
)
flags.DEFINE_integer(
    "tail_at_most", None, f"The tail group: tags with at most so many; {groups.TAIL_AT_MOST}.", 0, flag_values=FLAGS
)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Trains and evaluates all runs, writes the tables. Exit status 1 if a run failed."""
    folder = dataset.folder(values.data_dir).resolve()
    jobs = published_jobs(values, folder) if values.published else all_jobs(values, folder)
    perform = authors_models.perform if values.published else experiments.perform
    failures: dict[str, str] = {}
    for number, job in enumerate(jobs, 1):
        failure = perform(job, f"[{number} of {len(jobs)}] {job}")
        if failure:
            failures[str(job)] = failure
            cli.warn([f"{job}: {failure}"])
    results = gather(values, folder, [job for job in jobs if str(job) not in failures])
    remarks = [] if values.published else experiments.twins(jobs)
    report(values, folder, results, [*remarks, *(f"failed: {job}: {why}" for job, why in failures.items())])
    return 1 if failures else 0


def all_jobs(values: flags.FlagValues, folder: pathlib.Path) -> list[experiments.Job]:
    """All runs, seed by seed, so that the first ensemble is there early.

    Raises:
      UsageError: a preset of no table.
      KerastagError: a run was begun with other flags.
    """
    for name in names(values):
        if name not in NAMES:
            raise errors.UsageError(f"--presets: no system '{name}'; there are {', '.join(NAMES)}")
    systems = [system for system in paper_tables.SYSTEMS if system.name in names(values)]
    jobs = [
        make_job(values, folder, system, seed)
        for seed in range(values.num_seeds)
        for system in systems
        if seed == 0 or system.name != "popular"
    ]
    for job in jobs:
        experiments.check_unchanged(job, values.overwrite)
    return jobs


def published_jobs(values: flags.FlagValues, folder: pathlib.Path) -> list[experiments.Job]:
    """One job for each of the authors' checkpoints; UsageError: a system without one, or a flag of training."""
    of_training = {*TRAINING, "num_seeds", "pretrained", "train_dirs"} - {*EVALUATION}
    authors_models.check(values, names(values), sorted(of_training))
    return authors_models.jobs(names(values), output_folder(values), evaluation_flags(values, folder))


def output_folder(values: flags.FlagValues) -> pathlib.Path:
    """Where runs and tables go; those of the authors' checkpoints have a folder of their own."""
    return pathlib.Path(values.output_dir) / ("published" if values.published else "")


def evaluation_flags(values: flags.FlagValues, folder: pathlib.Path) -> dict[str, str]:
    """Flags of the evaluation of every run."""
    return {"data_dir": str(folder), "split": "test", **experiments.given(values, ("test_split", *EVALUATION))}


def names(values: flags.FlagValues) -> list[str]:
    """The systems of --presets, with or without `paper_`."""
    if values.published and values["presets"].using_default_value:
        return list(authors_models.CHECKPOINTS)
    return [name.removeprefix("paper_") for name in values.presets]


def make_job(values: flags.FlagValues, folder: pathlib.Path, system: paper_tables.System, seed: int) -> experiments.Job:
    """The run of a system with a seed."""
    preset = experiments.read_flags(presets.find(system.preset))
    splits_given = experiments.given(values, ("validation_split", "test_split"))
    overrides = {"data_dir": str(folder), **splits_given, **training_data(values, system)}
    if preset["model"] != "popular":
        overrides |= experiments.given(values, TRAINING) | stage_lengths(values, preset) | {"seed": str(seed)}
    run = run_folder.RunFolder(output_folder(values) / system.name / f"seed_{seed}")
    return experiments.Job(
        system.name,
        f"--preset={system.preset}",
        seed,
        run,
        overrides,
        {**preset, **overrides},
        evaluation_flags(values, folder),
    )


def training_data(values: flags.FlagValues, system: paper_tables.System) -> dict[str, str]:
    """Flags for the training splits, and for pretrained weights: both only for systems that the paper trains so."""
    lists = {name: getattr(values, name) for name in ("train_split", "train_dirs") if getattr(values, name)}
    if not system.outside_data:
        return {name: items[0] for name, items in lists.items()}
    return {name: ",".join(items) for name, items in lists.items()} | experiments.given(values, ("pretrained",))


def stage_lengths(values: flags.FlagValues, preset: dict[str, str]) -> dict[str, str]:
    """Lengths of the stages in proportion, so that a shorter run goes through all of them if it has epochs enough."""
    if values.epochs is None or preset.get("schedule") != "staged":
        return {}
    adam, sgd = int(preset["adam_epochs"]), int(preset["sgd_epochs"])
    num_rates = len(preset["sgd_learning_rates"].split(","))
    whole = adam + num_rates * sgd
    if values.epochs >= whole:
        return {}
    if values.adam_epochs is None:
        least_sgd = values.sgd_epochs or 1
        adam = max(1, min(adam * values.epochs // whole, values.epochs - num_rates * least_sgd))
    else:
        adam = values.adam_epochs
    sgd = values.sgd_epochs or max(1, (values.epochs - adam) // num_rates)
    return {"adam_epochs": str(adam), "sgd_epochs": str(sgd)}


def gather(values: flags.FlagValues, folder: pathlib.Path, jobs: list[experiments.Job]) -> list[dict[str, Any]]:
    """The figures of all runs, then those of the ensembles, with the same groups of tags for all.

    A system trained on less has smaller counts; its groups would be others.
    """
    measure = measurer(values, folder, jobs[0].folder.vocabulary()) if jobs else None
    results = []
    for job in jobs:
        assert measure is not None
        test = job.folder.read_scores("test")
        results.append(result_of(job.name, job.seed, job.folder, measure(test.labels, test.scores)))
    for seed in range(values.num_seeds):
        members = {job.name: job.folder for job in jobs if job.seed == seed}
        if set(paper_tables.MEMBERS) <= set(members):
            assert measure is not None
            chosen = [members[name] for name in paper_tables.MEMBERS]
            run = run_folder.RunFolder(output_folder(values) / "ensemble" / f"seed_{seed}")
            results.append(result_of("ensemble", seed, run, ensemble(run, chosen, measure)))
    return results


def measurer(
    values: flags.FlagValues, folder: pathlib.Path, vocabulary: tags.Vocabulary
) -> Callable[[np.ndarray, np.ndarray], Figures]:
    """A function from labels and scores to all figures."""
    paths = values.train_split or [splits.split_path(folder, None, "train")]
    training = [splits.read(path, vocabulary, unknown="drop", untagged="drop") for path in paths]
    counts = splits.class_counts(training, vocabulary)
    bounds = bounds_of(values)
    return lambda labels, scores: metrics.evaluate(labels, scores, vocabulary.names, counts, *bounds)


def bounds_of(values: flags.FlagValues) -> tuple[int, int]:
    """Above how many training tracks a tag is in the head, and up to how many in the tail."""
    head_over = groups.HEAD_OVER if values.head_over is None else values.head_over
    return head_over, groups.TAIL_AT_MOST if values.tail_at_most is None else values.tail_at_most


def result_of(name: str, seed: int, run: run_folder.RunFolder, figures: Figures) -> dict[str, Any]:
    """What results.json says of a run."""
    return {"system": name, "seed": seed, "run_dir": str(run.path), "figures": figures}


def ensemble(
    run: run_folder.RunFolder, members: list[run_folder.RunFolder], measure: Callable[..., Figures]
) -> Figures:
    """Writes the mean of the members' scores and its figures in `run`; returns the figures.

    Raises:
      KerastagError: the members were measured on different tracks.
    """
    tests = [member.read_scores("test") for member in members]
    for test in tests:
        tests[0].check_same_tracks(test)
    scores = ensembles.combine([test.scores for test in tests])
    figures = measure(tests[0].labels, scores)
    members[0].vocabulary().write(run.tags_path)
    run.write_scores("test", dataclasses.replace(tests[0], scores=scores.astype(np.float32)))
    files.write_json(run.path / "metrics.json", figures)
    return figures


def report(values: flags.FlagValues, folder: pathlib.Path, results: list[dict[str, Any]], remarks: list[str]) -> None:
    """Prints the tables and the remarks; writes tables.md and results.json."""
    output = output_folder(values)
    settings = {"data_dir": str(folder), "num_seeds": values.num_seeds}
    settings |= experiments.given(values, tuple(dict.fromkeys((*TRAINING, *EVALUATION, "pretrained"))))
    settings |= {name: ",".join(getattr(values, name)) for name in ("train_split", "train_dirs") if values[name].value}
    heading = "Ours: " + " ".join(f"--{name}={value}" for name, value in settings.items())
    shown = {
        title: paper_table(values, number, results)
        for number, title in paper_tables.TITLES.items()
        if paper_tables.systems_of(number, names(values))
    }
    print("\n" + "\n".join(f"{title}\n\n{tables.text(pair)}" for title, pair in shown.items()))
    print("\n".join([heading, *remarks]))
    sections = [f"## {title}\n\n{tables.markdown(pair)}" for title, pair in shown.items()]
    files.write_text(output / "tables.md", "\n".join([*sections, "\n\n".join([heading, *remarks]), ""]))
    files.write_json(output / "results.json", {"settings": settings, "runs": results, "remarks": remarks})
    cli.tell(f"{output / 'tables.md'} and {output / 'results.json'}: written")


def paper_table(values: flags.FlagValues, number: int, results: list[dict[str, Any]]) -> list[tables.Table]:
    """One of the paper's tables, in two parts: areas over all tags, and by group."""
    systems = paper_tables.systems_of(number, names(values))
    runs: dict[str, list[paper_tables.Figures]] = {}
    for result in results:
        runs.setdefault(result["system"], []).append(paper_tables.headline(result["figures"]))
    note = ""
    if results:
        head_over, tail_at_most = bounds_of(values)
        sizes = {name: group["num_tags"] for name, group in results[0]["figures"]["groups"].items()}
        note = (
            f"Mean PR-AUC of tags with over {head_over} training tracks (head, {sizes['head']} tags here), up to "
            f"{head_over} (middle, {sizes['middle']}) and up to {tail_at_most} (tail, {sizes['tail']}). sd: over runs."
        )
    shown = [paper_tables.areas_table(systems, runs), paper_tables.groups_table(systems, runs, note)]
    return [*shown, paper_tables.distances_table(systems, runs)] if values.published else shown


COMMAND = cli.Command(
    "python -m tools.paper.reproduce",
    "trains every system of the paper's tables and prints both",
    FLAGS,
    main,
    MAIN_FLAGS,
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
