"""Numbers in words: English and Chinese numerals. Owns their vocabulary and arithmetic."""

from __future__ import annotations

import re
from fractions import Fraction

from .reading import listed

ONES = {
    word: value
    for value, word in enumerate(
        listed(
            'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen '
            'seventeen eighteen nineteen'
        )
    )
}
TENS = {
    word: 10 * i
    for i, word in enumerate(['twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'], 2)
}
SCALES = {'hundred': 100, 'thousand': 10**3, 'million': 10**6, 'billion': 10**9, 'trillion': 10**12}
DIGITS_ZH = {c: i for i, c in enumerate('零一二三四五六七八九')} | {'〇': 0, '两': 2}
SCALES_ZH = {'十': 10, '百': 100, '千': 1000, '万': 10**4, '亿': 10**8}
MEASURES_ZH = '个只人条辆张位本把头匹艘架台棵朵颗块支根件次名座栋间扇层盏羽'

_WORD = '|'.join(sorted((*ONES, *TENS, *SCALES, 'dozen'), key=len, reverse=True))
ENGLISH = rf'(?:(?:a|an) (?=hundred|thousand|million|dozen))?(?:{_WORD})\b(?:(?: and |[ -])(?:{_WORD})\b)*'
CHINESE = rf'[{"".join(DIGITS_ZH)}{"".join(SCALES_ZH)}]+'


def english(text: str) -> Fraction | None:
    """The value of a numeral such as "one hundred and twenty-one"; None when the words make none."""
    parts = [t for t in re.split(r'[ -]', text.casefold()) if t not in ('and', 'a', 'an')]
    if parts in (['dozen'], ['one', 'dozen']):
        return Fraction(12)
    if parts and parts[0] in SCALES:
        parts = ['one', *parts]
    total, current, last = 0, 0, 'start'
    for part in parts:
        if part in ONES and (last in ('start', 'scale') or (last == 'ten' and 0 < ONES[part] < 10)):
            current, last = current + ONES[part], 'one'
        elif part in TENS and last in ('start', 'scale'):
            current, last = current + TENS[part], 'ten'
        elif part == 'hundred' and last in ('one', 'ten'):
            current, last = current * 100, 'scale'
        elif part in SCALES and last != 'start':
            total, current, last = total + current * SCALES[part], 0, 'scale'
        else:
            return None
    return Fraction(total + current)


def chinese(text: str) -> Fraction | None:
    """The value of a numeral such as 一百零五, or of digits side by side (二〇一九)."""
    if re.fullmatch(r'\d+', text):
        return Fraction(text)
    if text[0] in '万亿百千':
        return None
    if len(text) == 2 and not set(text) & set(SCALES_ZH):
        return None
    if not any(c in SCALES_ZH for c in text):
        return Fraction(''.join(str(DIGITS_ZH[c]) for c in text))
    if re.search(f'[百千万亿][{"".join(DIGITS_ZH)}]\\Z', text) and '零' not in text:
        return None
    total = section = digit = 0
    for c in text:
        if c in DIGITS_ZH:
            digit = DIGITS_ZH[c]
        elif SCALES_ZH[c] >= 10**4:
            total, section, digit = (total + section + digit) * SCALES_ZH[c], 0, 0
        else:
            section, digit = section + (digit or 1) * SCALES_ZH[c], 0
    return Fraction(total + section + digit)
