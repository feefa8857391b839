"""What the two peers on ms-swift share: the flags of a run, and where its trainer is watched."""

import json
import os
from typing import Any

import yaml
from host import HERE, Peer
from shared import SCRIPT, follow_script
from witness import Witness

SCRIPTED = {'use_vllm': False, 'torch_dtype': 'float32', 'model_type': 'qwen2_5_vl', 'check_model': False}


def experiment() -> dict[str, Any]:
    """The flags of stage `rl` of the experiment on one GPU, without those that name its values."""
    flags = yaml.safe_load((HERE.parents[1] / 'examples/one_gpu/experiment.yaml').read_text())['stages']['rl']['flags']
    return {flag: value for flag, value in flags.items() if flag != 'O3' and '${' not in str(value)}


def words(peer: Peer, plugin: str, **flags: Any) -> list[str]:
    """`swift rlhf` with the experiment's flags and those of all peers; `flags` come on top. None leaves one out."""
    work = peer.work
    flags |= {'model': work.model, 'dataset': work.rows, 'output_dir': peer.folder / 'out', 'sleep_level': 0}
    flags |= {'external_plugins': HERE / plugin, 'dataset_shuffle': False, 'train_dataloader_shuffle': False}
    flags |= {'max_steps': work.steps + 1, 'num_generations': work.generations, 'learning_rate': 0}
    flags |= {'per_device_train_batch_size': work.batch, 'dataloader_num_workers': 0, 'overlong_filter': False}
    flags |= {'gradient_accumulation_steps': work.trajectories // work.batch, 'save_strategy': 'no'}
    flags |= dict.fromkeys(('global_batch_size', 'save_steps', 'save_only_model'))
    found = ['-m', 'swift.cli.rlhf']
    for flag, value in {**experiment(), **flags, **(SCRIPTED if work.scripted else {})}.items():
        if value is not None and not (work.scripted and flag.startswith(('vllm', 'sleep'))):
            several = value if isinstance(value, list) else [json.dumps(value) if isinstance(value, dict) else value]
            found += [f'--{flag}', *(str(word).lower() if isinstance(word, bool) else str(word) for word in several)]
    return found


def watch(scheduler: Any) -> None:
    """Watches the trainer, and the trajectories where the host asks their scheduler."""
    from swift.rlhf_trainers.grpo_trainer import GRPOTrainer

    witness, ended, step = Witness(), scheduler.on_turn_end, scheduler.step

    async def on_turn_end(self: Any, request: Any, choice: Any, turn: int) -> Any:
        witness.sampled(request.uuid, choice.token_ids)
        return await ended(self, request, choice, turn)

    def on_step(self: Any, request: Any, *args: Any) -> Any:
        before = len(request.images)
        gave = step(self, request, *args)
        witness.returned(request.uuid, len(gave['infer_request'].images) - before)
        return gave

    def inferred(gave: list[Any], *_: Any, **__: Any) -> None:
        tokens = sum(output.response.usage.prompt_tokens for output in gave)
        witness.counts.update({'prompt tokens': tokens, 'computed': tokens})

    def responded(_: Any, __: Any, result: Any, *___: Any) -> None:
        witness.counts['computed'] -= result.num_cached_tokens or 0

    def losing(_: Any, __: Any, ___: Any, inputs: dict[str, Any], batch: Any) -> None:
        rows = inputs['input_ids'], inputs['attention_mask'], batch.completion_mask
        witness.trained(*rows, inputs.get('image_grid_thw'))

    scheduler.on_turn_end, scheduler.step = on_turn_end, on_step
    witness.watch(GRPOTrainer, '_engine_infer', 'engine', inferred)
    witness.watch(GRPOTrainer, '_move_model_to_vllm', 'weights')
    witness.watch(GRPOTrainer, '_generate_completions', 'tools')
    witness.watch(GRPOTrainer, '_score_completions', 'rewards')
    witness.watch(GRPOTrainer, '_get_per_token_logps_and_entropies', 'forward')
    witness.watch(GRPOTrainer, '_generate_and_score_completions', 'batch')
    witness.watch(GRPOTrainer, '_compute_loss_and_metrics', 'rest', losing)
    witness.gate()
    if SCRIPT not in os.environ:
        from swift.infer_engine import GRPOVllmEngine

        witness.watch(GRPOVllmEngine, '_create_chat_completion_response', 'engine', responded)
    else:
        prepare = GRPOTrainer.prepare_rollout
        GRPOTrainer.prepare_rollout = lambda trainer: (follow_script(trainer.template.tokenizer), prepare(trainer))
