"""Private names of the host's engines that `swift_thyme.engines` uses. Read from source: vLLM need not be installed."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

PINS = {
    ('transformers_engine', 'TransformersEngine', '_infer'): (
        'self infer_requests request_config adapter_request pre_infer_hook',
        'batches of the transformers backend',
    ),
    ('transformers_engine', 'TransformersEngine', '_infer_full'): (
        'self inputs generation_config adapter_request request_config template_inputs',
        'the streamer, which travels in `inputs`',
    ),
    ('vllm_engine', 'VllmEngine', '_prepare_generation_config'): ('self request_config', 'sampling on vLLM'),
    ('vllm_engine', 'VllmEngine', '_add_stop_words'): ('self generation_config request_config', 'stop words on vLLM'),
    ('vllm_engine', 'VllmEngine', '_add_request'): (
        'self inputs generation_config request_id adapter_request',
        'generation on vLLM',
    ),
    ('infer_engine', 'InferEngine', '_get_template'): ('self processor template_type', '--template, which it drops'),
    ('infer_engine', 'InferEngine', 'set_default_max_tokens'): ('self request_config inputs', 'the context limit'),
}


@pytest.mark.parametrize('place', PINS, ids='.'.join)
def test_the_host_still_has(place: tuple[str, str, str]) -> None:
    module, cls, name = place
    parameters, depends = PINS[place]
    package = find_spec('swift.infer_engine')
    assert package is not None and package.submodule_search_locations is not None
    tree = ast.parse((Path(next(iter(package.submodule_search_locations))) / f'{module}.py').read_text())
    owner = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls)
    found = [f for f in owner.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) and f.name == name]
    assert found, f'{cls}.{name} is gone: {depends}'
    names = [arg.arg for arg in (*found[0].args.args, *found[0].args.kwonlyargs)]
    assert names == parameters.split(), f'{cls}.{name} changed: {depends}'
