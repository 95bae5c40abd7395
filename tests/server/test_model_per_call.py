"""A call that chooses its model: drawn, remembered and told with it, refused where it isn't enabled."""

from pathlib import Path
from typing import Any

from gallery import Gallery
from raw_client import RawClient, environment

PATIENCE = 180


def call(client: RawClient, **arguments: Any) -> dict[str, Any]:
    asked = client.post("tools/call", {"name": "image_gen", "arguments": {"wait": 600, **arguments}})
    return client.answer(asked, PATIENCE)["result"]


def test_a_call_draws_with_the_model_that_it_chooses(
    gallery: Gallery, tiny_klein: Path, tmp_path: Path
) -> None:
    variables = gallery.variables(ALYA_IMAGE_MODELS=f"{tiny_klein}, flux2-klein-4b", HF_HOME=str(tmp_path))
    seed = gallery.seed()
    asked = {"prompt": "a red circle", "seed": seed, "steps": 1}
    with RawClient(environment(gallery.home, **variables), tmp_path / "stderr") as client:
        client.initialize()
        first = call(client, **asked)["structuredContent"]
        chosen = call(client, model="tiny-klein", **asked)["structuredContent"]
        assert (first["model"], chosen["model"]) == (Path(gallery.model).name, "tiny-klein")
        assert chosen["sha256"] != first["sha256"]
        again = call(client, model="tiny-klein", **asked)["structuredContent"]
        assert (again["repeated"], again["sha256"]) == (True, chosen["sha256"])
        assert call(client, **asked)["structuredContent"]["sha256"] == first["sha256"]

        other = call(client, model="z-image-turbo", **asked)
        assert other["isError"]
        assert "alya-mcp model pull z-image-turbo" in other["content"][0]["text"]
        assert str(tiny_klein.parent) not in other["content"][0]["text"]

        parts = client.call("alya_status")["result"]["structuredContent"]["parts"]
        said = {part["part"]: part["detail"] for part in parts}
        assert (
            "A call may choose with model: the local folder 'tiny-klein', 'flux2-klein-4b'" in said["model"]
        )
        loaded = said["engine"].partition(" are loaded and ready")[0].split(" and ")
        assert {"tiny-klein", Path(gallery.model).name} <= set(loaded)
