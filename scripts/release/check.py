"""Use each file of a release as a user would; see check.sh."""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import image

LARGEST_BINARY = 40_000_000
SLOWEST_START = 1.5
"""Of the time to the answer to `initialize` that an installed package takes."""
STARTS = 9
DENY_ALL = json.dumps({"version": "1", "default": "deny", "tools": {}})
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "check", "version": "1"},
    },
}
failures: list[str] = []


def main() -> int:
    reader = argparse.ArgumentParser(description=(__doc__ or "").strip())
    reader.add_argument("out", type=Path)
    reader.add_argument("--without-picture", action="store_true")
    given = reader.parse_args()
    out = given.out.resolve()
    with tempfile.TemporaryDirectory(prefix="alya-mcp-check-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        with part("checksums"):
            check_sums(out)
        with part("server.json"):
            check_server_json(out)
        with part("parts list"):
            check_parts(out)
        with part("sdist"):
            python = install(work / "sdist", one(out, "*.tar.gz"))
            expect_version(out, [str(python.with_name("alya-mcp"))], work)
        with part("wheel"):
            python = install(work / "wheel", one(out, "*.whl"))
            drive([str(python.with_name("alya-mcp"))], work / "wheel-home", clean())
        with part("bundle"):
            check_bundle(one(out, "*.mcpb"), work)
        with part("image"):
            check_image(one(out, "*.whl"), work)
        binary = copied(out, work)
        with part("binary"):
            check_binary(out, binary, work)
        with part("binary on a read-only file system"):
            check_read_only(binary, work)
        with part(f"start in {SLOWEST_START} times an installed package's time"):
            check_start(binary, work / "wheel" / "bin" / "alya-mcp", work)
        if not given.without_picture:
            with part("pictures by the image engine"):
                check_pictures(binary, work)
    print(f"{len(failures)} failed{': ' + ', '.join(failures) if failures else ''}")
    return 1 if failures else 0


class Unchecked(Exception):
    """This machine lacks what a check needs."""


@contextmanager
def part(name: str) -> Iterator[None]:
    """Note what comes of a part, and go on."""
    began = time.monotonic()
    try:
        yield
    except Unchecked as lacking:
        print(f"?     {name}: not checked: {lacking}", flush=True)
        if not os.environ.get("ALLOW_UNCHECKED"):
            failures.append(name)
    except (AssertionError, OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        said = getattr(error, "stderr", None) or ""
        print(f"fail  {name}: {error!r:.500} {str(said)[-1500:]}", flush=True)
        failures.append(name)
    else:
        print(f"ok    {name} ({time.monotonic() - began:.0f} s)", flush=True)


def one(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    assert len(found) == 1, f"{pattern} names {len(found)} files"
    return found[0]


# -- files that are read


def check_sums(out: Path) -> None:
    lines = (out / "SHA256SUMS").read_text().splitlines()
    named = {name.lstrip("*"): digest for digest, name in (line.split(None, 1) for line in lines)}
    there = {each.name for each in out.iterdir()} - {"SHA256SUMS"}
    assert set(named) == there, f"listed {sorted(named)}, there are {sorted(there)}"
    for name, digest in named.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest, name


def check_server_json(out: Path) -> None:
    server = json.loads((out / "server.json").read_text())
    version = one(out, "*.whl").name.split("-")[1]
    assert {server["version"], *(each["version"] for each in server["packages"])} == {version}
    assert len(server["description"]) <= 100


def check_parts(out: Path) -> None:
    parts = json.loads((out / "alya-mcp.cdx.json").read_text())
    names = {each["name"] for each in parts["components"]}
    assert parts["bomFormat"] == "CycloneDX"
    assert {"mcp", "pydantic", "boto3"} <= names
    assert "pip" not in names


# -- files that are installed


def clean(**more: str) -> dict[str, str]:
    """The environment without anything of alya-mcp, of a checkout or of S3."""
    foreign = ("ALYA_", "_ALYA_", "AWS_", "HF_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


def install(folder: Path, package: Path) -> Path:
    """Install `package` from the index's dependencies; the environment's Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{package}[s3]"], folder)
    return python


def run(
    command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, *, status: int = 0
) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        command, cwd=cwd, env=clean() if env is None else env, capture_output=True, text=True, check=False
    )
    said = f"{ended.stdout[-500:]} {ended.stderr[-1500:]}"
    assert ended.returncode == status, f"{' '.join(command[-4:])} ended with {ended.returncode}: {said}"
    return ended


def expect_version(
    out: Path, command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None
) -> None:
    version = one(out, "*.whl").name.split("-")[1]
    assert run([*command, "--version"], cwd, env).stdout.strip() == f"alya-mcp {version}"


def check_bundle(bundle: Path, work: Path) -> None:
    folder = work / "bundle"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    uv = shutil.which("uv") or fetched_uv(work)
    started = manifest["server"]["mcp_config"]
    words = [word.replace("${__dirname}", str(folder)) for word in (started["command"], *started["args"])]
    env = clean(**{name: value for name, value in started["env"].items() if "${" not in value})
    env["PATH"] = f"{Path(uv).parent}{os.pathsep}{os.environ['PATH']}"
    drive(words, work / "bundle-home", env)


def fetched_uv(work: Path) -> str:
    venv.create(work / "uv", with_pip=True)
    run([str(work / "uv" / "bin" / "python"), "-m", "pip", "install", "-q", "uv"], work)
    return str(work / "uv" / "bin" / "uv")


# -- servers


class Server:
    """A server on pipes, asked one thing after the other."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()
        while "id" in message:
            line = self._process.stdout.readline()
            assert line, f"the server ended with {self._process.wait()}"
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == message["id"]:
                return answer
        return {}

    def call(self, number: int, tool: str, **arguments: object) -> dict[str, Any]:
        params = {"name": tool, "arguments": arguments}
        answer = self.ask({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
        result: dict[str, Any] = answer["result"]
        return result

    def close(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(60)


def drive(command: Sequence[str], home: Path, env: Mapping[str, str]) -> None:
    """Ask what every client asks, make a call, have one denied, and ask for a picture without an engine."""
    home.mkdir(exist_ok=True)
    server = Server(command, home, {**env, "ALYA_HOME": str(home)})
    assert server.ask(INITIALIZE)["result"]["serverInfo"]["name"] == "alya-mcp"
    server.ask({"jsonrpc": "2.0", "method": "notifications/initialized"})
    listed = server.ask({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})["result"]["tools"]
    assert "image_gen" in {tool["name"] for tool in listed}
    assert not server.call(3, "alya_usage").get("isError")
    picture = server.call(4, "image_gen", prompt="a red circle")
    assert picture["isError"]
    assert "engine install" in picture["content"][0]["text"], picture["content"]
    policy = home / "policy.json"
    policy.write_text(DENY_ALL)
    time.sleep(1)
    denied = server.call(5, "alya_usage")
    assert denied["isError"]
    assert denied["_meta"]["alya/decision"]["rule"] == "(default deny)", denied
    policy.unlink()
    assert server.close() == 0


def check_image(wheel: Path, work: Path) -> None:
    """Built from the wheel, small, without a shell, and a server like the others."""
    builder = image.builder()
    if builder is None:
        raise Unchecked("it takes a running docker, or podman or buildah")
    image.build(builder, wheel, work / "image-context")
    size = image.size(builder)
    print(f"      {size:,} bytes, by {builder}", flush=True)
    assert size <= image.LARGEST, f"{size:,} bytes"
    home = work / "image-home"
    home.mkdir()
    with image.entry_point(builder, home) as command:
        drive(command, home, dict(os.environ))
        run([*command, "audit", "verify"], work, os.environ)


# -- the binary


def copied(out: Path, work: Path) -> Path:
    """The binary in a folder of its own, executable as a download is made."""
    binary = work / "download" / "alya-mcp"
    binary.parent.mkdir()
    shutil.copy(out / "alya-mcp", binary)
    binary.chmod(0o755)
    return binary


def check_binary(out: Path, binary: Path, work: Path) -> None:
    size = binary.stat().st_size
    assert size <= LARGEST_BINARY, f"{size:,} bytes"
    home = work / "binary-home"
    home.mkdir()
    bare = {"ALYA_HOME": str(home)}
    began = time.monotonic()
    expect_version(out, [str(binary)], work, bare)
    print(f"      {size:,} bytes; first start {time.monotonic() - began:.1f} s", flush=True)
    drive([str(binary)], home, bare)
    commands(binary, home, bare, work)


def commands(binary: Path, home: Path, env: Mapping[str, str], cwd: Path) -> None:
    """Calls, the audit log and doctor from the command line."""
    called = run([str(binary), "call", "alya_usage", "--output", "json"], cwd, env)
    assert not json.loads(called.stdout).get("isError")
    run([str(binary), "audit", "verify"], cwd, env)
    run([str(binary), "call", "image_gen", "prompt=x"], cwd, env, status=1)
    doctor = run([str(binary), "doctor", "--output", "json"], cwd, env)
    parts = {each["part"]: each for each in json.loads(doctor.stdout)["checks"]}
    assert "boto3" in parts["s3 extra"]["detail"], parts["s3 extra"]
    assert parts["packages"]["state"] == "ok"
    assert "engine install" in parts["image engine"]["remedy"]
    policy = home / "denied.json"
    policy.write_text(DENY_ALL)
    run([str(binary), "call", "alya_usage"], cwd, {**env, "ALYA_POLICY": str(policy)}, status=3)


def check_read_only(binary: Path, work: Path) -> None:
    """Nothing but ALYA_HOME can be written, there is no Python on PATH, and no other variable."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        raise Unchecked("it takes Linux, root and unshare")
    home = work / "read-only-home"
    home.mkdir()
    script = (
        'set -e; mount --bind "$1" "$1"; mount -t tmpfs -o ro none /dev/shm 2>/dev/null || true; '
        "mount -o remount,bind,ro /; if touch /alya-mcp-probe 2>/dev/null; then exit 9; fi; "
        'cd /; shift 2; exec "$@"'
    )
    inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", str(home), "--"]
    own = [sys.executable, "-Es", str(Path(__file__).resolve()), "--inside", str(binary), str(home)]
    run([*inside, *own], work)


def check_start(binary: Path, installed: Path, work: Path) -> None:
    """Both started in turn, so that what else the machine does counts for both."""
    took: dict[Path, list[float]] = {binary: [], installed: []}
    for start in range(STARTS + 1):
        for program, times in took.items():
            env = clean(ALYA_HOME=str(work / "start-home"))
            (work / "start-home").mkdir(exist_ok=True)
            began = time.perf_counter()
            server = Server([str(program)], work, env)
            server.ask(INITIALIZE)
            if start:  # the first one unpacks
                times.append(1000 * (time.perf_counter() - began))
            server.close()
    own, other = (statistics.median(times) for times in took.values())
    print(f"      initialize: {own:.0f} ms, installed {other:.0f} ms: {own / other:.2f}", flush=True)
    assert own <= SLOWEST_START * other


def check_pictures(binary: Path, work: Path) -> None:
    """The binary and the wheel each install an engine without the network, and draw."""
    wheels = work / "wheels"
    listed = work / "engine.txt"
    python = work / "wheel" / "bin" / "python"
    listed.write_text(run([str(python.with_name("alya-mcp")), "engine", "requirements"], work).stdout)
    run([str(python), "-m", "pip", "download", "-q", "-r", str(listed), "-d", str(wheels)], work)
    for program, more in ((binary, ["--python", str(python)]), (python.with_name("alya-mcp"), [])):
        home = work / f"engine-home-{program.parent.name}"
        home.mkdir()
        env = clean(ALYA_HOME=str(home), ALYA_IMAGE_MODEL="sketch", ALYA_IMAGE_LINGER="0")
        env["PATH"] = os.defpath
        install = [str(program), "engine", "install", "--output", "json", "--wheels", str(wheels), *more]
        assert json.loads(run(install, work, env).stdout)["changed"]
        assert not json.loads(run(install[:5], work, env).stdout)["changed"]
        drawn = run([str(program), "call", "image_gen", "prompt=a red circle", "--output", "json"], work, env)
        answer = json.loads(drawn.stdout)[
            "structuredContent" if "structuredContent" in drawn.stdout else "content"
        ]
        assert "alya-sketch" in json.dumps(answer)
        files = list((home / "images").rglob("*.png"))
        assert [each.read_bytes()[:4] for each in files] == [b"\x89PNG"]
        status = json.loads(run([str(program), "engine", "status", "--output", "json"], work, env).stdout)
        print(
            f"      {program.parent.name}: torch {status['torch']}, {status['bytes'] / 1e9:.1f} GB",
            flush=True,
        )
        assert json.loads(run([str(program), "engine", "remove", "--output", "json"], work, env).stdout)[
            "removed"
        ]
        assert not (home / "engine").exists()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:  # in the namespace of check_read_only
        program, state = Path(sys.argv[2]), Path(sys.argv[3])
        bare_environment = {"ALYA_HOME": str(state)}
        drive([str(program)], state, bare_environment)
        commands(program, state, bare_environment, Path("/"))
        sys.exit()
    sys.exit(main())
