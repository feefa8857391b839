"""Which printed names count as pictures."""

from __future__ import annotations

import posixpath
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.sandbox.naming import Namer

ROOT = '/dev/shm/x/7/work'
LETTERS = 'abzABZ019_'
NAMES = st.builds(
    '{}{}{}.{}'.format,
    st.sampled_from(LETTERS),
    st.text(LETTERS + ' .-', max_size=12),
    st.sampled_from(LETTERS),
    st.sampled_from(['png', 'JPG', 'jpeg', 'webp']),
)


def paths(text, files, variables=(), known=()):
    return [m.path for m in Namer(ROOT, known).mentions(text, variables, files)]


@given(
    NAMES,
    st.sampled_from(['{}', '{}.', 'saved {}', 'x: {}, y', "['{}']", '"{}"', ROOT + '/{}', './{}', 'a/../{}', '\t{}\n']),
)
def test_a_saved_picture_is_found_wherever_its_name_stands(name, form):
    assert name in paths(form.format(name), {name})


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_pictures_come_in_order_and_once(names):
    text = '\n'.join(names + names)
    assert paths(text, set(names)) == names


@given(st.text(max_size=300), st.lists(NAMES, max_size=3))
def test_only_files_of_the_session_are_ever_named(text, names):
    found = paths(text + ' '.join(names), {'only.png'}, variables=[text])
    assert set(found) <= {None, 'only.png'}


@pytest.mark.parametrize('path', ['/etc/a.png', '../secret.png', ROOT + '/../x.png', ROOT + '2/a.png', '~/a.png'])
def test_nothing_outside_resolves(path):
    assert set(paths(f'see {path}', {'a.png', 'x.png', 'secret.png'}, [path])) <= {None}


def test_the_longest_name_wins():
    assert paths('my crop 1.png', {'1.png', 'my crop 1.png'}) == ['my crop 1.png']


def test_two_names_on_a_line_are_two_pictures():
    assert paths('a b.png c.png', {'a b.png', 'c.png'}) == ['a b.png', 'c.png']


def test_input_pictures_are_not_returned():
    assert paths('/data/in put.jpg is the input', set(), ['/data/in put.jpg'], known=['/data/in put.jpg']) == []


def test_the_released_saving_directory_means_the_session():
    assert paths('/mnt/data/temp_processed_images/a.png', {'a.png'}) == ['a.png']


def test_a_file_in_a_directory_is_found_by_its_normal_path():
    assert paths(posixpath.join(ROOT, 'd', '.', 'a.png'), {'d/a.png'}) == ['d/a.png']


@pytest.mark.parametrize(
    'text', ['.png' * 5000, 'a ' * 10_000 + '.png', ('x' * 50 + '.png ') * 300, '/' * 20_000 + '.png']
)
def test_hostile_text_takes_no_time(text):
    begin = time.process_time()
    paths(text, {'a.png'})
    assert time.process_time() - begin < 0.5


def test_a_text_cannot_make_the_search_for_names_long():
    """It once took half a second of the only event loop for 20 kB of text."""
    line = ''
    while len(line) < 19_900:
        line += '=' * 60 + 'q/xxx1.png '
    begin = time.thread_time()
    Namer('/dev/shm/run/one/work', []).mentions(line, [], [f'd/xxx{n}.png' for n in range(500)])
    assert time.thread_time() - begin < 0.2


def test_two_hundred_names_on_lines_of_their_own_are_all_found():
    files = [f'{n}.png' for n in range(200)]
    text = '\n'.join(f'the crop was saved to {name}' for name in files)
    assert [m.path for m in Namer('/dev/shm/run/one/work', []).mentions(text, [], files)][:150] == files[:150]
