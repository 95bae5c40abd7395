"""What a client's configuration leaves in the environment: nothing, blanks, its own placeholders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alya_mcp.settings import Settings, SettingsError, tidy

READ = ("ALYA_S3_BUCKET", "AWS_PROFILE", "HF_HOME", "XDG_CACHE_HOME", "HTTPS_PROXY", "all_proxy", "HOME")
PLACEHOLDERS = ("${user_config.x}", "${VAR}", "${env:X}", "${input:x}")


@pytest.mark.parametrize("nothing", ["", " ", "\r\n", "\ufeff"])
def test_a_variable_set_to_nothing_is_taken_out(nothing: str) -> None:
    variables = dict.fromkeys(READ, nothing)
    assert tidy(variables) == {}
    assert variables == {}


def test_no_gpu_and_what_others_read_stay() -> None:
    others = {"CUDA_VISIBLE_DEVICES": "", "NO_COLOR": "", "PS1": "${debian_chroot}", "PATH": " /bin"}
    variables = dict(others)
    assert tidy(variables) == {}
    assert variables == others


@pytest.mark.parametrize("around", ["{}\r", "{}\r\n", " {}", "\t{} ", "\ufeff{}"])
def test_blanks_and_line_ends_around_a_value_are_taken_off(around: str) -> None:
    variables = {"AWS_SESSION_TOKEN": around.format("a token"), "HF_TOKEN": around.format("hf_x")}
    assert tidy(variables) == {}
    assert variables == {"AWS_SESSION_TOKEN": "a token", "HF_TOKEN": "hf_x"}


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_counts_as_unset_and_is_told(text: str) -> None:
    variables = dict.fromkeys(READ, f" {text} ")
    assert tidy(variables) == dict.fromkeys(READ, text)
    assert variables == {}


def test_the_default_within_a_placeholder_is_not_told() -> None:
    assert tidy({"ALYA_BRAVE_KEY": "${KEY:-the-secret}"}) == {"ALYA_BRAVE_KEY": "${KEY}"}


@pytest.mark.parametrize("variable", ["ALYA_HOME", "ALYA_POLICY", "ALYA_GRANT"])
@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_what_decides_over_calls_is_unset_only_by_an_empty_field_of_a_bundle(
    tmp_path: Path, variable: str, text: str
) -> None:
    """Without the grant or the policy that was meant, a call might be allowed more than it should be."""
    variables = {"ALYA_HOME": str(tmp_path), variable: text}
    if text == "${user_config.x}":
        settings = Settings.from_environment(variables)
        assert (settings.policy, settings.grant) == (None, None)
    else:
        assert tidy(dict(variables)) == {}, "it is refused, and doesn't count as unset"
        with pytest.raises(SettingsError, match=variable):
            Settings.from_environment(variables)


def test_a_placeholder_within_a_value_can_not_be_used(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ALYA_S3_PREFIX"):
        Settings.from_environment({"ALYA_HOME": str(tmp_path), "ALYA_S3_PREFIX": "images/${USER}"})


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "HF_HUB_DOWNLOAD_TIMEOUT"])
def test_a_library_sees_the_default_too(tmp_path: Path, variable: str) -> None:
    show = (
        "from alya_mcp.images.library_environment import tell_libraries; tell_libraries();"
        "import huggingface_hub.constants as c; print(c.HF_HUB_CACHE, c.HF_HUB_DOWNLOAD_TIMEOUT)"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    told = subprocess.run(
        [sys.executable, "-c", show],
        env={**clean, "HOME": str(tmp_path), variable: ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(tmp_path / ".cache" / "huggingface" / "hub"), "10"]
