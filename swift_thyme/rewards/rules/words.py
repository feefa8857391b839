"""Closed word lists the types share. Owns vocabulary only."""

from __future__ import annotations

from .reading import listed

YES = frozenset({'yes', 'yeah', 'yep', 'yup', 'true', 'correct', '是', '是的', '对', '对的', '有', '有的', '正确'})
NO = frozenset(
    {'no', 'nope', 'nah', 'false', 'incorrect', '否', '不是', '不', '不对', '没有', '没', '不是的', '不正确'}
)


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATION = _set(
    "not no never none neither nor without except isn't aren't wasn't weren't doesn't don't didn't can't cannot "
    "couldn't won't hasn't haven't hadn't "
    "wouldn't shouldn't hardly 不 没 非 无 否 别"
)
ARTICLES = frozenset({'a', 'an', 'the'})
AFTER_A_LETTER = frozenset({'major', 'minor', 'flat', 'sharp', 'natural', 'plus', 'minus', 'to', 'is', 'and', 'or'})
"""Words before which a capital A is the letter."""
FILLER = _set('a an the it its this that these those is are was were there here he she they his her their do does did')
"""Words that a restated question may add."""

SPELLINGS = {
    'grey': 'gray', 'greyish': 'grayish', 'colour': 'color', 'colours': 'colors', 'coloured': 'colored',
    'centre': 'center', 'metre': 'meter', 'metres': 'meters', 'litre': 'liter', 'litres': 'liters', 'tyre': 'tire',
    'tyres': 'tires', 'aeroplane': 'airplane', 'theatre': 'theater', 'licence': 'license', 'jewellery': 'jewelry',
    'programme': 'program',
}  # fmt: skip
"""British spelling → the American one."""

CHINESE_COLOURS = {
    '红': 'red', '橙': 'orange', '黄': 'yellow', '绿': 'green', '蓝': 'blue', '紫': 'purple',
    '粉': 'pink', '棕': 'brown',
    '黑': 'black', '白': 'white', '灰': 'gray', '金': 'gold', '银': 'silver',
}  # fmt: skip

MONTHS = listed('january february march april may june july august september october november december')
WEEKDAYS = ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
CLASSES: tuple[frozenset[str], ...] = (
    _set('red yellow green blue black white'),
    _set('left right'),
    _set('top bottom'),
    _set('above below'),
    _set('inside outside'),
    _set('indoors outdoors'),
    _set('indoor outdoor'),
    _set('front back'),
    _set('asleep awake'),
    _set('open closed'),
    _set('clockwise counterclockwise'),
    _set('male female'),
    _set('increase decrease'),
    _set('increasing decreasing'),
    frozenset(WEEKDAYS),
    frozenset(MONTHS),
)
"""Sets whose members exclude one another when they stand alone as an answer."""
