"""The files of docs/deploy/ are what their readers take, and their commands have flags that are there."""

import pathlib
import re
import subprocess

import pytest

from kerastag import tag

DEPLOY = pathlib.Path(__file__).parents[2] / "docs" / "deploy"


def check_flags(words):
    flags = [re.match(r"--(?:no)?(\w+)", word)[1] for word in words if word.startswith("--")]
    assert {"tracks", "output", "shards", "model"} <= set(flags)
    assert [flag for flag in flags if flag not in tag.FLAGS] == []


def test_the_batch_script_is_one_of_bash():
    path = DEPLOY / "catalogue.sbatch"
    assert subprocess.run(["bash", "-n", path], capture_output=True).returncode == 0
    command = next(line for line in path.read_text().splitlines() if line.startswith("srun kerastag tag "))
    check_flags(command.split())


def test_the_job_is_one_of_kubernetes():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    job = yaml.safe_load((DEPLOY / "catalogue_job.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed" and spec["completions"] >= spec["parallelism"]
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # which backoffLimitPerIndex asks for
    (container,) = pod["containers"]
    assert container["command"][:2] == ["kerastag", "tag"]
    check_flags(container["command"])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
