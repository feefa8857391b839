"""Closed word lists the rules share: yes and no, negation, hedges, fillers, colours, sides, spelling variants.

Owns vocabulary only. A list is closed when every member excludes every other (`CLASSES`); only then may a rule say
mismatch because two different members were given.
"""

from __future__ import annotations

import re


def _list(text: str) -> list[str]:
    return text.split()


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


YES = frozenset({'yes', 'yeah', 'yep', 'yup', 'true', 'correct', 'right', '是', '是的', '对', '对的', '有', '有的'})
NO = frozenset({'no', 'nope', 'nah', 'false', 'incorrect', 'wrong', '否', '不是', '不', '不对', '没有', '没', '不是的'})

OTHER_MEANINGS = frozenset({'right', 'wrong', 'correct', 'incorrect'})
"""Words that say yes or no as an answer, but mean something else as a reference (a side, a rating)."""
NEGATION = _set(
    "not no never none neither nor without except isn't aren't wasn't doesn't don't didn't can't cannot couldn't won't "
    "wouldn't shouldn't hardly wrong incorrect false unlike instead rather fewer less than 不 没 非 无 否 别"
)
HEDGE = _set(
    'or maybe perhaps possibly probably might may could either unsure uncertain unclear unknown if otherwise unless '
    'depends depending whether approximately approx about around roughly nearly almost least most between some '
    'several many any guess cannot determined 或 或者 也许 可能 大约 约 左右 至少 至多 如果 否则'
)
FILLER = _set(
    'a an the it its this that these those is are was were be being been there here he she they his her their in on at '
    'of to from with by for as and i we you can see seen shown shows show showing visible appears appear seems seem '
    'reads read says say said written displayed displays indicated indicates has have had so therefore thus total '
    'altogether exactly picture image photo photograph figure text sign label side located placed clearly just '
    'which who whose what where when how colour color colored coloured answer value number'
)
REPORTING = _set('is are reads read says say said shows show displays written')
"""Words that announce what is printed."""
NUMBER_FILLER = _set(
    'a an the it its is are was were there here in of on at to total altogether exactly only just visible shown '
    'present picture image photo we i can see have has'
)

SPELLINGS = {
    'grey': 'gray',
    'greyish': 'grayish',
    'colour': 'color',
    'colours': 'colors',
    'coloured': 'colored',
    'centre': 'center',
    'metre': 'meter',
    'metres': 'meters',
    'litre': 'liter',
    'litres': 'liters',
    'tyre': 'tire',
    'tyres': 'tires',
    'aeroplane': 'airplane',
    'theatre': 'theater',
    'licence': 'license',
    'jewellery': 'jewelry',
    'programme': 'program',
    'upper': 'top',
    'uppermost': 'top',
    'topmost': 'top',
    'lower': 'bottom',
    'lowermost': 'bottom',
    'bottommost': 'bottom',
    'leftmost': 'left',
    'rightmost': 'right',
    'lefthand': 'left',
    'righthand': 'right',
    'hand': '',
    'corner': '',
    'side': '',
}
"""Variant → the spelling compared; an empty one is dropped (position words that add nothing to a side)."""

ARTICLES = frozenset({'a', 'an', 'the'})

COLOURS = _set(
    'red orange yellow green blue purple pink brown black white gray gold golden silver beige violet cyan magenta '
    'turquoise maroon navy teal'
)
BASIC_COLOURS = frozenset({'red', 'yellow', 'green', 'blue', 'black', 'white'})
CHINESE_COLOURS = {
    '红': 'red',
    '橙': 'orange',
    '黄': 'yellow',
    '绿': 'green',
    '蓝': 'blue',
    '紫': 'purple',
    '粉': 'pink',
    '棕': 'brown',
    '黑': 'black',
    '白': 'white',
    '灰': 'gray',
    '金': 'gold',
    '银': 'silver',
}
CHINESE_SIDES = {'左': 'left', '右': 'right', '上': 'top', '下': 'bottom', '前': 'front', '后': 'back'}

CLASSES: tuple[frozenset[str], ...] = (
    BASIC_COLOURS,
    frozenset({'left', 'right'}),
    frozenset({'top', 'bottom'}),
    frozenset({'above', 'below'}),
    frozenset({'inside', 'outside'}),
    frozenset({'indoors', 'outdoors'}),
    frozenset({'indoor', 'outdoor'}),
    frozenset({'front', 'back'}),
    frozenset({'north', 'south', 'east', 'west'}),
    frozenset({'open', 'closed'}),
    frozenset({'clockwise', 'counterclockwise'}),
    frozenset({'male', 'female'}),
    frozenset({'increase', 'decrease'}),
    frozenset({'increasing', 'decreasing'}),
    frozenset({'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'}),
    _set('january february march april may june july august september october november december'),
)
"""Sets whose members exclude one another when they stand alone as an answer."""

ONES = {
    w: i
    for i, w in enumerate(
        _list(
            'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen '
            'seventeen eighteen nineteen'
        )
    )
}
TENS = {w: 10 * i for i, w in enumerate(_list('twenty thirty forty fifty sixty seventy eighty ninety'), 2)}
SCALES = {'hundred': 100, 'thousand': 10**3, 'million': 10**6, 'billion': 10**9, 'trillion': 10**12}
CHINESE_DIGITS = {c: i for i, c in enumerate('零一二三四五六七八九')} | {'〇': 0, '两': 2}
CHINESE_SCALES = {'十': 10, '百': 100, '千': 1000, '万': 10**4, '亿': 10**8}
CHINESE_MEASURES = '个只人条辆张位本把头匹艘架台棵朵颗块支根件双次名座栋间扇层盏'


def spelled(tokens: list[str]) -> list[str]:
    """The words in the spelling that is compared; dropped ones left out."""
    return [s for s in (SPELLINGS.get(t, t) for t in tokens) if s]


FORM_ASKED = re.compile(
    r'\b(?:simplif\w*|simplest|lowest terms|reduced|factor\w*|factoris\w*|expand\w*|expanded|'
    r'as a (?:decimal|fraction|percentage|'
    r'mixed number)|decimal (?:form|number)|in terms of \\?pi|scientific notation|'
    r'decimal places?|significant (?:figures|digits)|'
    r'standard form|round\w*)\b|化简|因式分解|展开|最简',
    re.IGNORECASE,
)
"""Questions that want the answer in a certain form: equal value is then not enough for a rule."""
