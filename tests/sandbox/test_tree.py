"""Files come back exactly as they were."""

from __future__ import annotations

import os
import random
import shutil

import pytest

from swift_thyme.sandbox.supervisor import tree


def picture_of(root):
    """Every file's content and every directory beneath a root."""
    found = {}
    for folder, _, names in os.walk(root):
        found[os.path.relpath(folder, root)] = None
        for name in names:
            path = os.path.join(folder, name)
            with open(path, 'rb') as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


def mutate(root, rng):
    """One random change beneath a root."""
    folders = [folder for folder, _, _ in os.walk(root)]
    files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    action = rng.choice(['write', 'write', 'append', 'remove', 'rename', 'mkdir', 'rmtree', 'swap'])
    folder = rng.choice(folders)
    path = os.path.join(folder, rng.choice('abcdef'))
    if action == 'write' and not os.path.isdir(path):
        with open(path, 'wb') as file:
            file.write(rng.randbytes(rng.randrange(2000)))
    elif action == 'append' and files:
        with open(rng.choice(files), 'ab') as file:
            file.write(b'more')
    elif action == 'remove' and files:
        os.remove(rng.choice(files))
    elif action == 'rename' and files and not os.path.exists(path):
        os.rename(rng.choice(files), path)
    elif action == 'mkdir' and not os.path.exists(path):
        os.mkdir(path)
    elif action == 'rmtree' and folder != str(root):
        shutil.rmtree(folder)
    elif action == 'swap' and files:
        name = rng.choice(files)
        os.remove(name)
        os.mkdir(name)


@pytest.mark.parametrize('seed', range(60))
def test_restore_gives_back_what_was_remembered(tmp_path, seed):
    rng = random.Random(seed)
    live = tmp_path / 'live'
    live.mkdir()
    memory = tree.Memory(str(live), str(tmp_path / 'kept'), 1000)
    for _ in range(6):
        for _ in range(rng.randrange(6)):
            mutate(live, rng)
        memory.remember()
        before = picture_of(live)
        for _ in range(rng.randrange(1, 8)):
            mutate(live, rng)
        memory.restore()
        assert picture_of(live) == before


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can give files to another user')
def test_what_is_restored_belongs_to_the_sessions_user(tmp_path):
    live = tmp_path / 'live'
    (live / 'd').mkdir(parents=True)
    (live / 'd' / 'a').write_text('was')
    os.chown(live, 12345, 12346)
    memory = tree.Memory(str(live), str(tmp_path / 'kept'), 100)
    memory.remember()
    shutil.rmtree(live / 'd')
    memory.restore()
    assert [(path.stat().st_uid, path.stat().st_gid) for path in (live / 'd', live / 'd' / 'a')] == [(12345, 12346)] * 2


def test_what_leaves_no_time_stamp_is_restored_where_that_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(tree.Entry, 'same_as', lambda *_: True)
    live = tmp_path / 'live'
    live.mkdir()
    (live / 'a').write_text('was')
    memory = tree.Memory(str(live), str(tmp_path / 'kept'), 100)
    memory.remember(stamps_tell=False)
    (live / 'a').write_text('new')
    memory.restore()
    assert (live / 'a').read_text() == 'was'


def test_restore_without_memory_empties(tmp_path):
    live = tmp_path / 'live'
    (live / 'a' / 'b').mkdir(parents=True)
    (live / 'a' / 'x').write_text('x')
    tree.Memory(str(live), str(tmp_path / 'kept'), 100).restore()
    assert os.listdir(live) == []


def test_restore_works_when_far_too_many_files_were_made(tmp_path):
    live = tmp_path / 'live'
    live.mkdir()
    (live / 'a').write_text('was')
    memory = tree.Memory(str(live), str(tmp_path / 'kept'), 20)
    memory.remember()
    for number in range(300):
        (live / f'f{number}').mkdir()
    (live / 'a').write_text('changed')
    memory.restore()
    assert picture_of(live) == {'.': None, 'a': b'was'}


def test_only_changed_files_are_copied_again(tmp_path, monkeypatch):
    live = tmp_path / 'live'
    live.mkdir()
    for name in 'abc':
        (live / name).write_text(name)
        os.utime(live / name, ns=(1, 1))
    monkeypatch.setattr(tree, '_RACY_NS', -(10**12))
    memory = tree.Memory(str(live), str(tmp_path / 'kept'), 20)
    memory.remember()
    copied = []
    monkeypatch.setattr(memory, '_copy_out', copied.append)
    (live / 'b').write_text('changed')
    memory.remember()
    assert copied == ['b']


def test_a_very_deep_tree_is_removed(tmp_path):
    root = tmp_path / 'deep'
    root.mkdir()
    here = os.getcwd()
    try:
        os.chdir(root)
        for _ in range(500):
            os.mkdir('d' * 200)
            os.chdir('d' * 200)
    finally:
        os.chdir(here)
    tree.remove(str(root))
    assert not root.exists()


def test_links_are_never_followed(tmp_path):
    outside, root = tmp_path / 'outside', tmp_path / 'root'
    outside.mkdir()
    (outside / 'x').write_text('x')
    root.mkdir()
    (root / 'link').symlink_to(outside)
    assert set(tree.scan(str(root), 10)) == {'link'}
    with pytest.raises(OSError):
        tree.open_beneath(str(root), 'link/x')
    tree.remove(str(root))
    assert (outside / 'x').exists()


def test_a_hole_counts_as_if_it_were_filled(tmp_path):
    with open(tmp_path / 'hole', 'wb') as file:
        file.truncate(1 << 20)
    assert tree.used_bytes(tree.scan(str(tmp_path), 9)) == 1 << 20


def test_scan_stops_at_the_limit(tmp_path):
    for number in range(9):
        (tmp_path / str(number)).touch()
    with pytest.raises(tree.TooManyFiles):
        tree.scan(str(tmp_path), 8)
    assert len(tree.scan(str(tmp_path), 9)) == 9
