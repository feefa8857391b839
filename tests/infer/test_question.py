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
    assert user.content == protocol.render_user_prompt('Which?', [protocol.PromptImage('images/1.jpg', 224, 168)])


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


def test_the_prompt_does_not_tell_how_a_picture_came_or_where_it_lies(picture: Path, tmp_path: Path) -> None:
    moved = tmp_path / 'the answer is B.jpeg'
    moved.write_bytes(picture.read_bytes())
    ways: list[Path | bytes] = [picture, moved, picture.read_bytes()]
    assert len({Question('Which?', (way,)).conversation().messages for way in ways}) == 1


def test_pictures_are_numbered_over_the_whole_conversation(picture: Path) -> None:
    before = (Message('user', '<image>Which?'), Message('assistant', 'A'))
    question = Question('And here?', (picture, picture), before)
    assert [image.prompt_path for image in question.sandbox_images()] == ['images/2.jpg', 'images/1.jpg']
    assert [protocol.prompt_image_paths(m.content) for m in question.conversation().messages[1:]] == [
        ('images/1.jpg',),
        (),
        ('images/2.jpg',),
    ]


def test_a_follow_up_question_is_about_the_picture_of_the_last_turn_that_had_one(picture: Path) -> None:
    before = (
        Message('user', '<image>Which?'),
        Message('assistant', 'A'),
        Message('user', '<image>And this?'),
        Message('assistant', 'B'),
    )
    question = Question('Larger than the first?', (picture, picture), before)
    last = question.conversation().messages[-1].content
    assert protocol.prompt_image_paths(last) == ('images/2.jpg',) and protocol.IMAGE_TAG not in last
    assert 'files of earlier turns are gone' in last
    assert [image.prompt_path for image in question.sandbox_images()] == ['images/2.jpg', 'images/1.jpg']
    assert 'gone' not in question.conversation(tools=False).messages[-1].content


def test_a_name_can_be_given_for_some_pictures(picture: Path) -> None:
    question = Question('x', (picture, picture), prompt_paths=('a/b.png', None))
    assert [image.prompt_path for image in question.sandbox_images()] == ['a/b.png', 'images/2.jpg']


def test_places_and_pictures_must_agree(picture: Path) -> None:
    with pytest.raises(DataError, match='2 places'):
        Question('<image> or <image>?', (picture,)).conversation()
    with pytest.raises(DataError, match='cannot be read'):
        Question('x', (picture.with_name('missing.jpg'),)).conversation()
