"""Text before comparison: one spelling for look-alike characters, and the wrapping around an answer taken off.

Owns normalisation and unwrapping. Decides nothing: what two normalised texts mean is the business of the other rules.
"""

from __future__ import annotations

import json
import re
import unicodedata

from ... import protocol

_SUPERSCRIPT = str.maketrans('⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻', '0123456789+-')
_SUPERSCRIPT_RUN = re.compile('[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+')
_CHARACTERS = str.maketrans(
    {
        'º': '°',
        '˚': '°',
        '−': '-',
        '‐': '-',
        '‑': '-',
        '‒': '-',
        '–': '-',
        '—': ', ',
        '―': ', ',
        '’': "'",
        '‘': "'",
        '“': '"',
        '”': '"',
        '「': '"',
        '」': '"',
        '。': '.',
        '、': ',',
        '∶': ':',
        '⁄': '/',
        '∕': '/',
        '⋅': '·',
        '∙': '·',
    }
)
_LOOKALIKES = str.maketrans('АВЕКМНОРСТХаеорсхΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'ABEKMHOPCTXaeopcxABEZHIKMNOPTYX')
_TEXT_COMMAND = re.compile(
    r'\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|operatorname|mbox)\s*\{([^{}]*)\}'
)
_BOXED = re.compile(r'\\(?:boxed|fbox)\s*\{')
_FENCE = re.compile(r'\A```[\w+-]*[ \t]*\n?(.*?)\n?[ \t]*```\Z', re.DOTALL)
_HTML = re.compile(r'</?(?:b|i|u|p|em|strong|span|code|sub|sup|br|div)\s*/?>', re.IGNORECASE)
_ANSWER_KEYS = ('answer', 'final_answer', 'final answer', 'result', 'choice', 'option', 'prediction')
_PAIRS = (
    ('"', '"'),
    ("'", "'"),
    ('`', '`'),
    ('<', '>'),
    ('**', '**'),
    ('__', '__'),
    ('*', '*'),
    ('$$', '$$'),
    ('$', '$'),
)
_MATH_PAIRS = (('\\(', '\\)'), ('\\[', '\\]'))
_LEAD = re.compile(
    r'\A(?:(?:so|thus|hence|therefore|finally|then|ok|okay|sure|well)\b[,:]?\s+)*'
    r'(?:(?:the|my|our|your|its)\s+)?(?:(?:final|correct|right|best|overall|predicted)\s+)*'
    r'(?:answer|ans|result|solution|choice)\b\s*'
    r'(?:(?:to|for|of)\s+(?:the|this)\s+(?:question|problem)\s*)?'
    r'(?:(?:is|are|was|should be|must be|would be|will be|equals|has to be)\b\s*(?:that\b\s*)?:?|[:=]|-(?=\s))\s*'
    r'(?:(?:indeed|clearly|therefore|then)\s+)?',
    re.IGNORECASE,
)
_LEAD_ZH = re.compile(r'\A(?:所以|因此|故)?,?(?:最终|正确|最后)?(?:的)?(?:答案|结果)(?:应该)?(?:是|为|选|:)+\s*')
_TEMPLATE_SLOT = re.compile(r'\{\{?\s*[A-Za-z_][A-Za-z_ ]*\s*\}?\}')
_MEDIA_TAG = re.compile(r'<(?:image|video|audio)>|<\|[^<>|\s]{1,64}\|>')


def normal(text: str) -> str:
    """One spelling for characters that look or mean the same: NFKC, dashes, quotes, full stops, superscripts.

    Superscripts become `^n` and vulgar fractions `n/m`, so that nothing changes its value; invisible characters go.
    """
    text = _SUPERSCRIPT_RUN.sub(lambda m: '^' + m.group().translate(_SUPERSCRIPT), text)
    text = re.sub(r'[¼-¾⅐-⅞]', lambda m: ' ' + unicodedata.normalize('NFKC', m.group()) + ' ', text)
    text = unicodedata.normalize('NFKC', text.translate(_CHARACTERS)).translate(_CHARACTERS)
    text = ''.join(c for c in text if unicodedata.category(c) != 'Cf')
    return re.sub(r'[ \t]+', ' ', text).strip()


def latin(letter: str) -> str:
    """The Latin letter that a Cyrillic or Greek one is drawn like; other characters unchanged."""
    return letter.translate(_LOOKALIKES)


def boxed_contents(text: str) -> list[str]:
    r"""What stands in each `\boxed{…}` of the text, outermost first, braces matched."""
    found = []
    for match in _BOXED.finditer(text):
        depth, start = 1, match.end()
        for i in range(start, len(text)):
            depth += {'{': 1, '}': -1}.get(text[i], 0)
            if depth == 0:
                found.append(text[start:i])
                break
    return found


def unwrap(text: str) -> str:
    """Takes off what people and models wrap around an answer, and returns the answer itself, normalised.

    Code fences, answer tags, a JSON object with an answer key, `boxed`, text commands, mark-up, quotes, lead-ins
    such as "The answer is" and closing punctuation go; what is left may be empty.
    """
    text = _MEDIA_TAG.sub('', normal(text))
    previous = None
    while previous != text:
        previous = text
        text = _unwrap_once(text.strip())
    return text


def _unwrap_once(text: str) -> str:
    fence = _FENCE.match(text)
    if fence:
        return fence.group(1)
    inner = protocol.answer_of(text) if protocol.ANSWER_OPEN in text else None
    if inner is not None:
        return inner
    value = _json_answer(text)
    if value is not None:
        return value
    boxes = boxed_contents(text)
    if boxes and len({compact(b) for b in boxes}) == 1:
        return boxes[-1]
    text = _HTML.sub('', _TEXT_COMMAND.sub(r'\1', text)).strip()
    text = text.replace('**', '')
    for opening, closing in _PAIRS + _MATH_PAIRS:
        inside = text[len(opening) : len(text) - len(closing)]
        whole = len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing)
        if whole and opening not in inside and closing not in inside:
            return inside
    text = _LEAD_ZH.sub('', _LEAD.sub('', text, count=1), count=1)
    return re.sub(r'(?<!\\)[\s.!;,:]+\Z', '', text) if not text.endswith('...') else text


