"""Run real MCP hosts in front of this checkout's server, with a played model: run.py [HOST ...].

Each host is installed into a folder of its own under the user's cache, from PyPI or npm, and runs three
stories: a denial, an approval and a picture from a cold start; a picture that takes 75 s; one call of 75 s.
What was seen is kept beside it as JSON, and docs/hosts.md is written from all that was ever seen. Linux only;
needs Node 20 or later for hosts from npm.
"""

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from catalogue import HOSTS, Host
from examine import examine
from install import cache, install
from table import write_table

STORIES = ["usual", "slow", "limit"]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "hosts.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("host", nargs="*", metavar="HOST")
    parser.add_argument("--list", action="store_true", help="list the hosts, and what was seen last of each")
    parser.add_argument("--keep", action="store_true", help="keep each host's scratch folder, and name it")
    parser.add_argument("--upgrade", action="store_true", help="install the newest versions")
    parser.add_argument("--story", action="append", choices=STORIES, help="only this one; usual is needed")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="hosts that run at once")
    parser.add_argument("--table", action="store_true", help="write the table alone")
    options = parser.parse_args()
    if options.list:
        for each in HOSTS:
            print(f"{each.name:16}{each.title:28}{_seen(each)}")
        return 0
    unknown = set(options.host) - {each.name for each in HOSTS}
    if unknown:
        parser.error(f"no host {', '.join(sorted(unknown))}; --list names them")
    if options.story and "usual" not in options.story:
        parser.error("--story slow and limit hold the worker that usual starts; add --story usual")
    chosen = [each for each in HOSTS if not options.host or each.name in options.host]
    stories = [each for each in STORIES if not options.story or each in options.story]

    def one(host: Host) -> bool:
        return _one(host, stories, keep=options.keep, upgrade=options.upgrade)

    failed = 0
    if not options.table:
        with ThreadPoolExecutor(options.at_once) as pool:
            failed = sum(not good for good in pool.map(one, chosen))
    write_table(DOCUMENT, [(host, found) for host in HOSTS if (found := _result(host)) is not None])
    return 1 if failed else 0


def _one(host: Host, stories: list[str], *, keep: bool, upgrade: bool) -> bool:
    """Install and examine one host; what was seen is kept."""
    scratch = Path(tempfile.mkdtemp(prefix=f"{host.name}-"))
    try:
        version = install(host, upgrade=upgrade)
        seen = examine(host, version, scratch, stories)
    except Exception as error:  # noqa: BLE001 - one host's failure is its row
        print(f"{host.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    finally:
        if keep:
            print(f"{host.name}: kept in {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    before = _result(host) or {}
    _file(host).write_text(json.dumps({**before, **seen}, indent=1) + "\n")
    print(f"{host.name} {version}: {_summary(seen)}", flush=True)
    return True


def _file(host: Host) -> Path:
    return cache() / f"{host.name}.json"


def _result(host: Host) -> dict[str, Any] | None:
    """All that was seen of a host, each story when it was last told."""
    file = _file(host)
    return json.loads(file.read_text()) if file.exists() else None


def _seen(host: Host) -> str:
    result = _result(host)
    return "never run" if result is None else f"{result['version']} on {result['date']}"


def _summary(seen: dict[str, Any]) -> str:
    told: dict[str, bool] = {name: seen[name]["over"] for name in STORIES if name in seen}
    return ", ".join(f"{name} {'told' if over else 'cut short'}" for name, over in told.items())


if __name__ == "__main__":
    raise SystemExit(main())
