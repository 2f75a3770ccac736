"""A process' place among several, by TF_CONFIG and by Slurm, and what contradicts itself."""

import json

import pytest

from kerastag import cluster, errors


def tf_config(cluster_of, role, index):
    return {"TF_CONFIG": json.dumps({"cluster": cluster_of, "task": {"type": role, "index": index}})}


@pytest.mark.parametrize(
    ("cluster_of", "role", "index", "expected"),
    [
        ({"worker": ["a:1", "b:1", "c:1"]}, "worker", 2, (2, 3)),
        ({"worker": ["a:1", "b:1"], "chief": ["c:1"]}, "worker", 0, (1, 3)),
        ({"worker": ["a:1", "b:1"], "chief": ["c:1"]}, "chief", 0, (0, 3)),
        ({"worker": ["a:1"]}, "worker", 0, (0, 1)),
    ],
)
def test_the_chief_comes_first_and_else_worker_0_is_the_chief(cluster_of, role, index, expected):
    place = cluster.place(tf_config(cluster_of, role, index))
    assert (place.index, place.count) == expected
    assert place.is_chief == (expected[0] == 0)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "nothing says which worker this is"),
        ({"TF_CONFIG": "{"}, "TF_CONFIG is not as"),
        ({"TF_CONFIG": "[]"}, "TF_CONFIG is not as"),
        (tf_config({"worker": "a:1"}, "worker", 0), "a list of addresses is expected"),
        (tf_config({"worker": ["a:1"]}, "worker", 1), "there is no worker 1 of 1"),
        (tf_config({"worker": ["a:1"]}, "worker", -1), "there is no worker -1 of 1"),
        (tf_config({"worker": ["a:1"], "ps": ["b:1"]}, "ps", 0), "one of the workers, or the one chief"),
        (tf_config({"worker": ["a:1"], "chief": ["b:1", "c:1"]}, "chief", 0), "one of the workers, or the one chief"),
        ({"SLURM_PROCID": "x", "SLURM_STEP_NUM_TASKS": "2"}, "two numbers are expected"),
        ({"SLURM_PROCID": "1"}, "nothing says which worker this is"),
    ],
)
def test_what_contradicts_itself_is_told_in_a_line(environment, message):
    with pytest.raises(errors.KerastagError, match=message) as raised:
        cluster.place(environment)
    assert "\n" not in str(raised.value) and raised.value.option == "strategy"


def test_slurms_tasks_are_workers_in_their_order():
    place = cluster.place({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4"})
    assert (place.index, place.count, place.scheduler) == (3, 4, "Slurm")