def _json_answer(text: str) -> str | None:
    if not (text.startswith('{') and text.endswith('}')):
        return None
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict) or len(data) != 1:
        return None
    key, value = next(iter(data.items()))
    if str(key).strip().lower() not in _ANSWER_KEYS or not isinstance(value, str | int | float):
        return None
    return str(value)


def is_empty(text: str) -> bool:
    """Whether an unwrapped answer says nothing: no letter, digit or symbol but template slots and punctuation."""
    rest = _TEMPLATE_SLOT.sub('', text)
    return not any(c.isalnum() or unicodedata.category(c) in ('Sm', 'Sc', 'So') for c in rest)


def compact(text: str) -> str:
    """The text without spaces and punctuation, case folded: equal for spellings that differ in layout only.

    What carries a value stays: `+ - . , / : %` and spaces between digits, currency and other symbols.
    """
    text = re.sub(r'(?<!\d)\s+|\s+(?!\d)', '', normal(text).casefold())
    kept = []
    for i, c in enumerate(text):
        before, after = text[i - 1 : i] if i else '', text[i + 1 : i + 2]
        valued = c in '+-.,/:' and after.isdigit() and (before.isdigit() or (c in '+-.' and not before))
        if c.isalnum() or c == ' ' or unicodedata.category(c)[0] == 'S' or c == '%' or valued:
            kept.append(c)
    return ''.join(kept)


def words(text: str) -> list[str]:
    """The words of a text, case folded: runs of letters and digits, and single CJK characters."""
    return re.findall(r"[㐀-鿿]|[^\W_㐀-鿿]+(?:['.][^\W_㐀-鿿]+)*", normal(text).casefold())


def is_slot(text: str) -> bool:
    """Whether the text is only the name of a template's slot, such as `{reference}`."""
    return bool(_TEMPLATE_SLOT.fullmatch(text.strip()))
