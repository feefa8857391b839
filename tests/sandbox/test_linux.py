"""What is asked of the kernel and read from it."""

from __future__ import annotations

import pytest

from swift_thyme.sandbox import linux


@pytest.mark.parametrize(
    ('kind', 'features', 'expected'),
    [('0x0005', '0110010100', True), ('0x0005', '0110000100', False), ('0x0002', '0010011001', False)],
)
def test_only_a_balloon_that_reports_free_pages_makes_huge_pages_dear(tmp_path, kind, features, expected):
    for name, content in (('device', kind), ('features', features)):
        (tmp_path / 'virtio0').mkdir(exist_ok=True)
        (tmp_path / 'virtio0' / name).write_text(content + '\n')
    assert linux.reports_free_memory(str(tmp_path)) is expected


def test_a_machine_without_virtio_devices_keeps_its_free_memory(tmp_path):
    assert linux.reports_free_memory(str(tmp_path / 'none')) is False
