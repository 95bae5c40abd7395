"""`alya-mcp model accept`, and what comes before and after it."""

from command_line import Run


def test_a_model_is_pulled_only_after_its_licence_was_accepted(run: Run) -> None:
    refused = run("model", "pull", "flux2-klein-9b", HF_HUB_OFFLINE="1")
    assert refused.code == 1
    assert "alya-mcp model accept flux2-klein-9b" in refused.err
    accepted = run("model", "accept", "flux2-klein-9b", "--output", "json")
    assert (accepted.code, accepted.json["model"]) == (0, "FLUX.2-klein-9B")
    assert accepted.json["licence"] == "FLUX Non-Commercial License"
    offline = run("model", "pull", "flux2-klein-9b", HF_HUB_OFFLINE="1")
    assert offline.code == 1
    assert "HF_HUB_OFFLINE" in offline.err


def test_the_status_shows_each_known_models_licence(run: Run) -> None:
    shown = run("model", "status", "--output", "json", ALYA_IMAGE_MODELS="z-image-turbo").json["knownModels"]
    models = {each["setting"]: each for each in shown}
    assert models["flux2-klein-4b"]["licence"] == models["z-image-turbo"]["licence"] == "Apache-2.0"
    assert {name for name, each in models.items() if not each["accepted"]} == {"flux2-klein-9b"}
    assert {name for name, each in models.items() if each["enabled"]} == {"flux-schnell", "z-image-turbo"}
    assert not any(each["here"] for each in models.values())


def test_what_has_no_such_licence_is_wrong_usage_or_needs_nothing(run: Run) -> None:
    wrong = run("model", "accept", "owner/name")
    assert wrong.code == 2
    assert "flux2-klein-9b" in wrong.err
    free = run("model", "accept", "z-image-turbo")
    assert free.code == 0
    assert "needs no acceptance" in free.err
