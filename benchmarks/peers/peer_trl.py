"""TRL's GRPOTrainer with `environment_factory`: an environment that keeps a snippet's variables and returns crops.

Code runs by `exec` in the trainer's process; there is no adaptive temperature. TRL's tools are chat messages, and its
template for Qwen2.5-VL has none: for the same `<code>` blocks and ids it is given one whose results go on in the
assistant's turn, and a response template that reads `<code>` as a call. vLLM gets stop strings as `generation_kwargs`
and the other peers' options by its constructor; on transformers a turn of the script ends with TRL's end token.
`max_completion_length` counts all rounds and results, so it is the whole context.
"""

import json
import sys
import zipfile
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

from host import HERE, Peer
from shared import follow_script, right, run_code
from swift_run import experiment
from witness import Witness

from swift_thyme import protocol

_CONTENT = """\
{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{% if part.type == 'image' %}\
<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"""
CHAT_TEMPLATE = f"""\
{{% for m in messages %}}{{% if m.role == 'tool' %}}{protocol.SANDBOX_OPEN}{_CONTENT}{protocol.SANDBOX_CLOSE}\
{{% else %}}<|im_start|>{{{{ m.role }}}}\n{_CONTENT}\
{{% if m.tool_calls %}}<tool_call>{{{{ m.tool_calls | tojson }}}}</tool_call>{{% else %}}<|im_end|>\n{{% endif %}}\
{{% endif %}}{{% endfor %}}\
{{% if add_generation_prompt and messages[-1].role != 'tool' %}}<|im_start|>assistant\n{{% endif %}}"""
_CALL = {'type': 'function', 'function': {'name': 'run_code', 'arguments': {'code': '{content}'}}}
_CODE = {'open': protocol.CODE_OPEN, 'close': protocol.CODE_CLOSE, 'repeats': True, 'transform': _CALL}
_ANCHOR = rf'<\|im_start\|>assistant\n|{protocol.SANDBOX_CLOSE}'
_FIELDS = {'tool_calls': _CODE, 'content': {'close_pattern': r'<\|im_end\|>\s*'}}


class Trl(Peer):
    """See the module docstring."""

    def _command(self) -> tuple[list[str], dict[str, str]]:
        zipfile.ZipFile(self.work.trl).extractall(self.folder / 'trl')
        words = [str(HERE / 'peer_trl.py'), json.dumps({**vars(self.work), 'folder': self.folder}, default=str)]
        return words, {'PYTHONPATH': str(self.folder / 'trl'), 'TRL_EXPERIMENTAL_SILENCE': '1'}


def _environment(witness: Witness, folder: Path) -> type:
    from PIL import Image

    made: list[Any] = []

    class Environment:
        def __init__(self) -> None:
            self._number = len(made)
            made.append(self)

        def reset(self, path: str, **_: Any) -> None:
            self._names = {'image_path': path}

        def run_code(self, code: str) -> list[dict[str, Any]]:
            """Runs Python.

            Args:
                code: the source.
            """
            text, found = run_code(code, self._names, folder / str(self._number))
            witness.returned(self._number, len(found))
            pictures = [{'type': 'image', 'image': Image.open(path).convert('RGB')} for path in found]
            return pictures or [{'type': 'text', 'text': text}]

    return Environment


