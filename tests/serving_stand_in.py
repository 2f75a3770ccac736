"""A stand-in for tensorflow_model_server: a process that serves SavedModels over gRPC and REST as that server does.

    python tests/serving_stand_in.py --model_name=NAME --model_base_path=DIR --port=8500 --rest_api_port=8501

Flags have the server's names; port 0 takes a free one. Neither Keras nor kerastag can be imported here, and models run
in TensorFlow's C++ session, so what it serves needs TensorFlow's own operations alone. Once every model has a version
it prints one line, {"grpc": PORT, "rest": PORT}; "grpc" is null where tensorflow-serving-api is not installed.
"""

import argparse
import json
import os
import pathlib
import sys
import threading
import time

for _name in ("keras", "kerastag"):
    sys.modules[_name] = None  # type: ignore[assignment]  # None is what makes importing it fail
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from stand_in import catalogue, rest  # noqa: E402  TensorFlow is imported after Keras is barred

try:
    from stand_in import rpc
except ImportError:
    rpc = None  # type: ignore[assignment]  # REST alone


def main() -> None:
    """Serves until the process is ended."""
    values = flags().parse_args()
    models = catalogue.Catalogue(configured(values))
    while not models.poll():
        time.sleep(values.file_system_poll_wait_seconds)
    threading.Thread(target=watch, args=(models, values.file_system_poll_wait_seconds), daemon=True).start()
    ports = {"grpc": rpc.start(models, values.port, values.grpc_channel_arguments) if rpc else None}
    server, ports["rest"] = rest.listen(models, values.rest_api_port, values.rest_api_enable_cors_support)
    print(json.dumps(ports), flush=True)
    server.serve_forever()


def flags() -> argparse.ArgumentParser:
    """The flags of tensorflow_model_server that are honoured here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name", default="default")
    parser.add_argument("--model_base_path", type=pathlib.Path)
    parser.add_argument("--model_config_file", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rest_api_port", type=int, default=0)
    parser.add_argument("--file_system_poll_wait_seconds", type=float, default=0.2)
    parser.add_argument("--grpc_channel_arguments", default="", help="as grpc.max_receive_message_length=4194304")
    for switch in ("rest_api_enable_cors_support", "allow_version_labels_for_unavailable_models"):
        parser.add_argument(f"--{switch}", type=lambda text: text == "true", nargs="?", const=True, default=False)
    return parser


def configured(values: argparse.Namespace) -> list[catalogue.Model]:
    """The models to serve: those of the config file, or the one that flags name."""
    if values.model_config_file is None:
        if values.model_base_path is None:
            sys.exit("--model_base_path or --model_config_file is needed")
        return [catalogue.Model(values.model_name, values.model_base_path)]
    if rpc is None:
        sys.exit("--model_config_file needs tensorflow-serving-api")
    return rpc.models_of_config(values.model_config_file)


def watch(models: catalogue.Catalogue, seconds: float) -> None:
    """Loads and unloads versions as their folders come and go, until the process that started this one is gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(seconds)
        models.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
