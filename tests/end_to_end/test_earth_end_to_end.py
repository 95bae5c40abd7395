"""A tool of the earth, from the command line through a server and its gate to a source and back."""

import json
import subprocess
import sys
from pathlib import Path

import earth_answers as answers
import loopback_source
from raw_client import environment

TOOL = "alya_weather_now"


def test_the_weather_comes_through_the_gate(alya_home: Path) -> None:
    (alya_home / "policy.json").write_text(
        json.dumps({"version": "1", "default": "deny", "tools": {TOOL: {}}})
    )
    with loopback_source.running() as source:
        source.on("/v1/search", answers.places(answers.ISTANBUL))
        source.on("/v1/forecast", answers.open_meteo())
        urls = {f"ALYA_{name}_URL": source.url for name in ("OPEN_METEO", "OPEN_METEO_GEOCODING")}
        ended = subprocess.run(
            [sys.executable, "-m", "alya_mcp", "call", TOOL, "city=İstanbul", "--output", "json"],
            env=environment(alya_home, **urls),
            capture_output=True,
            timeout=120,
        )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)["structuredContent"]
    assert (answer["place"]["name"], answer["temperatureC"]) == ("İstanbul", 11.4)
    assert len(source.asked) == 2
