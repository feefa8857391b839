"""Packaging of swift-thyme. Tool settings are in pyproject.toml; tested versions in swift_thyme/doctor/matrix.json."""

import json
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (ROOT / 'swift_thyme' / '__init__.py').read_text(encoding='utf-8'))[1]
MATRIX = json.loads((ROOT / 'swift_thyme' / 'doctor' / 'matrix.json').read_text(encoding='utf-8'))
BOUNDS = {
    tested['name']: f'{tested["name"]}>={tested["at_least"]}' + (f',<{tested["below"]}' if 'below' in tested else '')
    for tested in MATRIX['packages']
}

# A lower bound is the oldest version that was run. What has none here is only known at one version, which for numpy and
# its kin is too new for Python 3.10: there pip finds the newest that fits.
CORE = [
    *(BOUNDS[name] for name in ('ms-swift', 'torch', 'transformers', 'trl')),
    'torchvision>=0.26',  # the host's video processor of Qwen-VL
    'accelerate',
    'tokenizers',
    'huggingface_hub',
    'fsspec',
    'safetensors',  # names of a checkpoint's tensors; transformers requires it
    'msgspec>=0.22',  # the host's GRPO, and trajectory records
    'qwen-vl-utils>=0.0.14',
    'mpmath>=1.3',  # values of formulas
    'sympy>=1.13',  # inside the sandbox
    'aiohttp>=3.12',  # the judge client's connections; 3.12: `socket_factory`, by which serve checks addresses
    'httpx>=0.28',
    'PyYAML>=6',  # recipes
    'packaging',
    'tqdm',
    'jinja2>=3.1',  # reports of data and of a training
    'markupsafe',
    'pyarrow',  # data shards, streamed
    'pybase64>=1.5',  # decodes base64 pictures 7 to 35 times as fast as the standard library
    'opencv-python-headless',  # what follows is inside the sandbox, too
    'pillow',
    'numpy',
    'matplotlib',
    'autopep8>=2.3',  # the paper's indentation repair, inside the sandbox only
]
SYNTH = [
    'scikit-image',  # its wheel carries the real pictures of the synthetic scenes
    'font-source-sans-pro',  # fonts of the scenes, the same on every machine (OFL-1.1)
    'font-hanken-grotesk',  # OFL-1.1
    'font-fredoka-one',  # OFL-1.1
    'font-caladea',  # Apache-2.0
]
EXTRAS = {
    'serve': ['starlette', 'uvicorn', 'pydantic>=2', 'prometheus_client', 'yarl'],  # yarl: what aiohttp calls a URL
    'synth': SYNTH,
    'ray': ['ray>=2.60'],  # sandboxes on other machines; what it was run with
    'view': ['pygments'],
    'eval': SYNTH,
    'demo': ['gradio>=5,<7', *SYNTH],
    'quickstart': ['dashscope', *SYNTH],  # ships the Qwen vocabulary that `thyme tiny` builds its tokenizer from
}
EXTRAS['all'] = sorted({name for extra in ('serve', 'synth', 'view', 'eval', 'quickstart') for name in EXTRAS[extra]})
EXTRAS |= {
    'vllm': [BOUNDS['vllm']],
    'deepspeed': [BOUNDS['deepspeed']],
    'flash': ['flash-attn>=2.7'],
    'harness': ['ms-vlmeval', 'evalscope>=1.0'],  # each pins packages: better in an environment of its own
    'dev': [
        *EXTRAS['all'], *EXTRAS['ray'], 'filelock', 'hypothesis', 'math-verify', 'mypy', 'playwright', 'psutil',
        'pytest', 'pytest-timeout', 'pytest-xdist', 'ruff',
    ],
}  # fmt: skip


class WithPlugins(build_py):
    """Puts `plugins/` into the built package, where `--O3 true` finds it; in a clone it is beside the package."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / 'swift_thyme' / 'plugins'
            shutil.copytree(ROOT / 'plugins', target, ignore=shutil.ignore_patterns('__*'), dirs_exist_ok=True)


def long_description() -> str:
    """README for a package index, which has neither the files that it links to nor the pictures."""
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    text = re.sub(r'!\[([^]]*)\]\((?!http)[^)]*\)', r'*(picture: \1)*', text)
    return re.sub(r'\[([^]]*)\]\((?!http)([^)]*)\)', r'\1 (`\2`)', text)


setup(
    name='swift-thyme',
    version=VERSION,
    description='Teach a vision-language model to think with images by writing code: a plug-in for ms-swift',
    long_description=long_description(),
    long_description_content_type='text/markdown',
    author='The swift-thyme authors',
    license='Apache-2.0',
    license_files=['LICENSE'],
    project_urls={'Paper': 'https://arxiv.org/abs/2508.11630', 'Host': 'https://github.com/modelscope/ms-swift'},
    keywords='vision-language multimodal reinforcement-learning grpo tool-use sandbox ms-swift qwen2.5-vl',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        *(f'Programming Language :: Python :: {version}' for version in MATRIX['python']),
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Typing :: Typed',
    ],
    python_requires=f'>={MATRIX["python"][0]},<3.{int(MATRIX["python"][-1].split(".")[1]) + 1}',
    packages=find_packages(include=['swift_thyme', 'swift_thyme.*']),
    package_data={
        'swift_thyme': ['py.typed', *(f'**/*.{kind}' for kind in ('txt', 'html', 'css', 'js', 'json', 'yaml'))]
    },
    cmdclass={'build_py': WithPlugins},
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={
        'console_scripts': ['thyme = swift_thyme.cli:main'],
        'lmms_eval.models': ['thyme = swift_thyme.evaluate.harness.lmms_eval_manifest:manifest'],
    },
)
