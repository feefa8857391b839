"""Text before comparison: one spelling for look-alike characters, and the wrapping around an answer taken off.

Owns normalisation, unwrapping and splitting into tokens. Decides nothing, and drops nothing that may carry meaning: a
wrapper is taken off only where it encloses the whole answer, a lead-in only where it stands before all of it. Every
step is linear, and there is a fixed number of them.
"""

from __future__ import annotations

import json
import re
import unicodedata

from ... import protocol

_DEEPEST = 8
"""Wrappers within wrappers; what is wrapped deeper is left to the judge."""
_SUPERSCRIPT = str.maketrans('⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻', '0123456789+-')
_SUPERSCRIPT_RUN = re.compile('[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+')
_SUBSCRIPT_AFTER_DIGIT = re.compile(r'(?<=\d)(?=[₀-₉])')
_VULGAR = re.compile(r'[¼-¾⅐-⅞]')
_INVISIBLE = dict.fromkeys(map(ord, '\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad'))
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys('º˚', '°'),
        **dict.fromkeys('−‐‑‒–', '-'),
        **dict.fromkeys('—―', ' - '),
        **dict.fromkeys('’‘′', "'"),
        **dict.fromkeys('“”「」″', '"'),
        **dict.fromkeys('⁄∕', '/'),
        **dict.fromkeys('⋅∙', '·'),
        '。': '.', '、': ',', '∶': ':', 'µ': 'μ',
    }
)  # fmt: skip
_LOOKALIKES = str.maketrans('АВЕКМНОРСТХаеорсхΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'ABEKMHOPCTXaeopcxABEZHIKMNOPTYX')
_LEAD = re.compile(
    r'\A(?:\#{1,6}\s*)?(?:\*\*|__)?(?:(?:so|thus|hence|therefore|finally|then|ok|okay|sure|well)\b[,:]?\s+)*'
    r'(?:(?:the|my|our|your|its)\s+)?(?:(?:final|correct|right|best|overall|predicted)\s+)*'
    r'(?:answer|ans|result|solution|choice)\b\s*'
    r'(?:(?:to|for|of)\s+(?:the|this)\s+(?:question|problem)\s*)?'
    r'(?:(?:is|are|was|should be|must be|would be|will be|equals|has to be)\b\s*(?:that\b\s*)?:?'
    r'|[:=]|-(?=\s)|(?=\\\[|\\\(|\\boxed)|(?<=[rtne])(?:\*\*|__)?[ \t]*\n)\s*(?:(?:\*\*|__)(?=\s))?\s*',
    re.IGNORECASE,
)
_FOUND = re.compile(
    r'\A(?:(?:so|thus|hence|therefore|finally)\b,?\s+)?(?:we|i)\s+(?:find|get|have|obtain|conclude)\s+(?:that\s+)?(?=\S)|'
    r'\A(?:thus|hence|therefore),?\s+(?=\S)',
    re.IGNORECASE,
)
_TAIL = re.compile(r',? is (?:the|our|my) (?:final |correct )?(?:answer|solution|result)(?=[.!]?\Z)', re.IGNORECASE)
_LEAD_ZH = re.compile(r'\A(?:所以|因此|故)?,?(?:最终|正确|最后)?(?:的)?(?:答案|结果)(?:应该)?(?:是|为|选|:)+\s*')
_WHOLE = tuple(
    re.compile(pattern, re.DOTALL | re.IGNORECASE)
    for pattern in (
        r'```[\w+-]*[ \t]*\n?((?:(?!```).)*?)\n?[ \t]*```',
        rf'{protocol.ANSWER_OPEN}((?:(?!</?answer>).)*){protocol.ANSWER_CLOSE}',
        r'\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|operatorname|mbox)\s*\{([^{}]*)\}',
        r'<(?:b|i|u|p|em|strong|span|code|div)>([^<>]*)</(?:b|i|u|p|em|strong|span|code|div)>',
        r'<([A-Za-z])>',
        r'\\\[((?:(?!\\[\[\]]).)*)\\\]',
        r'\\\(((?:(?!\\[()]).)*)\\\)',
        r'\*\*((?:(?!\*\*).)+)\*\*',
        r'__((?:(?!__).)+)__',
        r'\*([^*]+)\*',
        r'\$\$([^$]+)\$\$',
        r'\$([^$]+)\$',
        r'"([^"]+)"',
        r"'([^']+)'",
        r'`([^`]+)`',
    )
)
_BOXED = re.compile(r'\\(?:boxed|fbox)\s*\{')
_ANSWER_KEYS = ('answer', 'final_answer', 'final answer', 'result', 'choice', 'option', 'prediction')
_INLINE_MATH = re.compile(
    r'(?<![\w$}])(?<![\d.$}] )(?:\$(?=[^\s$])([^$]*[^\s$\\])\$|\\boxed\{([^{}]*)\})'
    r'(?! ?[\d.$\\{](?=\S))(?=[\s)\],;.]|\Z)'
)
"""Mathematics between words, told from amounts of money as pandoc does, and boxed parts; none beside a number."""
_FINAL = re.compile(r'(?<!\\)[\s.;,:]+\Z')
_EXCLAIMED = re.compile(r'(?<=[^\W\d_]{3})\s*!+\Z|(?<=\S) !\Z')
_TEMPLATE_SLOT = re.compile(
    r'\{\{?\s*(?:(?:your|the|final)[ _])?(?:answer|response|result|output|letter|text|reference|solution)[a-z_ ]*\}?\}',
    re.IGNORECASE,
)
_MEDIA_TAG = re.compile(r'<(?:image|video|audio)>|<\|[^<>|\s]{1,64}\|>')
_TOKEN = re.compile(r"[㐀-鿿]|[^\W_㐀-鿿]+(?:'[^\W_㐀-鿿]+)*|\S")


def normal(text: str) -> str:
    """One spelling for characters that look or mean the same: NFKC, dashes, quotes, full stops, superscripts.

    Superscripts become `^n`, subscripts after a digit `_n`, vulgar fractions ` n/m `: nothing changes its value.
    """
    text = _SUPERSCRIPT_RUN.sub(lambda m: '^' + m.group().translate(_SUPERSCRIPT), text)
    text = _VULGAR.sub(
        lambda m: ' ' + unicodedata.normalize('NFKC', m.group()) + ' ', _SUBSCRIPT_AFTER_DIGIT.sub('_', text)
    )
    text = unicodedata.normalize('NFKC', text.translate(_CHARACTERS)).translate(_CHARACTERS).translate(_INVISIBLE)
    return re.sub(r'[ \t]+', ' ', text).strip()


def latin(letter: str) -> str:
    """The Latin letter that a Cyrillic or Greek one is drawn like; other characters unchanged."""
    return letter.translate(_LOOKALIKES)


def unwrap(text: str) -> str:
    """Takes off what people and models wrap around an answer, and returns the answer itself, normalised.

    Code fences, answer tags, a JSON object with an answer key, `boxed`, text commands, mark-up, quotes, lead-ins
    such as "The answer is" and closing punctuation go; what is left may be empty.
    """
    text = _without_bullets(_MEDIA_TAG.sub('', normal(text)))
    for _ in range(_DEEPEST):
        previous, text = text, _unwrap_once(text.strip())
        if text == previous:
            break
    return text.strip()


def _without_bullets(text: str) -> str:
    """A list's lines without their bullets or numbers; text in which not every line has one unchanged."""
    lines = text.strip().splitlines()
    if len(lines) < 2:
        return text
    for marks in (['[-*•]'] * len(lines), [rf'{i}[.)]' for i in range(1, len(lines) + 1)]):
        items = [re.fullmatch(rf'\s*{mark}\s+(\S.*)', line) for mark, line in zip(marks, lines, strict=True)]
        if all(items):
            return '\n'.join(item[1] for item in items if item)
    return text


def _unwrap_once(text: str) -> str:
    for pattern in _WHOLE:
        enclosed = pattern.fullmatch(text)
        if enclosed:
            return enclosed.group(1)
    inner = _json_answer(text)
    if inner is None:
        inner = _boxed(text)
    if inner is not None:
        return inner
    text = _TAIL.sub('', _LEAD_ZH.sub('', _FOUND.sub('', _LEAD.sub('', text, count=1), count=1), count=1))
    text = _INLINE_MATH.sub(lambda m: f' {m[1] or m[2]} ', text)
    return text if text.endswith('...') else _EXCLAIMED.sub('', _FINAL.sub('', text))


def _boxed(text: str) -> str | None:
    opened = _BOXED.match(text)
    if opened is None or not text.endswith('}'):
        return None
    depth = 1
    for i in range(opened.end(), len(text)):
        depth += (text[i] == '{') - (text[i] == '}')
        if depth == 0:
            return text[opened.end() : i] if i == len(text) - 1 else None
    return None


def _json_answer(text: str) -> str | None:
    if not (text.startswith('{') and text.endswith('}')):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or len(data) != 1:
        return None
    key, value = next(iter(data.items()))
    if (
        str(key).strip().lower() not in _ANSWER_KEYS
        or isinstance(value, bool)
        or not isinstance(value, str | int | float)
    ):
        return None
    return str(value)


def is_empty(text: str) -> bool:
    """Whether an unwrapped answer says nothing: no letter, digit or symbol but template slots and punctuation."""
    rest = _TEMPLATE_SLOT.sub('', text)
    return not any(c.isalnum() or unicodedata.category(c) in ('Sm', 'Sc', 'So') for c in rest)


def tokens(text: str) -> list[str]:
    """Everything but the white space: words, single CJK characters, and every other sign by itself, in their case."""
    return _TOKEN.findall(normal(text))


def words(text: str) -> list[str]:
    """The words among the tokens, case folded; for looking at questions, never for comparing answers."""
    return [t for t in tokens(text.casefold()) if t[0].isalnum()]


_DRAWN = str.maketrans({'√': 'sqrt', 'π': 'pi', '∞': 'infty'})


def layout(text: str) -> str:
    """A text without what only sets it otherwise: to see whether two texts are one form."""
    return ''.join(
        tokens(
            re.sub(r'\\(?:left|right|[,;:! ])|\$|(?<=sqrt)\{(?=\d\})|(?<=sqrt\{\d)\}', '', normal(text))
            .replace('\\dfrac', '\\frac')
            .translate(_DRAWN)
            .replace('\\', '')
            .casefold()
        )
    )
