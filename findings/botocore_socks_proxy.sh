#!/usr/bin/env bash
# boto3 and botocore 1.44.5, Python 3.11
#
# A SOCKS proxy in HTTPS_PROXY or HTTP_PROXY isn't refused by botocore: it puts "http://" before the address, so that the
# proxy's host becomes "socks5". The error then names an address that stands in no setting.
#
# Seen: the error of any request contains "http://socks5://127.0.0.1:9".
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet boto3==1.44.5 botocore==1.44.5
cat > "$folder/see.py" <<'PYTHON'
import sys

import boto3
from botocore.config import Config

client = boto3.client(
    "s3",
    endpoint_url="http://store.invalid",
    region_name="us-east-1",
    aws_access_key_id="key",
    aws_secret_access_key="secret",
    config=Config(retries={"total_max_attempts": 1}),
)
try:
    client.list_buckets()
    told = ""
except Exception as error:
    told = f"{type(error).__name__}: {error}"
print(told)
sys.exit(0 if "http://socks5://127.0.0.1:9" in told else 1)
PYTHON
env -u NO_PROXY -u no_proxy HTTP_PROXY=socks5://127.0.0.1:9 http_proxy=socks5://127.0.0.1:9 \
  "$folder/env/bin/python" "$folder/see.py"
