"""Sentences as answers: the value in one that repeats the question as a statement ("There are 3 cars on the bridge").

Owns the statements that a question allows, as a table of question forms and what each may be answered with. Every word
of a sentence but the value's must be one of the statement's, in its place.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .question import Question

_THE = r'(?:the|this|that|these|those|his|her|its|their) '
_BE = r'(?:is|are|was|were)'
_PART = r' (?:of|in|on|at|between|from|to|for|by|with|that|which|shown|marked|depicted|written|printed)\b[^?]*'
_SUBJECT = rf"{_THE}(?P<s>[a-z][a-z' -]*?)"
_ABOUT = r' (?:say|read|show|display|have|cost|look like|made of)'
_WHAT = r'(?:what|which|who|where|how)(?: [a-z]+){0,3}?'
FORMS = (
    (rf'{_WHAT} (?:is|are|was|were|does|do|did) {_SUBJECT}(?P<more>{_PART})?(?:{_ABOUT})?',
     rf'{_THE}{{s}}(?:{{more}})? (?:is|are|was|were|says?|reads?|shows?) {{said}}'),
    (r'(?:what|which) (?P<n>[a-z]+(?: [a-z]+)?) (?:is|are|was|were|does|do|did|has|have|can|comes)\b.*',
     rf'{_THE}{{n}} {_BE} {{said}}'),
    (r'(?:what|who|which)(?: [a-z]+)? (?P<vp>(?:is|are|was|were|has|have|can) [^?,]+)(?:,[^?]*)?', r'{said} {vp}'),
    (rf'what(?: [a-z]+)? (?P<be>{_BE}) (?P<place>(?:on|in|under|behind|at|near|above|below|next to|inside) [^?]+)',
     r'there {be} {said} {place}'),
    (rf"what(?: [a-z]+)? (?P<be>{_BE}) {_THE}(?P<s>[a-z' -]+?) (?!doing\b)(?P<v>[a-z]+ing)(?P<more> [^?]*)?",
     rf"(?:{_THE}{{s}}|he|she|it|they)(?: {{be}}|'s|'re) {{v}} {{said}}(?:{{more}})?"),
    (rf"what (?P<be>{_BE}) {_THE}(?P<s>[a-z' -]+?) doing(?P<more> [^?]*)?",
     rf"(?:{_THE}{{s}}|he|she|it|they)(?: {{be}}|'s|'re) {{said}}(?:{{more}})?"),
    (rf'how many (?P<n>[a-z -]+?) (?P<vp>{_BE}(?: there)?(?P<more> [^?]*)?)',
     rf'there {_BE} {{said}}(?:{{more}})?', rf'(?P<said>.+ {{n}}) {_BE}{{more}}'),
    (rf"how many (?P<n>[a-z -]+?) (?:do|does|did) {_THE}(?P<s>[a-z' -]+?) have(?P<more> [^?]*)?",
     rf'(?:{_THE}{{s}}|it|he|she|they) (?:has|have|had) {{said}}(?:{{more}})?'),
    (rf'what (?:is|was) {_THE}(?:[a-z]+ ){{0,3}}?of (?P<s>[A-Z]{{2,3}})', r'{s} ?= ?{said}'),
    (rf'what (?:is|was) {_THE}(?:(?P<n>[a-z]+) )?number(?: [^?]*)?', r'(?:{n} )?(?:number |no\. ?|# ?)?{said}'),
    (r'what number .*', r'(?:number |no\. ?|# ?){said}'),
)  # fmt: skip
"""Form of a question → the statements it allows; `{name}` stands for what the question's group of that name took."""
_ALWAYS = (
    r"(?:it|this|that|they|these|those|he|she)(?:'s|'re| is| are| was| were) (?P<said>.+)",
    r'(?:it|the (?:sign|text|label|plate|board|display|title)) (?:says|reads|shows) (?P<said>.+)',
)
_COUNTED = r'there (?:is|are|was|were) (?P<said>.+)'
_LAST_QUESTION = re.compile(r'[^.?!\n]{1,200}(?=\?)')


def said_in(question: Question, answer: str) -> str | None:
    """What a sentence says of the question's subject ("It is black", "The dog is sleeping"), or None."""
    asked = _LAST_QUESTION.search(question.plain)
    for statement in statements(asked.group().strip() if asked else '', question.asks_count):
        found = statement.fullmatch(answer)
        if found is not None:
            return found['said']
    return None


@lru_cache(maxsize=1024)
def statements(asked: str, counts: bool) -> tuple[re.Pattern[str], ...]:
    """The statements that answer a question; the group `said` is the answer proper."""
    found = []
    for form, *allowed in FORMS:
        match = re.fullmatch(form, asked, re.IGNORECASE)
        if match is not None:
            parts = {name: re.escape(part or '') for name, part in match.groupdict().items()}
            found += [one.format(said='(?P<said>.+?)', **parts) for one in allowed]
    found += [*_ALWAYS, *[_COUNTED] * counts]
    return tuple(re.compile(one, re.IGNORECASE | re.DOTALL) for one in found)
