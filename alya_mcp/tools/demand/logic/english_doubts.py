"""What makes an English sentence that tells of demand doubtful, as patterns of folded text."""

from typing import Final

IDLE: Final = (
    (
        r"\bwish(?:es|ed|ing)? .{0,60}\b(?:luck|well|(?:the )?(?:very )?best(?: of luck)?"
        r"|happy|merry|a (?:good|nice|great|lovely) (?:day|evening|night|morning|weekend|week|time))\b"
    ),
    (
        r"\b(?:not|never|isn't|aren't|no longer)(?: (?:really|currently|actively|at all|necessarily))?"
        r" (?:looking|searching|hunting|in the market|asking for|after)\b"
    ),
    (
        r"\bfind (?:anything|any (?:answers?|info|information|documentation|docs|mention|reference|results?"
        r"|solutions?)|an answer|a solution|something|(?:the )?(?:cause|reason|error|bug))\b"
        r"(?= (?:about|on|regarding|related|to this|for this|to my|in the)|\W*$)"
    ),
    r"\b(?:dumb|stupid|silly|noob) question\b",
    (
        r"\b(?:love|like|happy|glad) to (?:have|see|hear|meet|chat|talk|get)\b.{0,40}\b(?:you|y'all"
        r"|meet-? ?ups?)\b"
    ),
    r"\b(?:looking|searching|hunting) for (?:someone|somebody|people|anyone|a person|candidates|partners?)\b",
    r"\b(?:2|two) cents\b",
    r"\bsubscribed? to(?=\W*$)",
    (
        r"\b(?:most|all|some|many|each|one|none) of (?:your|his|her|their|these|those|the) \w*(?:suggest"
        r"|recommend)"
    ),
    (
        r"^(?:any|other|any other|any more)(?: \w+)? (?:suggestions?|ideas?|tips|thoughts|recommendations?"
        r"|advice)\W*$"
    ),
    r"\bthere(?:'s| is) no way\b(?! to\b)",
    r"\bhad a (?:\w+ )?lack of\b",
    r"\bbought (?:his|her|their|your) \w+\b",
    (
        r"\bwish (?:i|we)(?:'d| had) (?:(?:never|not|only|just|also|already) )?(?!(?:need|feed|speed|seed)\b)"
        r"(?:\w+ed|\w+(?:ought|own|eft|earnt|pent|elt|ept)|taken|done|gone|been|begun|started|told"
        r"|read|got|put|seen"
        r"|made|given|met|sold|kept|held)\b"
    ),
    r"^(?:do|does|should|must|when do|why do|how do) (?:i|we)(?: (?:have|need) to)? pay\b.*\?",
)
"""What reads like demand and is none: good wishes, regrets, a search for a person, a bare question."""

BOUGHT_ONCE: Final = (
    (
        r"\b(?:bought|purchased|paid for)\b.{0,80}\b(?:and|but|then|which) (?:(?:it|he|she|they)(?:'s"
        r"|'ve|'d)? |(?:i|we)"
        r" |(?:still|now|never|then|hardly|barely) )?(?:\w+s|\w+ed|use|used|remember|stopped|gave"
        r"|quit|forgot|regret"
        r"|died|broke|paid|never|hardly|barely|still)\b"
    ),
    r"\b(?:bought|purchased|paid)\b.{0,60}\b(?:in (?:19|20)\d\d|(?:years|ages) ago|in (?:college|school))\b",
    (
        r"\b(?:the|that|this) (?:[\w-]+ ){1,4}(?:(?:i|we) (?:bought|purchased|paid for)|(?:i"
        r"|we)'(?:ve|d) bought)\b"
    ),
)
"""The speaker tells of a purchase that is over and how it went; no payment."""

NEGATED: Final = (
    (
        r"\b(?:wouldn't|would not|won't|will not|don't|do not|didn't|did not|never|not|can't|cannot"
        r"|haven't|isn't|ain't|nobody|no one|noone|hardly|refuse to|stopped|without|rather not"
        r"|no longer|cancell?ed|can't justify|quit|hate|instead of|why would (?:i|we|anyone|anybody)"
        r"|who would|not going to)(?: (?:ever|be|have|really|want|going|gonna|to|even|willing|happy"
        r"|ready|find it|worth|would|see myself|i'd|i|we)){0,5} (?:pay|pays|paid|paying|buy|buying"
        r"|bought|spend|spending|subscribe|subscribing|worth paying)\b"
    ),
)
"""The speaker doesn't pay, or wouldn't."""

ASKS_OTHERS: Final = (
    (
        r"\b(?:would|will|do|are|could|did|if) (?:you|anyone|anybody|people|users?|someone|y'all"
        r"|customers|they|businesses|devs|developers)(?: \w+){0,4} (?:pay|buy|paying|spend)\b.*\?"
    ),
    r"\bhow much (?:would|do|did|are|will) (?:you|people|users|y'all|they)\b",
)
"""A question to others about what they would pay, as makers of products ask."""

THIRD_PERSON: Final = (
    (
        r"\b(?:people|users?|companies|customers?|businesses|teams|they|everyone|many|plenty|lots"
        r"|developers|parents|teachers)(?: who)? (?:would|will|are|happily|gladly)(?: \w+){0,3} (?:pay"
        r"|spend|buy|paying)\b"
    ),
)
"""Somebody says it of others."""

SARCASTIC: Final = (
    r"(?:^|\s)/s\b|[😂🤣🙄]",
    r"\blol\b|\blmao\b|\brofl\b|\bhaha\w*|\bkidding\b",
    r"\byeah,? right\b|\bsaid no ?(?:one|body) ever\b|\boh (?:great|sure|joy|yeah)\b|\btotally not\b",
    r"\bas if\b(?=.*[!.]$)|\bsurely\b.*!|\bwhat could (?:possibly )?go wrong\b",
    r"\bjust what (?:i|we|the world) needed\b",
    (
        r"\b(?:pay|buy|subscribe|spend)\b.{0,40} to be (?:insulted|annoyed|tracked|spied|ignored|lied"
        r"|interrupted|watched"
        r"|nagged|scolded|locked|told off|laughed|yelled|shouted)\b"
    ),
    (
        r"\b(?:extra|more|again|twice) for the (?:privilege|pleasure|honou?r|bugs?|ads|crash\w*"
        r"|outages?|wait|spam|lag)\b"
    ),
)
"""Marks of irony."""

PROMOTES: Final = (
    (
        r"\b(?:i|we)(?:'ve| have| just|'m| am|'re| are)?(?: \w+){0,2}"
        r" (?:built|launched|released|founded|building|created|developed|made)\b"
        r"(?! (?:up my|sure|a mistake|it clear|the switch))"
    ),
    (
        r"\b(?:my|our) (?:new )?(?:startup|saas|product|app|tool|side[- ]project|project|platform|website"
        r"|service|extension|plugin)\b"
        r"(?=.{0,60}\b(?:is|does|can|lets|helps|offers|solves|launched|that|has|cost|starts)\b)"
    ),
    r"\bcheck (?:it |us |me )?out\b|\b(?:dm|pm) me\b|\bsign up (?:at|for|on|here)\b|\bfree trial\b",
    r"\b(?:use|with) (?:the |my )?(?:promo |discount |coupon )?code\b|\baffiliate\b|\breferral\b",
    r"\bdisclaimer\b|\bdisclosure\b|\bi work (?:for|at|on)\b",
    r"\bjoin (?:the|our) (?:waitlist|beta)\b|\bshow hn\b|\blaunch hn\b",
)
"""The speaker offers something."""
