from __future__ import annotations

from pathlib import Path

from swift_thyme.launch.resume import latest_checkpoint


def checkpoint(folder: Path, *, state: str | None = '{}', weights: bool = True, deepspeed: bool | None = None) -> Path:
    folder.mkdir(parents=True)
    if state is not None:
        (folder / 'trainer_state.json').write_text(state)
    if weights:
        (folder / 'model.safetensors').touch()
    if deepspeed is not None:
        (folder / 'global_step2').mkdir()
        if deepspeed:
            (folder / 'latest').write_text('global_step2')
    return folder


def test_the_checkpoint_with_most_steps_is_found(tmp_path: Path) -> None:
    checkpoint(tmp_path / 'checkpoint-9')
    newest = checkpoint(tmp_path / 'checkpoint-10')
    assert latest_checkpoint(tmp_path) == newest


def test_runs_in_folders_of_their_own_are_searched(tmp_path: Path) -> None:
    checkpoint(tmp_path / 'v0-20260101' / 'checkpoint-4')
    newest = checkpoint(tmp_path / 'v1-20260102' / 'checkpoint-6')
    assert latest_checkpoint(tmp_path) == newest


def test_checkpoints_cut_short_are_passed_over(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path / 'checkpoint-2', deepspeed=True)
    checkpoint(tmp_path / 'checkpoint-4', state=None)
    checkpoint(tmp_path / 'checkpoint-6', state='{"global_step"')
    checkpoint(tmp_path / 'checkpoint-8', deepspeed=False)
    checkpoint(tmp_path / 'checkpoint-10', weights=False)
    checkpoint(tmp_path / 'checkpoint-last')
    assert latest_checkpoint(tmp_path) == whole


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / 'missing') is None
