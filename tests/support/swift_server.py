"""OpenStack Swift with its S3 interface in one process.

Run by `s3_servers.swift` with Swift's own interpreter.
Arguments: data folder, secret key of the user test:tester, region.
"""

# ruff: noqa: E402
import sys

import eventlet

eventlet.monkey_patch()

import logging
from pathlib import Path

from eventlet import event, wsgi

FOLDER, SECRET, REGION = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
FILTERS = ["catch_errors", "gatekeeper", "cache", "listing_formats", "bulk", "s3api", "tempauth"]
FILTERS += ["slo", "dlo", "copy", "versioned_writes"]
DEFAULTS = f"""[DEFAULT]
swift_dir = {FOLDER}
devices = {FOLDER}/dev
mount_check = false
disable_fallocate = true
log_level = ERROR
recon_cache_path = {FOLDER}/cache
"""
FILTER_OPTIONS = {
    "cache": "memcache_servers = 127.0.0.1:1",
    "s3api": f"location = {REGION}",
    "tempauth": f"user_test_tester = {SECRET} .admin",
    "versioned_writes": "allow_versioned_writes = true",
}


def write(name: str, text: str) -> str:
    path = FOLDER / name
    path.write_text(text)
    return str(path)


(FOLDER / "dev" / "sda1").mkdir(parents=True)
(FOLDER / "cache").mkdir()
hash_file = write("swift.conf", "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n")

import swift.common.utils as swift_utils

swift_utils.SWIFT_CONF_FILE = hash_file
swift_utils.validate_hash_conf()

from swift.common import storage_policy
from swift.common.ring import RingBuilder
from swift.common.wsgi import SwiftHttpProtocol, loadapp


def serve(socket, app) -> None:
    quiet = logging.Logger("quiet", logging.CRITICAL + 1)
    eventlet.spawn(
        wsgi.server, socket, app, quiet, protocol=SwiftHttpProtocol, capitalize_response_headers=False
    )


storage = {name: eventlet.listen(("127.0.0.1", 0)) for name in ("account", "container", "object")}
for name, socket in storage.items():
    ip, port = socket.getsockname()
    builder = RingBuilder(3, 1, 0)
    builder.add_dev(
        {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "sda1", "meta": "", "ip": ip, "port": port}
        | {"replication_ip": ip, "replication_port": port}
    )
    builder.rebalance()
    builder.get_ring().save(str(FOLDER / f"{name}.ring.gz"))
storage_policy.reload_storage_policies()

for name, socket in storage.items():
    app = f"{name}-server"
    conf = f"{DEFAULTS}\n[pipeline:main]\npipeline = {app}\n\n[app:{app}]\nuse = egg:swift#{name}\n"
    serve(socket, loadapp(write(f"{name}.conf", conf), global_conf={"log_name": name}))

conf = f"{DEFAULTS}\n[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server\n"
conf += "\n[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
for name in FILTERS:
    egg = "memcache" if name == "cache" else name
    conf += f"\n[filter:{name}]\nuse = egg:swift#{egg}\n{FILTER_OPTIONS.get(name, '')}\n"
public = eventlet.listen(("127.0.0.1", 0))
serve(public, loadapp(write("proxy.conf", conf), global_conf={"log_name": "proxy"}))
sys.stderr.write(f"listening on http://127.0.0.1:{public.getsockname()[1]}\n")
event.Event().wait()
