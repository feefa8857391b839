"""What a question says of its answer: what is counted, which unit, in which order, between which alternatives.

Owns the reading of questions. Wordings are closed lists; a question that fits none of them tells nothing, and what
follows from it is then left to the judge.
"""

from __future__ import annotations

import re
from functools import cached_property

from .numerals import SCALES
from .text import layout, normal, words
from .units import Dimension, Unit, asked_unit, unit_of
from .words import ARTICLES

LONGEST_CHARS = 8000
"""Of a question, its options included; what is longer is not looked at."""
_END_CHARS = 1000


def _wording(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_COUNT = _wording(r'\bhow many\b|\bnumber of\b|\bcount\b|几|多少(?:个|只|人|条|辆|张|位|本)')
_COUNTED = _wording(
    r"\bhow many ((?:[a-z'-]+ ){0,5}?[a-z'-]+)(?=\s*(?:\?|\Z)|"
    r' (?:are|is|do|does|did|can|could|have|has|were|was|will|would|in|on|at|with|there)\b)'
)
_NUMBER_OF = _wording(r"\bnumber of ((?:[a-z'-]+ ){0,3}?[a-z'-]+)(?=\s*(?:\?|\Z)| (?:in|on|at|with)\b)")
_NOT_COUNTED = frozenset(['than', 'and', 'or', 'more', 'fewer', 'less', 'of', 'the', 'percent', 'much', 'times'])
_PERCENT = _wording(r'(?<!\d)(?<!\d )(?:%|\bper ?cent\w*)|百分(?!之[\d一二三四五六七八九十])')
"""A percentage is asked for; one that the question itself names ("15% of 200") is none."""
_SHARE = _wording(_PERCENT.pattern + r'|\b(?:probability|chance|fraction|share|proportion|rate)\b|概率|比例')
_MONEY = _wording(r'\b(?:cost|price|pay|paid|how much|amount|total|fee|salary)\b|多少钱|价格')
_DATE = _wording(r'\bdates?\b|\bwhen\b|\bwhat day\b|\bday/month|month/day|\bbirthday|\bexpir|日期')
_PRINTED = _wording(
    r'\b(?:printed|badge|seat|apartment|flat|locker|'
    r'plate|jersey|phone|serial|code|id|identifier|room|house number|version|section|chapter|page|'
    r'score|'
    r'password|post ?code|zip|postal|platform|gate|bus|route|track|line|channel|flight|'
    r'e-?mail|address|url|website|user ?name|handle|isbn|model number|blood pressure|time signature|acuity|'
    r'dimensions?|resolution|aspect ratio|odds|scale)\b|号码|编号|版本|比分'
)
_RATIO = _wording(r'\bratio\b|\bodds\b|\bscale\b|比例|之比')
_VERSION = _wording(r'\bversion|\bsection\b|\bchapter\b|\brelease\b|版本')
_FORM = _wording(
    r'\b(?:simplif\w*|simplest|lowest terms|reduced|factor\w*|factoris\w*|expand\w*|expanded|convert\w*|'
    r'as a (?:decimal|fraction|percentage|'
    r'mixed number)|decimal (?:form|number)|in terms of \$?\\?(?:pi|π|sin|cos|tan|log|ln)|'
    r'scientific notation|decimal places?|'
    r'significant (?:figures|digits)|'
    r'standard form|round\w*)\b|化简|因式分解|展开|最简'
)
_SHAPE = _wording(
    r'\b(?:write(?! down)|rewrite|express|transcribe|spell|convert|change|rationali[sz]e|abbreviate|'
    r'fill in|complete|correct) |'
    r'\b(?:written|printed|transcribed)\b|'
    r'\bwhat\b.{0,60}? (?:does|do|did) .{1,60}? (?:say|read)\b|'
    r'\b(?:equation|formula|expression)\b.{0,20}\bshown\b|'
    r'\bwhat (?:equation|formula|expression|text|words?) is (?:in|on)\b|'
    r'\bin (?:words|digits|figures|numerals|full)\b|\bnot a (?:digit|word|number)\b|'
    r'\bwith (?:a|an|two|three|\d+|explicit) (?:rational|decimals?|sign|hyphen|thousands)\b|'
    r'\b(?:answer|state|give)\b.{0,40} in (?!terms|order|the\b)[a-z]+[.?]?\Z|'
    r'\b(?:12|24)-hour\b|\bmilitary time\b|\bcurrency\b|'
    r'(?:add|remove)\b.{0,30}\b(?:comma|separator|zeros?)|科学记数法|写'
)
"""One form of a value is asked for, or the wording of something."""
_LABEL = _wording(
    r'\A\W*which\b|\b(?:row|class|grade|aisle|section|gate|entrance|exit|part|key|orbital|size|decade|'
    r'apartment|house number|line|seat)\b'
)
_PRODUCTS = _wording(r'\b(?:matri(?:x|ces)|vectors?|(?:cross|dot) product|permutations?|cartesian|torque|force|work)\b')
_EXACT = _wording(
    r'\bcapital letters?\b|\bcapitali[sz]e\b|\b(?:upper|lower) ?case\b|\bpunctuate\b|\bhyphen\b|\bfill in\b|__|'
    r'case[ -](?:matters|sensitive)|case counts|exactly as (?:printed|written|shown|it appears)|'
    r'\bpasswords?\b|区分大小写'
)
_ORDER = _wording(
    r'\b(?:left to right|right to left|top to bottom|bottom to top|in (?:this |that |the )?order|order|'
    r'sequence|sorted|ascending|'
    r'descending|first to last|clockwise|chronological\w*|alphabetical\w*|steps?|ranking|respectively|'
    r'width and (?:the )?height|latitude and (?:the )?longitude)\b|从左到右|从上到下|顺序|依次|分别'
)
_POINT = _wording(r'\b(?:point|coordinates?|vertex|position|vector|ordered pair)\b|坐标|点')
_INTERVAL = _wording(r'\b(?:inequalit\w+|intervals?|domain|range|solution set)\b|不等式|区间|定义域')
_SEVERAL = _wording(r'\A\W*list\b|\b(?:what|which)\b[^?]*\bare\b|\b(?:numbers|solutions|roots|zeros)\b')
"""Several things are asked for, so that brackets around them are a list's."""
_UNKNOWN = _wording(
    r'\b(?:find|for|is|of|determine|compute)(?: (?:the )?(?:point|vertex|vector))? \$?([a-z])\$?(?=[.?,]|\Z)'
)
_OPEN = _wording(r'\A\W*(?:what|which|who|whose|whom|where|when|why|how)\b')
_CLOSED = _wording(r'\byes\b|\bno\b|\btrue\b|\bfalse\b|\bcorrect\b')
_YES_NO = _wording(r'\A\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should)\b(?!.* or )')
_SCALED = _wording(rf'\b(?:in (?:[a-z]+ )?|how many )({"|".join(SCALES)}|hundred)s?\b')
_AGE = _wording(r'\bhow old\b')
_NAME = _wording(r'\b(?:title|called|name of|named|brand|says?|reads?|written)\b')
_PHONE = _wording(r'\b(?:phone|fax|mobile) number|\btelephone\b|电话号码')
_DIRECTION = _wording(r'\b(?:directions?|way|fac(?:es?|ing)|compass|point(?:s|ing)?|head(?:s|ing)|wind)\b|方向')
_JAPAN = _wording(r'\b(?:yen|japan\w*|jpy|tokyo|osaka|kyoto)\b|日元|日本|円|[ぁ-ヿ]')
_CHINA = _wording(r'\b(?:yuan|rmb|cny|chin\w*|beijing|shanghai)\b|元|中国|多少钱')
_KINDS: tuple[tuple[re.Pattern[str], Dimension], ...] = (
    (_wording(r'\baccelerat|\bg-?forces?\b|\bgravit'), (('m', 1), ('s', -2))),
    (_wording(r'\bduration\b|\bhow long (?:do|does|did|will)\b|\btime\b'), (('s', 1),)),
)


class Question:
    """One question, as it was put."""

    def __init__(self, text: str) -> None:
        self.text = text[:LONGEST_CHARS]
        """With its options, where it has any."""
        self.plain = normal(
            self.text if len(text) < 2 * _END_CHARS else f'{text[:_END_CHARS]}\n{self.text[-_END_CHARS:]}'
        )
        """Its beginning and end, normalised."""

    def _says(self, wording: re.Pattern[str]) -> bool:
        return wording.search(self.plain) is not None

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words, case folded."""
        return frozenset(words(self.plain))

    @cached_property
    def compact(self) -> str:
        """Its layout: to see what was copied from it."""
        return layout(self.plain)

    @cached_property
    def unit(self) -> Unit | None:
        """The unit it asks for; years where it asks how old somebody is."""
        return asked_unit(self.plain) or (unit_of('years') if self._says(_AGE) else None)

    @cached_property
    def dimension(self) -> Dimension | None:
        """Of the quantity that it names (an acceleration, a duration)."""
        return next((kind for wording, kind in _KINDS if self._says(wording)), None)

    @cached_property
    def scale(self) -> int | None:
        """What it counts in ("in millions" → 1,000,000)."""
        found = _SCALED.search(self.plain)
        return {**SCALES, 'hundred': 100}[found.group(1).casefold()] if found else None

    @cached_property
    def counted(self) -> tuple[str, ...]:
        """What it counts ("how many red cars are" → red, cars); empty where that is not plain."""
        found = _COUNTED.search(self.plain) or _NUMBER_OF.search(self.plain)
        named = tuple(found.group(1).casefold().split()) if found else ()
        return () if _NOT_COUNTED.intersection(named) and named != ('times',) else named

    @cached_property
    def alternatives(self) -> frozenset[str]:
        """The things it offers ("… a cat, a fox or a dog?"), as the words before commas, around "or" and at its end."""
        before, offered, after = self.plain.split('\n')[0].partition(' or ')
        named = [w for part in before.split(',') for w in words(part)[-1:]]
        following = [w for w in words(after) if w not in ARTICLES]
        return frozenset((*named, *following[:2], *following[-1:])) if offered else frozenset()

    def offers(self, one: str, other: str) -> bool:
        """Whether it asks which of two Chinese words it is (`开着还是关着`)."""
        before, _, after = self.plain.partition('还是')
        return one != other and any(before.endswith(x) and after.startswith(y) for x, y in ((one, other), (other, one)))

    @cached_property
    def unknown(self) -> str:
        """The letter it asks for ("find x", "what is the value of n")."""
        found = _UNKNOWN.search(self.plain)
        return found.group(1) if found else ''

    is_closed = cached_property(lambda self: self._says(_YES_NO))
    is_open = cached_property(lambda self: self._says(_OPEN) and not self._says(_CLOSED))
    yen_sign = cached_property(lambda self: 'JPY' if self._says(_JAPAN) else 'CNY' if self._says(_CHINA) else '')
    asks_count = cached_property(lambda self: self._says(_COUNT))
    asks_share = cached_property(lambda self: self._says(_SHARE))
    asks_percent = cached_property(lambda self: self._says(_PERCENT))
    asks_money = cached_property(lambda self: self._says(_MONEY))
    asks_date = cached_property(lambda self: self._says(_DATE))
    asks_printed = cached_property(lambda self: self._says(_PRINTED))
    asks_ratio = cached_property(lambda self: self._says(_RATIO))
    asks_version = cached_property(lambda self: self._says(_VERSION))
    asks_form = cached_property(lambda self: self._says(_FORM))
    asks_shape = cached_property(lambda self: self._says(_SHAPE))
    asks_label = cached_property(lambda self: self._says(_LABEL))
    of_products = cached_property(lambda self: self._says(_PRODUCTS))
    asks_exact_text = cached_property(lambda self: self._says(_EXACT))
    asks_name = cached_property(lambda self: self._says(_NAME))
    asks_phone = cached_property(lambda self: self._says(_PHONE))
    asks_direction = cached_property(lambda self: self._says(_DIRECTION))
    asks_order = cached_property(lambda self: self._says(_ORDER))
    asks_point = cached_property(lambda self: self._says(_POINT))
    asks_several = cached_property(lambda self: self._says(_SEVERAL))
    asks_interval = cached_property(lambda self: self._says(_INTERVAL))
