"""The prompt of a question is the one of training."""

from __future__ import annotations

from pathlib import Path

import pytest

from swift_thyme import protocol
from swift_thyme.engines import Message
from swift_thyme.errors import DataError
from swift_thyme.infer import Question


def test_words_get_the_paper_s_form_with_path_and_size(picture: Path) -> None:
    system, user = Question('Which?', (picture,)).conversation().messages
    assert system == Message('system', protocol.SYSTEM_PROMPT)
    assert user.content == protocol.render_user_prompt('Which?', [protocol.PromptImage(str(picture), 224, 168)])


def test_pictures_before_the_words_stand_as_in_training(picture: Path) -> None:
    prompts = [Question(text, (picture,)).conversation().messages for text in ('Which?', '<image>Which?')]
    assert prompts[0] == prompts[1]


def test_a_whole_prompt_is_taken_as_it_is_and_names_the_picture(picture: Path) -> None:
    text = protocol.render_user_prompt('Which?', [protocol.PromptImage('images/x.jpg', 224, 168)])
    question = Question(text, (picture,))
    assert question.conversation().messages[-1].content == text
    assert question.sandbox_images()[0].prompt_path == 'images/x.jpg'


def test_an_own_system_message_is_added_and_one_of_the_protocol_replaces() -> None:
    added = Question('x', history=(Message('system', 'Be brief.'),)).conversation().messages[0].content
    assert added == f'{protocol.SYSTEM_PROMPT}\n\nBe brief.'
    own = f'Write code; its result is in {protocol.SANDBOX_OPEN}.'
    assert Question('x', history=(Message('system', own),)).conversation().messages[0].content == own
    plain = Question('x', history=(Message('system', own),)).conversation(tools=False).messages[0].content
    assert plain.startswith(protocol.SYSTEM_PROMPT_PLAIN)


def test_bytes_are_named_by_what_they_are(picture: Path) -> None:
    content = picture.read_bytes()
    names = [Question('x', (content,)).sandbox_images()[0].prompt_path for _ in range(2)]
    assert names[0] == names[1] and str(names[0]).startswith('images/') and str(names[0]).endswith('.jpg')


def test_places_and_pictures_must_agree(picture: Path) -> None:
    with pytest.raises(DataError, match='2 places'):
        Question('<image> or <image>?', (picture,)).conversation()
    with pytest.raises(DataError, match='cannot be read'):
        Question('x', (picture.with_name('missing.jpg'),)).conversation()
