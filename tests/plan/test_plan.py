from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from swift_thyme import cli
from swift_thyme.errors import ConfigError
from swift_thyme.plan import memory, time
from swift_thyme.plan.architecture import KNOWN, Architecture, architecture
from swift_thyme.plan.memory import RolloutEngine, Sizes
from swift_thyme.plan.plan import Beside, PlannedJob, place_sandbox, plan_rl, plan_sft
from swift_thyme.plan.time import GPUS, Rollouts

MEASURED = json.loads((Path(__file__).parent / 'measured.json').read_text())
"""Runs on real machines, pictures and text of all rows of a pass together: docs/recipes.md has the commands."""


def job(name: str = '7b', gpus: int = 8, memory_gib: float = 74.5, pixels: int = 2_408_448) -> PlannedJob:
    return PlannedJob(KNOWN[name], gpus, memory_gib, GPUS['h100'], pixels, 2, 256)


@pytest.mark.parametrize(('name', 'billions'), [('3b', 3.75), ('7b', 8.29), ('32b', 33.5), ('72b', 73.4)])
def test_parameters_are_those_of_the_released_models(name: str, billions: float) -> None:
    assert KNOWN[name].params / 1e9 == pytest.approx(billions, rel=0.01)


def test_a_checkpoints_configuration_is_read(tiny: Path) -> None:
    from safetensors import safe_open

    with safe_open(tiny / 'model.safetensors', 'pt') as file:
        real = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118
    assert architecture(str(tiny)).params == pytest.approx(real, rel=0.02)


def test_a_folder_without_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='7b'):
        architecture(str(tmp_path))


def test_one_visual_token_covers_28_by_28_pixels() -> None:
    assert KNOWN['7b'].visual_tokens(3_211_264) == 4096


def test_zero_3_spreads_weights_and_zero_2_does_not() -> None:
    model, sizes = KNOWN['7b'], Sizes(2048, 1_003_520, 1)
    two, three = (memory.training(model, sizes, zero=zero, gpus=8) for zero in (2, 3))
    assert two.weights == pytest.approx(2 * model.params / memory.GIB)
    assert three.weights < two.weights / 4
    assert two.optimizer == three.optimizer == pytest.approx(12 * model.language_params / 8 / memory.GIB)


@pytest.mark.parametrize('gpus', [2, 4, 8, 16])
def test_more_gpus_never_need_more_memory_each(gpus: int) -> None:
    sizes = Sizes(2048, 1_003_520, 2)
    few, many = (memory.training(KNOWN['7b'], sizes, zero=3, gpus=n).total for n in (gpus, 2 * gpus))
    assert many <= few


def test_a_plan_stays_within_the_memory() -> None:
    for name in KNOWN:
        for gpus in (1, 2, 8, 64):
            for plan in (plan_sft(job(name, gpus)), plan_rl(job(name, gpus))):
                assert plan is None or plan.memory.total < 74.5
                assert plan is None or plan.engine is None or plan.engine.share <= 0.95


def test_the_papers_setting_fits_eight_gpus_of_80_gb() -> None:
    plan = plan_rl(job())
    assert plan is not None and plan.engine is not None
    assert (plan.tuner, plan.zero, plan.sizes.pixels, plan.engine.gpus) == ('full', 3, 2_408_448, 1)


def test_what_does_not_fit_gets_smaller_pictures_before_it_is_given_up() -> None:
    small = plan_sft(job('7b', 1, 24, 3_211_264))
    assert small is not None and small.tuner == 'lora' and small.sizes.pixels < 3_211_264
    assert plan_sft(job('7b', 1, 12)) is None


def test_decoding_is_bound_by_reading_weights_for_one_trajectory() -> None:
    model, gpu = KNOWN['7b'], GPUS['h100']
    sizes, one = Sizes(0, 0, 0), Rollouts(sampled_tokens=1000, images=0)
    seconds = time.generate_s(model, sizes, one, sequences=1, engine=RolloutEngine(0.9, 1, 1), gpu=gpu)
    assert seconds == pytest.approx(1000 * 2 * model.language_params / (3.35e12 * time.MEMORY_SHARE), rel=0.01)


