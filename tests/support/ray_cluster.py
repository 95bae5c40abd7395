"""A Ray cluster on this machine with the applications `plain` and `flux`, that tests can hold and hurt.

As a program: starts the cluster, says where it answers, and ends it with its standard input.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
from stage import PATIENCE, Stage

from alya_mcp.errors import NotConfigured
from alya_mcp.images.renderer import Renderer

TOKEN = "a-token-of-at-least-16-characters"
REPLICAS = 2


class Cluster:
    """The running cluster: `stage` holds the plain replicas, `logs` is where Ray keeps its session."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, stage: Stage, session: Path) -> None:
        self.stage = stage
        self.session = session
        self._process = process
        self._url = url

    def url(self, application: str) -> str:
        return f"{self._url}/{application}"

    def replicas(self, application: str, deployment: str = "Replica") -> set[int]:
        """The processes of the replicas that run."""
        title = f"ray::ServeReplica:{application}:{deployment}"
        return {process.pid for process in self._processes() if title in _command(process)}

    def proxies(self) -> set[int]:
        return {process.pid for process in self._processes() if "ray::ProxyActor" in _command(process)}

    def deploy(self, application: str, replicas: int = 1) -> None:
        """Begin to deploy one of `FURTHER`."""
        assert self._process.stdin
        self._process.stdin.write(f"{application} {replicas}\n".encode())
        self._process.stdin.flush()

    def kill(self) -> None:
        """End every process at once, as a power cut would."""
        for process in [*self._processes(), psutil.Process(self._process.pid)]:
            process.kill()

    def stop(self) -> None:
        """End all of it, whatever state it is in."""
        processes = self._processes()
        if self._process.poll() is None and self._process.stdin:
            self._process.stdin.close()
            try:
                self._process.wait(PATIENCE / 2)
            except subprocess.TimeoutExpired:
                pass
        for process in [*processes, *self._processes()]:
            try:
                process.kill()
            except psutil.Error:
                pass
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        psutil.wait_procs(processes, PATIENCE)

    def _processes(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


@contextmanager
def running(folder: Path, model: Path) -> Generator[Cluster]:
    """A cluster whose `flux` application draws with `model`."""
    stage = Stage(folder / "stage")
    # Ray's sockets lie in its session's folder, and their paths have to be short.
    with tempfile.TemporaryDirectory(prefix="alya-ray-", ignore_cleanup_errors=True) as session:
        environment = {
            **os.environ,
            "ALYA_RAY_TOKEN": TOKEN,
            "PYTHONPATH": str(Path(__file__).parent),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "OMP_NUM_THREADS": "1",
            "STAGE_FOLDER": str(stage.folder),
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(folder / "hub"),
        }
        with (folder / "cluster.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, __file__, session, str(model)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        cluster = Cluster(process, "", stage, Path(session))
        try:
            assert process.stdout
            said = process.stdout.readline()
            assert said, (folder / "cluster.log").read_text()[-4000:]
            cluster._url = json.loads(said)["url"]
            yield cluster
        finally:
            stage.release()
            cluster.stop()


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


# -- the program ------------------------------------------------------------------------------------


def plain() -> Renderer:
    from staged_worker import Plain, Staged

    return Staged(Plain(), Path(os.environ["STAGE_FOLDER"]))


def poor() -> Renderer:
    from staged_worker import Plain

    class Poor(Plain):
        def prepare(self, request, report) -> None:
            raise NotConfigured("there is no such model")

    return Poor()


FURTHER = {
    "failing": (poor, {}),
    "gpuless": (plain, {"gpus": 1}),
    "roomy": (plain, {"waiting": 16}),
    "shrinking": (plain, {"waiting": 16}),
}
"""Applications that a test asks for: a model that can't be loaded, a GPU that isn't there, a long queue."""


def main() -> None:
    session, model = sys.argv[1:]
    words = os.dup(1)
    os.dup2(2, 1)

    import ray
    from ray import serve

    from alya_mcp.images.ray.app import Options, application, build

    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, _temp_dir=session, object_store_memory=10**8)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    shared = {"replicas": REPLICAS, "gpus": 0, "cpus": 0}
    serve.run(
        application(Options(model="plain", waiting=1, **shared), plain), name="plain", route_prefix="/plain"
    )
    serve.run(build(Options(model=model, **shared)), name="flux", route_prefix="/flux")
    os.write(words, json.dumps({"url": f"http://127.0.0.1:{port}"}).encode() + b"\n")
    for asked in sys.stdin:
        name, replicas = asked.split()
        create, options = FURTHER[name]
        wanted = Options(**{"model": "plain", "replicas": int(replicas), "gpus": 0, "cpus": 0} | options)
        target = serve.RunTarget(application(wanted, create), name=name, route_prefix=f"/{name}")
        serve.run_many([target], wait_for_applications_running=False)
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
