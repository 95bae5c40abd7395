"""Every environment variable that alya-mcp reads, as one typed value."""

import difflib
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Self, cast, get_args
from urllib.parse import urlsplit

from alya_mcp.runtime.environment import holds_placeholder, placeholder, tidy
from alya_mcp.runtime.paths import expanded
from alya_mcp.settings.notifiers import NOTIFIERS, NotifyName, notify_names
from alya_mcp.settings.precisions import REQUESTED, Requested
from alya_mcp.settings.providers import SOURCES, agent_card

EngineName = Literal["local", "ray"]
Encryption = Literal["AES256", "aws:kms"]
ModelKind = Literal["openai", "anthropic", "ollama"]

_VARIABLES = {
    "home": "ALYA_HOME",
    "policy": "ALYA_POLICY",
    "grant": "ALYA_GRANT",
    "audit_keep_days": "ALYA_AUDIT_KEEP_DAYS",
    "image_model": "ALYA_IMAGE_MODEL",
    "image_engine": "ALYA_IMAGE_ENGINE",
    "image_precision": "ALYA_IMAGE_PRECISION",
    "image_warm": "ALYA_IMAGE_WARM",
    "image_memory": "ALYA_IMAGE_MEMORY",
    "image_idle": "ALYA_IMAGE_IDLE",
    "image_linger": "ALYA_IMAGE_LINGER",
    "image_deadline": "ALYA_IMAGE_DEADLINE",
    "ray_url": "ALYA_RAY_URL",
    "ray_token": "ALYA_RAY_TOKEN",
    "s3_bucket": "ALYA_S3_BUCKET",
    "s3_endpoint_url": "ALYA_S3_ENDPOINT_URL",
    "s3_region": "ALYA_S3_REGION",
    "s3_prefix": "ALYA_S3_PREFIX",
    "s3_public_url": "ALYA_S3_PUBLIC_URL",
    "s3_sse": "ALYA_S3_SSE",
    "s3_kms_key": "ALYA_S3_KMS_KEY",
    "contact": "ALYA_CONTACT",
    "web_ddgs": "ALYA_WEB_DDGS",
    "web_keyless": "ALYA_WEB_KEYLESS",
    "llm_kind": "ALYA_LLM_KIND",
    "llm_model": "ALYA_LLM_MODEL",
    "ask_model": "ALYA_ASK_MODEL",
    "video_voice": "ALYA_VIDEO_VOICE",
    "video_voice_command": "ALYA_VIDEO_VOICE_COMMAND",
    "video_font": "ALYA_VIDEO_FONT",
    "a2a_agents": "ALYA_A2A_AGENTS",
    "notify": "ALYA_NOTIFY",
    "notify_arguments": "ALYA_NOTIFY_ARGUMENTS",
    "telegram_chat": "ALYA_TELEGRAM_CHAT",
    "slack_channel": "ALYA_SLACK_CHANNEL",
    "slack_user": "ALYA_SLACK_USER",
    "youtube_daily_searches": "ALYA_YOUTUBE_DAILY_SEARCHES",
    "youtube_daily_uploads": "ALYA_YOUTUBE_DAILY_UPLOADS",
    "youtube_daily_units": "ALYA_YOUTUBE_DAILY_UNITS",
}
_SERVICES = SOURCES | NOTIFIERS
_SOURCE_URLS = {source.variable: source.key for source in _SERVICES.values()}
_SOURCE_SECRETS = tuple(variable for source in _SERVICES.values() for variable in source.keys)
_MAX_SECONDS = 604_800
_LONGEST_PREFIX = 900
"""Bytes: a key has at most 1024."""
_SECRET = frozenset({"grant", "ray_token"})
_HIDDEN = "(set, hidden)"
_HOLD_SECRETS = (
    "AWS_SECRET_ACCESS_KEY",
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "ALYA_GRANT",
    "ALYA_RAY_TOKEN",
)
_ALL_SECRETS = (*_HOLD_SECRETS, *_SOURCE_SECRETS)
_SHORTEST_SECRET = 8
_SHOWN_BY_LINKS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "ALYA_S3_BUCKET",
    "ALYA_S3_ENDPOINT_URL",
    "ALYA_S3_PREFIX",
    "ALYA_S3_PUBLIC_URL",
)
_IN_EVERY_LINK = (
    "amazonaws.com X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential= aws4_request X-Amz-Date= "
    "X-Amz-Expires= X-Amz-SignedHeaders=host X-Amz-Security-Token= X-Amz-Signature="
)
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


