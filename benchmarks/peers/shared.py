"""What peers share in their processes: a scripted policy, and a tool and a reward as they are written in an hour.

A script is a list of variants, each a list of turns. A variant begins with its number; they take turns.
"""

import io
import json
import os
from contextlib import redirect_stdout, suppress
from itertools import count
from pathlib import Path
from typing import Any

from swift_thyme.fences import strip_fence

SCRIPT = 'PEERS_SCRIPT'
"""Variable: the file of the script, if there is one."""
_CROP = '{}. <code>\nimport cv2\ncv2.imwrite({!r}, cv2.imread(image_path)[:{}, :{}])\nprint({!r})\n</code>'
ANSWER = 'Seen. <answer>42</answer>'
VARIANTS = [
    [_CROP.format(0, 'a.png', 90, 60, 'a.png'), _CROP.format(0, 'b.png', 200, 120, 'b.png'), ANSWER],
    [_CROP.format(1, 'c.jpg', 150, 250, 'c.jpg'), ANSWER],
]


def follow_script(tokenizer: Any) -> None:
    """Has every `generate` of transformers say what the script has."""
    import torch
    from transformers import GenerationMixin, LogitsProcessorList

    script, fresh, generate = json.loads(Path(os.environ[SCRIPT]).read_text()), count(), GenerationMixin.generate

    def plan(prompt: list[int]) -> list[int]:
        _, _, said = tokenizer.decode(prompt).partition('<|im_start|>assistant\n')
        variant = script[int(said[0]) if said else next(fresh) % len(script)]
        turn = [*variant, ''][min(said.count('</sandbox_output>'), len(variant))]
        return [*tokenizer.encode(turn, add_special_tokens=False), tokenizer.eos_token_id]

    def scripted(model: Any, *args: Any, **kwargs: Any) -> Any:
        plans: list[list[int]] = []

        def force_next(input_ids: Any, scores: Any) -> Any:
            if not plans:
                plans.extend(map(plan, input_ids.tolist()))
            wanted = [[ids.pop(0) if len(ids) > 1 else ids[0]] for ids in plans]
            return torch.full_like(scores, -torch.inf).scatter_(1, torch.tensor(wanted), 0.0)

        hooks = LogitsProcessorList([*(kwargs.pop('logits_processor', None) or []), force_next])
        return generate(model, *args, logits_processor=hooks, **kwargs)

    GenerationMixin.generate = scripted


def run_code(code: str, names: dict[str, Any], folder: Path) -> tuple[str, list[Path]]:
    """What it printed, or its error, and the pictures whose paths it printed; `names` keeps its variables."""
    before = os.getcwd()
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    with suppress(FileExistsError):
        Path('images').symlink_to(Path(names['image_path']).parent)  # rows of `thyme synth` say images/NAME
    try:
        with redirect_stdout(io.StringIO()) as text:
            exec(strip_fence(code), names)
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return f'{type(error).__name__}: {error}', []
    finally:
        os.chdir(before)
    found = [folder / line for line in text.getvalue().split('\n') if line.endswith(('.jpg', '.png'))]
    return text.getvalue().strip(), [path for path in found if path.is_file()]


def right(completions: list[Any], solution: list[str], **_: Any) -> list[float]:
    """1 where the answer is the solution's text."""
    return [float(f'<answer>{s}</answer>' in str(c)) for c, s in zip(completions, solution, strict=True)]
