"""Ray on this machine, for all tests of a process; its actors find kerastag where the tests do."""

import pytest

from kerastag import ray_actors


@pytest.fixture(scope="session")
def ray():
    """Ray, connected; skips where it is not installed."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()


@pytest.fixture
def two_actors(ray) -> ray_actors.Cluster:
    """A cluster of two actors."""
    return ray_actors.Cluster(num_workers=2, cpus=0.5)
