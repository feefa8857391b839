"""Every name, signature and registry of the host that the package uses. An upgrade of ms-swift fails here first.

Each entry says what depends on it, so that the failure reads as a sentence.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

SIGNATURES = {
    # name: (parameters, what of ours depends on it)
    'swift.template:Template.init_processor': ('self, processor', 'the check that template and model belong together'),
    'swift.template:Template.prepare_engine_kwargs': ('self', 'adaptive temperature on vLLM'),
    'swift.template:Template.prepare_generate_kwargs': (
        'self, generate_kwargs, *, model',
        'adaptive temperature on transformers',
    ),
    'swift.template:Template._preprocess_inputs': ('self, inputs', 'errors for missing and unreadable pictures'),
    'swift.template:Template._add_default_tags': ('inputs', 'pictures inside id-backed turns'),
    'swift.template:Template._pre_tokenize_images': (
        'self, context_list, loss_scale_list, inputs',
        'pictures inside id-backed turns and token borders',
    ),
    'swift.template:Template.replace_tag': ('self, media_type, index, inputs', 'loading pictures of id-backed turns'),
    'swift.template:Template._encode': ('self, inputs', 'training the end-of-turn token after </answer>'),
    'swift.template:Template._encode_truncated': ('self, inputs', 'prompts of rollouts that are never cut'),
    'swift.template:Template._get_system': ('self, inputs', 'counting a prompt, tools included'),
    'swift.template:Template._get_response_prefix': ('self, inputs', 'refusing words that have no ids'),
    'swift.template:Template._tokenize': ('self, context, **kwargs', 'token borders of sandbox output'),
    'swift.template:register_template': ('template_meta, *, exist_ok', 'registration of the O3 templates'),
    'swift.template.utils:get_token_backed_response_ids': ('response', 'finding id-backed turns'),
    'swift.loss_scale:LossScale.__init__': ('self, base_strategy', 'the SFT masks'),
    'swift.loss_scale:LossScale.get_loss_scale': ('self, context, **kwargs', 'the SFT masks'),
    'swift.loss_scale:LossScale._inner_call': (
        'self, context, context_type, query, loss, loss_scale, is_last_round',
        'the guard of sandbox output',
    ),
    'swift.loss_scale:LossScale.__call__': (
        'self, context_list, context_types, messages, **kwargs',
        'training the last turn of a rollout only',
    ),
    'swift.pipelines.train.sft:SwiftSft._get_dataset': ('self', 'patch.check_at_start'),
    'swift.rollout:MultiTurnScheduler.__init__': ('self, infer_engine, max_turns, *args, **kwargs', 'the scheduler'),
    'swift.rollout:MultiTurnScheduler.on_trajectory_start': ('self, requests', 'the scheduler'),
    'swift.rollout:MultiTurnScheduler.on_turn_end': (
        'self, infer_request, response_choice, current_turn',
        'the scheduler',
    ),
    'swift.rollout:MultiTurnScheduler.check_finished': (
        'self, infer_request, response_choice, current_turn',
        'the scheduler',
    ),
    'swift.rollout:MultiTurnScheduler.step': ('self, infer_request, response_choice, current_turn', 'the scheduler'),
    'swift.rollout:MultiTurnScheduler.prepare_response_continuation': (
        'self, response_choice',
        'ids, masks and log-probs of a turn that goes on',
    ),
    'swift.rollout:MultiTurnScheduler.run': ('self, infer_request, request_config, **kwargs', 'server mode'),
    'swift.rollout:run_multi_turn': (
        'requests, first_turn_outputs, scheduler, rollout_fn, request_config, max_turns, gather_fn',
        'colocate mode',
    ),
    'swift.rl_core.data:OnPolicySample.apply_rollout_output': (
        'self, *, rollout_output',
        'pictures of later rounds reaching training',
    ),
    'swift.rlhf_trainers.grpo_trainer:GRPOTrainer._prepare_batch_inputs': ('self, samples', 'patch.encode_ahead'),
    'swift.rlhf_trainers.grpo_trainer:encode_sample': (
        'sample, template, *, encode_prompt_only',
        'patch.encode_ahead',
    ),
    'swift.rlhf_trainers.utils:replace_assistant_response_with_ids': (
        'messages, completion_ids, loss_mask, non_thinking_prefix_ids',
        'training on exactly the sampled ids',
    ),
    'swift.rlhf_trainers.utils:collate_to_grpo_micro_batch': (
        'samples, template, *, device, padding_to, router_replay_mode, use_logits_to_keep',
        'host_patch.leave_out_untrained',
    ),
    'swift.rollout:MultiTurnScheduler.get_response_token_data': (
        'self, infer_request, response_choice, is_continuation, response_token_ids, response_loss_mask',
        'masks of the last generation (THYME_TRAIN_CODE)',
    ),
    'swift.rewards:ORM.__init__': ('self, args, **kwargs', 'the rewards'),
    'swift.rlhf_trainers.grpo_trainer:GRPOTrainer._compute_rewards_per_func': ('self, samples', 'patch.watch_scoring'),
    'swift.rlhf_trainers.grpo_trainer:GRPOTrainer._postprocess_batch': (
        'self, samples, batch_encoded_inputs',
        'patch.watch_scoring',
    ),
    'swift.template:Template._load_image': ('image, load_images', 'pictures upright and of 8 bits'),
    'qwen_vl_utils.vision_process:smart_resize': (
        'height, width, factor, min_pixels, max_pixels',
        'which pictures can be shown',
    ),
    'swift.dataset.loader:DatasetLoader.load': (
        'self, dataset_syntax, dataset_meta, *, use_hf',
        'real paths in prepared sets (data.host)',
    ),
    'swift.dataset:AutoPreprocessor._get_preprocessor': ('self, dataset', 'real paths in prepared sets (data.host)'),
    'swift.dataset:MessagesPreprocessor.preprocess': ('self, row', 'real paths in prepared sets (data.host)'),
    'swift.dataset:register_dataset': ('dataset_meta, *, exist_ok', 'the loader of prepared sets'),
    'swift.utils.utils:_patch_get_type_hints': ('', "reading the host's flags in `thyme sft|rlhf|…`"),
    'swift.model:get_matched_model_meta': ('model_id_or_path', 'finding the template for a hub id'),
    'swift.cli.main:parse_yaml_args': ('argv', 'the YAML form of the recipes'),
}
REGISTRIES = {
    'swift.template:TEMPLATE_MAPPING': 'templates',
    'swift.loss_scale:loss_scale_map': 'SFT masks',
    'swift.rollout:multi_turns': 'the scheduler',
    'swift.rewards:orms': 'rewards',
    'swift.dataset:DATASET_MAPPING': 'the loader of prepared sets',
}
FIELDS = {
    'swift.infer_engine.protocol:RolloutInferRequest': {'messages', 'images', 'uuid', 'data_dict'},
    'swift.infer_engine.protocol:ChatCompletionResponseChoice': {'message', 'finish_reason', 'logprobs', 'token_ids'},
    'swift.infer_engine.protocol:RolloutOutput': {
        'messages',
        'response_token_ids',
        'response_loss_mask',
        'rollout_infos',
        'rollout_logprobs',
    },
    'swift.dataset:DatasetMeta': {'dataset_path', 'loader', 'preprocess_func'},
    'swift.template:TemplateMeta': {'template_type', 'template_cls', 'default_system', 'stop_words', 'suffix'},
    'swift.template.template_inputs:StdTemplateInputs': {'messages', 'system', 'images', 'extra_kwargs'},
}


def resolve(name: str) -> Any:
    module, _, path = name.partition(':')
    value: Any = importlib.import_module(module)
    for part in path.split('.'):
        value = getattr(value, part)
    return value


def parameters(function: Any) -> str:
    out, keyword = [], False
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.KEYWORD_ONLY and not keyword and not any(o.startswith('*') for o in out):
            out.append('*')
        keyword = keyword or p.kind is p.KEYWORD_ONLY
        out.append({p.VAR_POSITIONAL: '*', p.VAR_KEYWORD: '**'}.get(p.kind, '') + p.name)
    return ', '.join(out)


def test_the_host_is_of_the_range_that_setup_names() -> None:
    assert version('ms-swift').split('.')[:2] == ['4', '6'], 'setup.py asks for ms-swift>=4.6,<4.7'


@pytest.mark.parametrize('name', SIGNATURES)
def test_host_function_has_the_signature_we_call_or_override(name: str) -> None:
    expected, used_for = SIGNATURES[name]
    assert parameters(resolve(name)) == expected, f'{name} changed its parameters; {used_for} depends on it'


@pytest.mark.parametrize('name', REGISTRIES)
def test_host_registry_is_a_dict_we_can_add_to(name: str) -> None:
    assert isinstance(resolve(name), dict), f'{name} is no dict any more; {REGISTRIES[name]} are registered there'


@pytest.mark.parametrize('name', FIELDS)
def test_host_dataclass_has_the_fields_we_read(name: str) -> None:
    cls = resolve(name)
    have = set(getattr(cls, 'model_fields', ())) or {field.name for field in dataclasses.fields(cls)}
    assert FIELDS[name] <= have, f'{name} lost {FIELDS[name] - have}'


def test_the_grpo_trainer_collates_through_the_name_that_is_patched() -> None:
    source = inspect.getsource(importlib.import_module('swift.rlhf_trainers.grpo_trainer'))
    assert 'collate_to_grpo_micro_batch(' in source and 'import' in source.split('collate_to_grpo_micro_batch')[0]


def test_every_training_command_loads_its_rows_through_the_method_that_is_patched() -> None:
    sft, rlhf = (
        inspect.getsource(resolve(f'swift.pipelines.train.{name}')) for name in ('sft:SwiftSft', 'rlhf:SwiftRLHF')
    )
    assert sft.count('self._get_dataset()') == 1, 'from _prepare_dataset, before anything is encoded'
    assert 'super()._get_dataset()' in rlhf, 'the overriding one begins with it'
    assert 'multi_turn_scheduler' in inspect.getsource(resolve('swift.arguments:RLHFArguments')._set_loss_scale), (
        'the host makes the last turn the default itself: SandboxGuard.__call__ may go'
    )


def test_vllm_requests_pass_through_the_method_that_is_patched() -> None:
    spec = importlib.util.find_spec('swift.infer_engine.vllm_engine')
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_text(encoding='utf-8')
    assert 'def _add_request(self,\n                     inputs: Dict[str, Any],\n' in source
    assert source.count('self._add_request(') == 3, 'the sync, the async and the streaming way'


def test_scheduler_may_replace_a_samples_images_through_rollout_infos() -> None:
    assert 'images' in resolve('swift.rl_core.data:_MULTIMODAL_KEYS')


def test_rollout_infos_and_ids_reach_the_rewards() -> None:
    row = resolve('swift.rl_core.data:OnPolicySample')(
        messages=[], images=['a'], extra={'solution': 'x'}
    ).to_reward_row()
    assert {'messages', 'images', 'rollout_infos', 'response_token_ids', 'solution', 'request_id'} <= set(row)


def test_registering_twice_changes_nothing() -> None:
    from swift_thyme.host.register import register_all

    def snapshot() -> list[set[str]]:
        return [set(resolve(name)) for name in REGISTRIES]

    register_all()
    before = snapshot()
    register_all()
    assert snapshot() == before
    assert {'thyme_qwen2_vl', 'thyme_qwen2_5_vl', 'thyme_qwen3_vl'} <= before[0]
    assert {'thyme', 'thyme_last_round', 'thyme_last_round_release'} <= before[1]
    assert 'thyme' in before[2]


@pytest.mark.parametrize('template_type', ['thyme_qwen2_vl', 'thyme_qwen2_5_vl', 'thyme_qwen3_vl'])
def test_our_template_extends_the_hosts_template_of_the_same_family(template_type: str) -> None:
    from swift_thyme.host.register import register_all

    register_all()
    mapping = resolve('swift.template:TEMPLATE_MAPPING')
    ours, host = mapping[template_type], mapping[template_type.removeprefix('thyme_')]
    assert issubclass(ours.template_cls, host.template_cls)
    assert (ours.prompt, ours.suffix, ours.chat_sep) == (host.prompt, host.suffix, host.chat_sep)
