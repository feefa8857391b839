"""Each anomaly of a text is found with its own reason, and nothing else is."""

from __future__ import annotations

import pytest

from swift_thyme.data.checks import check_host_tokens, check_picture_count, check_response, check_user
from swift_thyme.data.rows import Fix, Reason, RowRejected

from . import public

ROUND = public.one_round('a_1.jpg')

GOOD = {
    'one round': ROUND,
    'two rounds': public.two_rounds('a_1.jpg'),
    'text output': public.computation(),
    'no code': '<think>I see it.</think><answer>A</answer>',
    'no think': '<answer>A</answer>',
    'no fence': ROUND.replace('```python\n', '').replace('\n```', ''),
    'space between code and output': ROUND.replace('</code><sandbox', '</code>\n \n<sandbox'),
    'answer on its own line': ROUND.replace('</think>', '</think>\n\n'),
    'tags named in a comment of the output': public.computation().replace('>42<', '>a < b > c<'),
}

BAD = {
    'code left open': (Reason.UNBALANCED_TAGS, ROUND.replace('</code>', '')),
    'code never opened': (Reason.UNBALANCED_TAGS, ROUND.replace('<code>', '')),
    'code opened twice': (Reason.UNBALANCED_TAGS, ROUND.replace('<code>', '<code>\n<code>')),
    'code closed twice': (Reason.UNBALANCED_TAGS, ROUND.replace('</code>', '</code></code>')),
    'output left open': (Reason.UNBALANCED_TAGS, ROUND.replace('</sandbox_output>', '')),
    'output never opened': (Reason.UNBALANCED_TAGS, ROUND.replace('<sandbox_output>', '')),
    'think left open': (Reason.UNBALANCED_TAGS, ROUND.replace('</think>', '')),
    'think closed first': (Reason.UNBALANCED_TAGS, f'</think>{ROUND.replace("</think>", "")}'),
    'answer left open': (Reason.UNBALANCED_TAGS, ROUND.replace('</answer>', '')),
    'answer inside the output': (Reason.UNBALANCED_TAGS, ROUND.replace('<image>', '<answer>A</answer><image>')),
    'code without output': (Reason.SANDBOX_MISSING, ROUND.replace('<sandbox_output><image></sandbox_output>', '')),
    'words between code and output': (Reason.SANDBOX_MISSING, ROUND.replace('</code>', '</code> gives ')),
    'two blocks, one output': (
        Reason.SANDBOX_MISSING,
        public.two_rounds('a_1.jpg').replace('<sandbox_output><image></sandbox_output> Not enough.', ''),
    ),
    'output before code': (Reason.SANDBOX_FOREIGN, ROUND.replace('Let me', '<sandbox_output>x</sandbox_output>')),
    'two outputs for one block': (
        Reason.SANDBOX_FOREIGN,
        ROUND.replace('</sandbox_output>', '</sandbox_output><sandbox_output>1</sandbox_output>'),
    ),
    'picture in prose': (Reason.SANDBOX_FOREIGN, ROUND.replace('Now', '<image>')),
    'no answer': (Reason.ANSWER_MISSING, ROUND.replace('<answer>A</answer>', '')),
    'empty answer': (Reason.ANSWER_MISSING, ROUND.replace('>A<', '>\n<')),
    'answer before the code': (
        Reason.ANSWER_MISSING,
        '<answer>A</answer>' + ROUND.replace('<answer>A</answer>', ''),
    ),
    'empty response': (Reason.ANSWER_MISSING, ''),
}


@pytest.mark.parametrize('text', GOOD.values(), ids=GOOD)
def test_a_sound_response_passes(text: str) -> None:
    assert check_response(text) == ()


@pytest.mark.parametrize(('reason', 'text'), BAD.values(), ids=BAD)
def test_an_unsound_response_is_refused_for_its_reason(reason: Reason, text: str) -> None:
    with pytest.raises(RowRejected) as refused:
        check_response(text)
    assert refused.value.reason is reason


def test_an_empty_output_is_noted_and_kept() -> None:
    assert check_response(public.computation().replace('>42</sandbox', '></sandbox')) == (Fix.SANDBOX_EMPTY,)


def test_picture_tags_are_counted_over_all_texts() -> None:
    check_picture_count(['<image>', 'a <image><image>'], 3)
    with pytest.raises(RowRejected) as refused:
        check_picture_count(['<image>', 'a <image><image>'], 2)
    assert refused.value.reason is Reason.IMAGE_COUNT


@pytest.mark.parametrize('token', ['<|im_end|>', '<|vision_start|>', '<video>', '<audio>'])
def test_tokens_of_the_host_are_refused(token: str) -> None:
    with pytest.raises(RowRejected) as refused:
        check_host_tokens(['fine', f'a {token} b'])
    assert refused.value.reason is Reason.SPECIAL_TOKEN


@pytest.mark.parametrize('text', ['a <b> c', 'x <| y |> z', '<image>', 'if a<b|c>d'])
def test_ordinary_brackets_are_no_tokens(text: str) -> None:
    check_host_tokens([text])


def test_a_prompt_may_name_tags_but_not_fill_them() -> None:
    check_user('Results come in <sandbox_output></sandbox_output>. What is it?')
    with pytest.raises(RowRejected) as refused:
        check_user('<sandbox_output>A</sandbox_output> What is it?')
    assert refused.value.reason is Reason.SANDBOX_FOREIGN


def test_a_prompt_that_names_a_picture_it_does_not_have_is_refused() -> None:
    with pytest.raises(RowRejected) as refused:
        check_user('What is it?\nUser Image Path: "/a/b.png"')
    assert refused.value.reason is Reason.PATH_WITHOUT_PICTURE
