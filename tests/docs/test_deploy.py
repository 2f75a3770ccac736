"""The files to deploy with are what their systems read; each command in them has flags that there are."""

import pathlib
import re
import subprocess

import pytest

from kerastag import cluster, tag, train

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "docs" / "deploy"
JOBS = sorted(set(DEPLOY.glob("*.yaml")) - {DEPLOY / "compose.yaml"})


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*.sbatch")), ids=lambda path: path.name)
def test_scripts_of_slurm_are_bash(path):
    subprocess.run(["bash", "-n", path], check=True)
    assert path.read_text().startswith("#!/bin/bash\n") and "\n#SBATCH --" in path.read_text()


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_kubernetes_files_are_valid_by_its_schemas(path):
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra docs")
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in yaml.safe_load_all(path.read_text()):
        validate.validate(document, validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_kubernetes_jobs_say_what_they_are(path):
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra docs")
    documents = list(yaml.safe_load_all(path.read_text()))
    job = next(document for document in documents if document["kind"] == "Job")
    assert all({"apiVersion", "kind", "metadata", "spec"} <= set(document) for document in documents)
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] >= job["spec"]["parallelism"]


def test_workers_of_the_job_are_told_their_places():
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra docs")
    job = next(each for each in yaml.safe_load_all((DEPLOY / "train.yaml").read_text()) if each["kind"] == "Job")
    script = job["spec"]["template"]["spec"]["containers"][0]["args"][0]
    told = subprocess.run(
        ["bash", "-c", re.sub(r"exec python(.|\n)*", 'printf %s "$TF_CONFIG"', script)],
        env={"JOB_COMPLETION_INDEX": "2", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    place = cluster.place({"TF_CONFIG": told.stdout})
    assert (place.index, place.count) == (2, job["spec"]["completions"])


@pytest.mark.parametrize("name", ["train.sbatch", "train.yaml"])
def test_flags_of_the_training_are_its_own(name):
    command = (DEPLOY / name).read_text().split("kerastag.train", 1)[1].split("\n\n")[0].split("resources:")[0]
    named = set(re.findall(r"--(\w+)", command))
    assert {"strategy", "run_dir", "resume"} <= named <= {"preset", *train.FLAGS}


def check_flags(words):
    flags = [re.match(r"--(?:no)?(\w+)", word)[1] for word in words if word.startswith("--")]
    assert {"tracks", "output", "shards", "model"} <= set(flags)
    assert [flag for flag in flags if flag not in tag.FLAGS] == []


def test_flags_of_the_script_of_a_catalogue_are_its_own():
    command = next(
        line for line in (DEPLOY / "catalogue.sbatch").read_text().splitlines() if line.startswith("srun kerastag tag ")
    )
    check_flags(command.split())


def test_the_job_of_a_catalogue_mounts_what_it_has():
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra docs")
    job = yaml.safe_load((DEPLOY / "catalogue_job.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # which backoffLimitPerIndex asks for
    (container,) = pod["containers"]
    assert container["command"][:2] == ["kerastag", "tag"]
    check_flags(container["command"])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
