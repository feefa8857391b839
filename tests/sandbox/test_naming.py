"""Which printed names count as pictures."""

from __future__ import annotations

import posixpath
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_thyme.sandbox.naming import Namer, place_of

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


@pytest.mark.parametrize(
    ('written', 'place'),
    [
        ('a.png', '/a.png'),
        ('/tmp/a.png', '/tmp/a.png'),
        ('//tmp/../a.png', '/a.png'),
        ('/mnt/data/temp_processed_images/d/a.png', '/d/a.png'),
        (ROOT + '/d/a.png', '/d/a.png'),
        ('/', ''),
    ],
)
def test_every_path_has_a_place_in_the_session(written, place):
    assert place_of(ROOT, written) == ROOT + place


@pytest.mark.parametrize(
    'written', ['../a.png', ROOT + '/../a.png', posixpath.dirname(posixpath.dirname(ROOT)) + '/8/a']
)
def test_what_is_around_the_session_is_never_within_it(written):
    assert not place_of(ROOT, written).startswith(ROOT + '/')


def test_a_path_from_the_root_of_the_machine_names_the_file_saved_under_it():
    assert paths('/tmp/a.png', {'tmp/a.png', 'a.png'}) == ['tmp/a.png']


def test_a_name_within_a_folder_is_found_where_there_is_only_one():
    assert paths('z.png', {'crops/z.png'}) == ['crops/z.png']
    assert paths('z.png', {'crops/z.png', 'more/z.png'}) == []


@pytest.mark.parametrize('text', ['https://example.org/logo.png', '/usr/share/a.png', 'not found: /data/b.jpg'])
def test_foreign_addresses_and_paths_are_text(text):
    assert paths(text, {'logo.png'}) == []


def test_a_picture_shown_counts_only_where_none_is_named():
    files = {'.shown/1.png', 'a.png'}
    assert paths('', files, [ROOT + '/.shown/1.png']) == ['.shown/1.png']
    assert paths('a.png', files, [ROOT + '/.shown/1.png']) == ['a.png']