def _config(work: Namespace) -> Any:
    from trl import GRPOConfig

    rl, gpu = experiment(), not work.scripted
    same = ('temperature', 'top_p', 'beta', 'logging_steps', 'report_to', 'gradient_checkpointing')
    tokens, context = rl['max_completion_length'], rl['vllm_max_model_len']
    stop = {'stop': list(protocol.STOP_STRINGS), 'include_stop_str_in_output': True}
    return GRPOConfig(
        **{key: rl[key] for key in (*same, 'vllm_gpu_memory_utilization')},
        **{'output_dir': f'{work.folder}/out', 'max_steps': work.steps + 1, 'num_generations': work.generations},
        **{'per_device_train_batch_size': work.batch, 'max_tool_calling_iterations': rl['max_turns'] - 1, 'top_k': 0},
        **{'gradient_accumulation_steps': work.trajectories // work.batch, 'bf16': gpu, 'use_cpu': not gpu},
        **{'learning_rate': 0.0, 'shuffle_dataset': False, 'save_strategy': 'no', 'vllm_mode': 'colocate'},
        **{'max_completion_length': context, 'vllm_max_model_length': context, 'use_vllm': gpu},
        generation_kwargs={'max_tokens': tokens, **stop} if gpu else {'max_new_tokens': tokens},
        model_init_kwargs={'dtype': 'bfloat16' if gpu else 'float32', 'attn_implementation': 'sdpa'},
    )


def _dataset(path: str) -> Any:
    from datasets import Dataset, Image, Sequence

    rows = []
    for row in map(json.loads, Path(path).read_text().splitlines()):
        prompt = [{**m, 'content': m['content'].replace(protocol.IMAGE_TAG, '')} for m in row['messages']]
        rows.append({key: row[key] for key in ('images', 'solution')} | {'prompt': prompt, 'path': row['images'][0]})
    return Dataset.from_list(rows).cast_column('images', Sequence(Image()))


def _watch(witness: Witness, trainer_class: Any) -> None:
    import torch

    known: list[list[int]] = []

    def generated(gave: Any, _: Any, prompts: list[list[int]], *__: Any, num_generations: int = 0, **___: Any) -> None:
        if num_generations != 1:  # the first of a step
            known[:] = [[] for _ in prompts]
        tokens, at = sum(map(len, prompts)), 0
        witness.counts.update({'prompt tokens': tokens, 'computed': tokens})
        for prompt, ids in zip(prompts, gave[0], strict=True):
            at = next(
                (i for i in range(at, len(known)) if prompt[: len(known[i])] == known[i]), at
            )  # that it goes on with
            witness.sampled(at, ids)
            known[at] = [*prompt, *ids]
            at += 1

    def losing(_: Any, __: Any, ___: Any, inputs: dict[str, Any]) -> None:
        ids, there = (torch.cat([inputs[f'prompt_{x}'], inputs[f'completion_{x}']], 1) for x in ('ids', 'mask'))
        mask = inputs['completion_mask'] * inputs.get('tool_mask', 1)
        witness.trained(ids, there, mask, inputs.get('image_grid_thw'))

    witness.watch(trainer_class, '_generate_single_turn', 'engine', generated)
    witness.watch(trainer_class, '_generate', 'tools')
    witness.watch(trainer_class, '_calculate_rewards', 'rewards')
    witness.watch(trainer_class, '_get_per_token_logps_and_entropies', 'forward')
    witness.watch(trainer_class, '_generate_and_score_completions', 'batch')
    witness.watch(trainer_class, '_compute_loss', 'rest', losing)
    witness.gate()


def _watch_vllm(witness: Witness, pixels: int) -> None:
    from trl.generation import vllm_generation

    def answered(gave: list[Any], _: Any, prompts: list[dict[str, Any]], **__: Any) -> None:
        witness.counts['computed'] -= sum(output.num_cached_tokens or 0 for output in gave)
        pairs = zip(gave, prompts, strict=True)
        witness.counts['other prompts'] += sum(len(o.prompt_token_ids) != len(p['prompt_token_ids']) for o, p in pairs)

    rl, llm = experiment(), vllm_generation.LLM
    options = {**rl['vllm_engine_kwargs'], 'limit_mm_per_prompt': rl['vllm_limit_mm_per_prompt']}
    witness.watch(llm, 'generate', 'engine', answered)
    witness.watch(vllm_generation.VLLMGeneration, 'sync_weights', 'weights')
    vllm_generation.LLM = partial(llm, **options, mm_processor_kwargs={'max_pixels': pixels})


def _main(work: Namespace) -> None:
    from peft import LoraConfig
    from transformers import AutoProcessor
    from trl import GRPOTrainer

    witness = Witness()
    processor = AutoProcessor.from_pretrained(work.model, max_pixels=work.pixels, padding_side='left')
    processor.chat_template = processor.tokenizer.chat_template = CHAT_TEMPLATE
    processor.tokenizer.response_template = {'start_anchor_pattern': _ANCHOR, 'fields': _FIELDS}
    processor.tokenizer.response_template |= {'defaults': {'role': 'assistant'}}
    processor.tokenizer.eos_token = '<|endoftext|>'  # or TRL cuts what it appends after the last end of a turn
    follow_script(processor.tokenizer) if work.scripted else _watch_vllm(witness, work.pixels)
    _watch(witness, GRPOTrainer)
    GRPOTrainer(
        model=work.model,
        args=_config(work),
        reward_funcs=right,
        train_dataset=_dataset(work.rows),
        processing_class=processor,
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=r'.*language_model.*\.(q|k|v|o|gate|up|down)_proj'),
        environment_factory=_environment(witness, Path(work.folder, 'crops')),
    ).train()


if __name__ == '__main__':
    _main(Namespace(**json.loads(sys.argv[1])))