def test_workers_read_pictures_while_the_gpu_computes_and_the_trainer_itself_does_not() -> None:
    alone, hidden, late = (
        time.load_s(2_000_000, 2, 8, workers=workers, train=train) for workers, train in ((0, 9.0), (4, 9.0), (4, 0.1))
    )
    assert alone == pytest.approx(32 * time.LOAD_S_PER_MPIXEL)
    assert hidden == 0 and late == pytest.approx(alone / 4 - 0.1)


def test_one_gpu_communicates_with_nobody() -> None:
    assert time.communicate_s(KNOWN['7b'], zero=2, gpus=1, accumulation=8, gpu=GPUS['h100']) == 0


def test_the_command_prints_both_plans(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['plan', '--model', '7b', '--gpus', '8', '--mem', '80']) == 0
    out = capsys.readouterr().out
    assert '--deepspeed zero2' in out and '--vllm_gpu_memory_utilization' in out


def test_the_command_ends_with_one_when_nothing_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['plan', '--model', '72b', '--gpus', '1', '--mem', '24']) == 1
    assert 'does not fit' in capsys.readouterr().out


def test_a_trajectory_has_as_many_snippets_as_were_measured() -> None:
    lines = (
        (Path(__file__).parents[2] / 'docs' / 'evidence' / 'pilot' / 'rl.jsonl')
        .read_text(encoding='utf-8')
        .splitlines()
    )
    steps = [row for row in map(json.loads, lines) if row['run'] == 'rl-graph' and 4 <= row['step'] <= 11]
    measured = statistics.fmean(row['rollout/code_blocks'] for row in steps)
    assert len(steps) == 8 and abs(Rollouts().code_blocks - measured) < 0.05


@pytest.mark.parametrize(
    ('more', 'said'),
    [
        ([], 'THYME_SANDBOX=local'),
        (['--cores', '48'], 'THYME_SANDBOX=ray: a pool of'),
        (['--snippet-cpu-s', '60'], 'THYME_SANDBOX=ray: a pool of'),
    ],
)
def test_code_runs_beside_the_trainers_as_long_as_their_cores_suffice(
    more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(['plan', '--gpus', '16', *more]) == 0
    out = capsys.readouterr().out
    assert said in out and 'calculated:' in out


def test_a_pool_has_the_cores_that_all_nodes_want_together() -> None:
    needs = Beside(sandbox_cores=40.0, judge_requests=0, judges=0, epoch_hours=0, trajectories_gb=0)
    place = place_sandbox(needs, gpus=32, cores=64)
    assert (place.nodes, place.wanted_cores, place.free_cores, place.fits) == (4, 20.0, 16, False)
    assert place.pool_cores == 80


def test_scales_go_to_256_gpus(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(['plan', '--scale']) == 0
    assert '| 256 | 256 |' in capsys.readouterr().out


@pytest.mark.parametrize('run', MEASURED, ids=lambda run: run['name'])
def test_the_memory_is_near_what_was_measured(run: dict[str, Any]) -> None:
    """Within the factor that is recorded with each run; an engine in the same process is added as it was asked for."""
    need = memory.training(shape(run), sizes(run), zero=run['zero'], gpus=run['gpus'])
    ratio = (need.total + run.get('engine_gib', 0)) / run['measured_gib']
    assert 1 / run['memory_factor'] < ratio < run['memory_factor']


@pytest.mark.parametrize('run', [run for run in MEASURED if 'measured_s' in run], ids=lambda run: run['name'])
def test_the_time_is_near_what_was_measured(run: dict[str, Any]) -> None:
    """Likewise."""
    model, gpus, rows, gpu = shape(run), run['gpus'], run['accumulation'], GPUS[run['gpu']]
    one = sizes(run)
    seconds = time.train_s(model, one.tokens(model), one.pixels, one.images, rows, gpu, 4)
    seconds += time.load_s(one.pixels, one.images, rows, workers=run['workers'], train=seconds)
    seconds += time.communicate_s(model, zero=run['zero'], gpus=gpus, accumulation=rows, gpu=gpu)
    assert 1 / run['time_factor'] < seconds / run['measured_s'] < run['time_factor']


def shape(run: dict[str, Any]) -> Architecture:
    return KNOWN[run['model']] if 'model' in run else Architecture(**run['architecture'])


def sizes(run: dict[str, Any]) -> Sizes:
    return Sizes(run['text_tokens'], run['pixels'], run['images'], run.get('images_with_logits', 0))
