"""The compose file is compose's, serves a bundle as its own files do, and asks for metrics that the server gives."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from kerastag.serving.bundle import texts

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "docs" / "deploy"
MONITORING = DEPLOY / "monitoring"
# labels by metric, as tensorflow_serving/servables/tensorflow/util.cc and TensorFlow's cc/saved_model/loader.cc define
# them; the exporter puts colons for slashes, and a histogram has _bucket (with le), _sum and _count
COUNTERS = {
    ":tensorflow:serving:request_count": {"model_name", "status"},
    ":tensorflow:cc:saved_model:load_attempt_count": {"model_path", "status"},
}
HISTOGRAMS = {
    ":tensorflow:serving:request_latency": {"model_name", "API", "entrypoint"},
    ":tensorflow:serving:runtime_latency": {"model_name", "API", "runtime"},
}
METRICS = {
    "up": {"job", "instance"},  # Prometheus' own, of each target
    **COUNTERS,
    **{f"{name}_bucket": labels | {"le"} for name, labels in HISTOGRAMS.items()},
}


def read(path):
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra docs")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def with_defaults(text):
    """A text of the compose file as compose reads it where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def expressions():
    board = json.loads((MONITORING / "serving.json").read_text(encoding="utf-8"))
    return {target["expr"] for panel in board["panels"] for target in panel["targets"]}


def test_the_file_is_valid_by_the_schema_of_compose():
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, DEPLOY / "compose.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_server_is_started_as_the_bundle_says():
    serving = read(DEPLOY / "compose.yaml")["services"]["serving"]
    assert serving["image"] == texts.IMAGE
    assert [with_defaults(flag) for flag in serving["command"]] == texts.server_flags("moods")
    assert [with_defaults(word) for word in serving["healthcheck"]["test"]] == texts.health_check("moods")
    (folder,) = map(with_defaults, serving["volumes"])
    assert folder == "../../saved_models/moods:/models/moods:ro"


def test_what_is_mounted_is_there_and_ports_are_open_to_this_machine_alone():
    compose = read(DEPLOY / "compose.yaml")
    for name, service in compose["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        for volume in service["volumes"]:
            source = with_defaults(volume).split(":")[0]
            assert name == "serving" or source in compose["volumes"] or (DEPLOY / source).is_file(), volume


def test_prometheus_asks_where_the_server_answers():
    (job,) = read(MONITORING / "prometheus.yml")["scrape_configs"]
    assert job["metrics_path"] == texts.METRICS_PATH
    assert job["static_configs"] == [{"targets": ["serving:8501"]}]


def test_grafana_finds_its_source_and_its_dashboard():
    (source,) = read(MONITORING / "datasource.yaml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = read(MONITORING / "dashboards.yaml")["providers"]
    grafana = read(DEPLOY / "compose.yaml")["services"]["grafana"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert f"./monitoring/serving.json:{home}:ro" in grafana["volumes"]
    assert home.startswith(provider["options"]["path"] + "/")
    board = (MONITORING / "serving.json").read_text(encoding="utf-8")
    assert set(re.findall(r'"type": "prometheus",\s+"uid": "(\w+)"', board)) == {source["uid"]}


def test_panels_do_not_overlap():
    board = json.loads((MONITORING / "serving.json").read_text(encoding="utf-8"))
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("expression", sorted(expressions()))
def test_panels_ask_for_metrics_and_labels_of_the_server(expression):
    metrics = re.findall(r"[:\w]+(?=\{)", expression) or [expression.split("(")[-1].rstrip(")")]
    assert metrics and set(metrics) <= set(METRICS)
    labels = set().union(*(METRICS[name] for name in metrics))
    chosen = set(re.findall(r"(\w+)(?:=~|!=|=)\"", expression))
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    assert chosen | grouped <= labels
    assert expression.count("(") == expression.count(")")


def test_the_panels_show_requests_failures_and_latency_by_model():
    text = "\n".join(expressions())
    assert "sum by (model_name) (rate(:tensorflow:serving:request_count{" in text
    assert 'status!="OK"' in text
    assert all(f"histogram_quantile({share}, sum by (le, model_name)" in text for share in ("0.5", "0.95", "0.99"))