class SettingsError(ValueError):
    """An environment variable holds a value that alya-mcp can't use. Its text is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment asks for; see docs/configuration.md for each variable.

    `home` is the folder of all state. `policy` is a policy file or None for the search order of the gate.
    `grant` is a grant's token, a secret. `audit_keep_days` is how many days of audit files are kept, None for
    all. `image_model` is `auto`, `flux-schnell`, `sketch`, a local folder
    or a hub id. `image_memory` is the most GPU memory that the image worker may take, in bytes, None for all
    that is free. `image_idle` is the seconds without work after which the image worker ends, 0 for never;
    `image_linger` those for which it stays, with the model loaded, after its last server has gone;
    `image_deadline` those that a picture may take, waiting and drawing but not loading. The `s3_*` values
    are None when the variable is unset or empty. `s3_public_url` is the address that links show, where
    it isn't that of uploads; `s3_sse` the encryption that uploads ask for, `s3_kms_key` its key.
    `ray_url` is where the Ray application answers, `ray_token` its token, a secret; None likewise.
    `contact` is an address that outside services are told. `web_ddgs` lets the web be searched through ddgs,
    `web_keyless` through Tavily without a key.
    `llm_kind` is how the language model `llm_model` is spoken to; without a name there is none. `ask_model`
    is the folder of a model that answers on this machine, `a2a_agents` where the cards of agents are.
    `notify` are the ways by which questions are sent to the user, `notify_arguments` whether with the
    arguments; `telegram_chat`, `slack_channel` and `slack_user` say to whom.
    `youtube_daily_*` are the most requests to YouTube that search, those that begin an upload, and the most
    units of all others, between two midnights of Pacific time.
    `video_voice` is who speaks in videos: `auto`, `off`, or the path of a Piper voice; `video_voice_command`
    a program of the user's that does instead; `video_font` the font of videos, None for the bundled one.
    `source_urls` has the addresses that the user set for outside services, by the service's key, those
    cards' included; `source_secrets` their secrets, by the variable's name.
    """

    home: Path
    policy: Path | None = None
    grant: str | None = None
    audit_keep_days: int | None = None
    image_model: str = "auto"
    image_engine: EngineName = "local"
    image_precision: Requested = "auto"
    image_warm: bool = False
    image_memory: int | None = None
    image_idle: float = 900
    image_linger: float = 120
    image_deadline: float = 600
    ray_url: str | None = None
    ray_token: str | None = None
    s3_bucket: str | None = None
    s3_endpoint_url: str | None = None
    s3_region: str | None = None
    s3_prefix: str = ""
    s3_public_url: str | None = None
    s3_sse: Encryption | None = None
    s3_kms_key: str | None = None
    contact: str | None = None
    web_ddgs: bool = False
    web_keyless: bool = True
    llm_kind: ModelKind = "openai"
    llm_model: str | None = None
    ask_model: Path | None = None
    a2a_agents: tuple[str, ...] = ()
    notify: tuple[NotifyName, ...] = ()
    notify_arguments: bool = True
    telegram_chat: str | None = None
    slack_channel: str | None = None
    slack_user: str | None = None
    youtube_daily_searches: int = 100
    youtube_daily_uploads: int = 100
    youtube_daily_units: int = 10_000
    video_voice: str = "auto"
    video_voice_command: str | None = None
    video_font: Path | None = None
    source_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    source_secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings from `environment` (the process's own when None).

        Raises:
            SettingsError: naming every variable with an unusable value, and what it takes.
        """
        source = dict(os.environ if environment is None else environment)
        tidy(source)
        given = {field: source[name] for field, name in _VARIABLES.items() if name in source}
        problems = _unfilled(given)
        home = expanded(given["home"]) if "home" in given else _platform_home()
        if not home.is_absolute():
            found = repr(str(home)) if "home" in given else "unset, and there is no home folder"
            problems.append(f"ALYA_HOME is {found}; it takes an absolute path")
        policy = expanded(given["policy"]) if "policy" in given else None
        if policy is not None and not policy.is_absolute():
            problems.append(f"ALYA_POLICY is {str(policy)!r}; it takes an absolute path")
        keep_days = given.get("audit_keep_days")
        if keep_days is not None and not re.fullmatch(r"[1-9][0-9]{0,4}", keep_days):
            problems.append(
                f"ALYA_AUDIT_KEEP_DAYS is {keep_days!r}; it takes a whole number of days from 1 on"
            )
        engine = given.get("image_engine", "local")
        if engine not in get_args(EngineName):
            problems.append(f"ALYA_IMAGE_ENGINE is {engine!r}; it takes {_choices(EngineName)}")
        precision = given.get("image_precision", "auto")
        if precision not in REQUESTED:
            problems.append(f"ALYA_IMAGE_PRECISION is {precision!r}; it takes {_choices(Requested)}")
        warm = _flag("image_warm", "0", given, problems)
        model = given.get("image_model", "auto")
        if model.startswith("~") and not expanded(model).is_absolute():
            problems.append(f"ALYA_IMAGE_MODEL is {model!r}; there is no user of that name here")
        if "random:" in model:
            problems.append("ALYA_IMAGE_MODEL asks for random weights, which only 'model bench' draws with")
        memory = _gigabytes("image_memory", given, problems)
        idle = _seconds("image_idle", 900, 0, given, problems)
        linger = _seconds("image_linger", 120, 0, given, problems, zero="to end with the last server")
        deadline = _seconds("image_deadline", 600, 1, given, problems)
        endpoint = _web_address("s3_endpoint_url", "https://s3.example.org", given, problems)
        public = _web_address("s3_public_url", "https://pictures.example.org", given, problems)
        encryption = given.get("s3_sse")
        if encryption is not None and encryption not in get_args(Encryption):
            problems.append(f"ALYA_S3_SSE is {encryption!r}; it takes {_choices(Encryption)}")
        if "s3_kms_key" in given and encryption != "aws:kms":
            problems.append("ALYA_S3_KMS_KEY is set; it takes effect only with ALYA_S3_SSE=aws:kms")
        problems += _prefix_problems(given.get("s3_prefix", ""))
        ray_url = _web_address("ray_url", "http://head:8000", given, problems)
        contact = _contact(given, problems)
        ddgs = _flag("web_ddgs", "0", given, problems)
        keyless = _flag("web_keyless", "1", given, problems)
        kind = given.get("llm_kind", "openai")
        if kind not in get_args(ModelKind):
            problems.append(f"ALYA_LLM_KIND is {kind!r}; it takes {_choices(ModelKind)}")
        ask_model = expanded(given["ask_model"]) if "ask_model" in given else None
        if ask_model is not None and not ask_model.is_absolute():
            problems.append(f"ALYA_ASK_MODEL is {str(ask_model)!r}; it takes the absolute path of a folder")
        voice, voice_command, font = _video(given, problems)
        agents = _agents(given, problems)
        notify = notify_names(given.get("notify", ""), source, problems)
        notify_arguments = _flag("notify_arguments", "1", given, problems)
        searches = _count("youtube_daily_searches", 100, given, problems)
        uploads = _count("youtube_daily_uploads", 100, given, problems)
        units = _count("youtube_daily_units", 10_000, given, problems)
        source_urls = _source_urls(source, problems) | {agent_card(agent).key: agent for agent in agents}
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(
            home=home,
            policy=policy,
            grant=given.get("grant"),
            audit_keep_days=None if keep_days is None else int(keep_days),
            image_model=model,
            image_engine=cast("EngineName", engine),
            image_precision=cast("Requested", precision),
            image_warm=warm,
            image_memory=memory,
            image_idle=idle,
            image_linger=linger,
            image_deadline=deadline,
            ray_url=ray_url,
            ray_token=given.get("ray_token"),
            s3_bucket=given.get("s3_bucket"),
            s3_endpoint_url=endpoint,
            s3_region=given.get("s3_region"),
            s3_prefix=given.get("s3_prefix", "").strip("/"),
            s3_public_url=public,
            s3_sse=cast("Encryption | None", encryption),
            s3_kms_key=given.get("s3_kms_key"),
            contact=contact,
            web_ddgs=ddgs,
            web_keyless=keyless,
            llm_kind=cast("ModelKind", kind),
            llm_model=given.get("llm_model"),
            ask_model=ask_model,
            a2a_agents=agents,
            notify=notify,
            notify_arguments=notify_arguments,
            telegram_chat=given.get("telegram_chat"),
            slack_channel=given.get("slack_channel"),
            slack_user=given.get("slack_user"),
            youtube_daily_searches=searches,
            youtube_daily_uploads=uploads,
            youtube_daily_units=units,
            video_voice=voice,
            video_voice_command=voice_command,
            video_font=font,
            source_urls=source_urls,
            source_secrets={v: source[v] for v in _SOURCE_SECRETS if v in source},
        )

    @property
    def state_file(self) -> Path:
        """The database of what outlives a call."""
        return self.home / "state.sqlite"

    @property
    def audit_folder(self) -> Path:
        """The audit log."""
        return self.home / "audit"

    @property
    def stop_file(self) -> Path:
        """The file whose presence stops every call."""
        return self.home / "stopped"

    def describe(self) -> dict[str, str | None]:
        """Each variable with its value as text, secrets masked, None when unset."""
        described: dict[str, str | None] = {}
        for each in fields(self):
            if each.name not in _VARIABLES:
                continue
            value = getattr(self, each.name)
            if isinstance(value, tuple):
                value = " ".join(cast("tuple[str, ...]", value)) or None
            secret = each.name in _SECRET and value is not None
            described[_VARIABLES[each.name]] = _HIDDEN if secret else None if value is None else str(value)
        described |= {variable: self.source_urls.get(key) for variable, key in _SOURCE_URLS.items()}
        return described | {v: _HIDDEN if v in self.source_secrets else None for v in _SOURCE_SECRETS}


def secret_words(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The secrets that `environment` (the process's own when None) holds and nothing may show.

    One of fewer than 8 characters is left out: to hide it would garble ordinary text. So is one that stands
    in every link to a picture (see `secrets_in_links`): to hide it would break the link.
    """
    source = os.environ if environment is None else environment
    in_links = secrets_in_links(source)
    held = (source.get(name, "").strip() for name in _ALL_SECRETS if name not in in_links)
    return tuple(secret for secret in held if len(secret) >= _SHORTEST_SECRET)


def secrets_in_links(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables whose secret also stands in what every S3 link shows, such as the access key id."""
    if not environment.get("ALYA_S3_BUCKET", "").strip():
        return ()
    shown = "\n".join((_IN_EVERY_LINK, *(environment.get(name, "") for name in _SHOWN_BY_LINKS)))
    held = ((name, environment.get(name, "").strip()) for name in _ALL_SECRETS)
    return tuple(name for name, secret in held if secret and secret in shown)


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str | None]:
    """The `ALYA_*` variables that nothing reads, each with the nearest known name or None."""
    known = {*_VARIABLES.values(), *_SOURCE_URLS, *_SOURCE_SECRETS}
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1)), None)
        for name in sorted(environment)
        if name.startswith("ALYA_") and name not in known
    }


def _platform_home() -> Path:
    """The platform's folder for data; a relative path for a user without a home folder."""
    from platformdirs import user_data_path

    try:
        return user_data_path("alya-mcp", appauthor=False)
    except RuntimeError:
        return expanded("~")


def _unfilled(given: dict[str, str]) -> list[str]:
    """Take what holds a placeholder out of `given`; a problem with each, since it doesn't count as unset."""
    problems: list[str] = []
    for key, text in list(given.items()):
        name, left = _VARIABLES[key], placeholder(text)
        if left is not None:
            problems.append(
                f"{name} is the placeholder {left}, which the client didn't fill in. It decides what calls "
                "may do, so it isn't ignored: fill it in, or take it out of the client's configuration"
            )
        elif holds_placeholder(text) and key not in _SECRET:
            problems.append(f"{name} is {text!r:.120}, with a placeholder that the client didn't fill in")
        else:
            continue
        del given[key]
    return problems


def _choices(literal: object) -> str:
    return ", ".join(get_args(literal))


def _seconds(
    field: str,
    default: int,
    least: int,
    given: Mapping[str, str],
    problems: list[str],
    *,
    zero: str = "for never",
) -> int:
    text = given.get(field, str(default))
    if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= _MAX_SECONDS:
        return int(text)
    takes = f"a whole number of seconds from {least} to {_MAX_SECONDS}" + ("" if least else f", 0 {zero}")
    problems.append(f"{_VARIABLES[field]} is {text!r}; it takes {takes}")
    return default


def _count(field: str, default: int, given: Mapping[str, str], problems: list[str]) -> int:
    text = given.get(field, str(default))
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    problems.append(f"{_VARIABLES[field]} is {text!r}; it takes a whole number from 0 on")
    return default


def _flag(field: str, default: str, given: Mapping[str, str], problems: list[str]) -> bool:
    value = given.get(field, default).lower()
    if value not in _FLAGS:
        problems.append(f"{_VARIABLES[field]} is {value!r}; it takes 1 or 0")
    return _FLAGS.get(value, False)


def _gigabytes(field: str, given: Mapping[str, str], problems: list[str]) -> int | None:
    text = given.get(field)
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) and float(text) >= 1:
        return int(float(text) * 1e9)
    problems.append(f"{_VARIABLES[field]} is {text!r}; it takes gigabytes from 1 on, such as 12 or 7.5")
    return None


def _web_address(field: str, example: str, given: Mapping[str, str], problems: list[str]) -> str | None:
    text = given.get(field)
    if text is not None:
        problems += _address_problems(_VARIABLES[field], text, example)
    return text


def _address_problems(variable: str, text: str, example: str) -> list[str]:
    if "@" in text:
        return [f"{variable} holds a name or a password; it takes an address without them"]
    if not _is_web_address(text):
        return [f"{variable} is {text!r}; it takes a web address such as {example}"]
    return []


def _prefix_problems(prefix: str) -> list[str]:
    if {".", ".."} & set(prefix.split("/")):
        takes = "no segment . or .., since browsers take these out of a link, and it no longer opens"
        return [f"ALYA_S3_PREFIX is {prefix!r:.120}; it takes {takes}"]
    if len(prefix.encode()) > _LONGEST_PREFIX:
        return [f"ALYA_S3_PREFIX has {len(prefix.encode())} bytes; it takes at most {_LONGEST_PREFIX}"]
    return []


def _source_urls(environment: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, key in _SOURCE_URLS.items():
        if text := environment.get(variable):
            problems += _address_problems(variable, text, _SERVICES[key].url or "http://127.0.0.1:8888")
            found[key] = text
    return found


def _agents(given: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    urls = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", given.get("a2a_agents", "")))))
    for url in urls:
        problems += _address_problems("ALYA_A2A_AGENTS", url, "https://a.example/.well-known/agent-card.json")
    return urls


def _video(given: Mapping[str, str], problems: list[str]) -> tuple[str, str | None, Path | None]:
    voice = given.get("video_voice", "auto")
    if voice not in {"auto", "off"}:
        path = expanded(voice)
        voice = str(path)
        if not path.is_absolute() or path.suffix != ".onnx":
            takes = "auto, off, or the absolute path of a Piper voice, an .onnx file"
            problems.append(f"ALYA_VIDEO_VOICE is {voice!r}; it takes {takes}")
    command = given.get("video_voice_command")
    try:
        if command is not None and not shlex.split(command):
            raise ValueError("it is empty")
    except ValueError as error:
        problems.append(f"ALYA_VIDEO_VOICE_COMMAND is {command!r:.120}, which is not a command line: {error}")
    font = expanded(given["video_font"]) if "video_font" in given else None
    if font is not None and not font.is_absolute():
        problems.append(f"ALYA_VIDEO_FONT is {str(font)!r}; it takes the absolute path of a font file")
    return voice, command, font


def _contact(given: Mapping[str, str], problems: list[str]) -> str | None:
    text = given.get("contact")
    if text is not None and not re.fullmatch(r"[!-~]{3,200}", text):
        problems.append(f"ALYA_CONTACT is {text!r}; it takes an e-mail or a web address of yours")
    return text


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
