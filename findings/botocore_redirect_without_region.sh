#!/usr/bin/env bash
# boto3 and botocore 1.44.5, Python 3.11
#
# A server behind `endpoint_url` that answers an upload with a redirect and names no region (no x-amz-bucket-region), as
# a web server that isn't an S3 store does, isn't reported as a redirect. botocore's S3RegionRedirector asks for the
# bucket's region with a HEAD request, whose own redirect makes it ask again, until Python's recursion limit ends it.
#
# Seen: one put_object sends dozens of HEAD requests and raises RecursionError, not a ClientError.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet boto3==1.44.5 botocore==1.44.5
cat > "$folder/see.py" <<'PYTHON'
import collections
import http.server
import sys
import threading

import boto3
from botocore.config import Config

asked = collections.Counter()


class Redirects(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        asked[self.command] += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(307)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_PUT

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirects)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
    region_name="us-east-1",
    aws_access_key_id="key",
    aws_secret_access_key="secret",
    config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
)
try:
    client.put_object(Bucket="bucket", Key="a.txt", Body=b"x")
    raised = "nothing"
except BaseException as error:  # what kind it is, is the question
    raised = type(error).__name__
print("raised", raised, "after", asked["PUT"], "PUT and", asked["HEAD"], "HEAD requests")
sys.exit(0 if raised == "RecursionError" and asked["HEAD"] > 10 else 1)
PYTHON
"$folder/env/bin/python" "$folder/see.py"
