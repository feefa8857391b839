"""Packaging of swift-thyme. Tool settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

EXTRAS = {
    'vllm': ['vllm>=0.11'],
    'deepspeed': ['deepspeed>=0.17'],
    'flash': ['flash-attn>=2.7'],
    'demo': ['gradio>=5,<7'],
    'eval': ['ms-vlmeval', 'evalscope>=1.0'],  # each pins packages: better in an environment of its own
    'dev': ['hypothesis', 'mypy', 'playwright', 'pytest', 'pytest-timeout', 'pytest-xdist', 'ruff'],
}

setup(
    name='swift-thyme',
    version='0.1.0',
    description='Teach a vision-language model to think with images by writing code: a plug-in for ms-swift',
    long_description=Path(__file__).with_name('README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10,<3.13',
    packages=find_packages(include=['swift_thyme', 'swift_thyme.*']),
    package_data={
        'swift_thyme': [
            'py.typed',
            '**/*.txt',
            '**/*.html',
            '**/*.css',
            '**/*.js',
            '**/*.json',
            'launch/host_plugin/*.py',
        ]
    },
    install_requires=[
        'ms-swift>=4.6,<4.7',
        'torch',
        'torchvision',
        'transformers',
        'trl<1.0',
        'msgspec',
        'qwen-vl-utils',
        'math-verify',
        'aiohttp',  # the judge client's connections; ms-swift requires it
        'httpx',
        'starlette',  # `thyme serve`; ms-swift brings it with fastapi
        'uvicorn',  # `thyme serve`; ms-swift brings it
        'pydantic>=2',  # reads requests of `thyme serve`; ms-swift brings it with fastapi
        'prometheus_client',  # /metrics of `thyme serve`
        'opencv-python-headless',
        'pillow',
        'numpy',
        'autopep8',  # the paper's indentation repair, inside the sandbox only
        'dashscope',  # ships the Qwen vocabulary that `thyme tiny` builds its tokenizer from
        'pyarrow',  # data shards, streamed
        'pybase64',  # decodes base64 pictures 7 to 35 times as fast as the standard library
        'tqdm',
        'jinja2',  # the data report
        'pygments',  # colours of code in the viewer
        'matplotlib',  # snippets draw with it; charts in synthetic data
        'scikit-image',  # its wheel carries the real pictures of the synthetic scenes
        'font-source-sans-pro',  # fonts of the synthetic scenes, the same on every machine (OFL-1.1)
        'font-hanken-grotesk',  # OFL-1.1
        'font-fredoka-one',  # OFL-1.1
        'font-caladea',  # Apache-2.0
    ],
    extras_require=EXTRAS,
    entry_points={
        'console_scripts': ['thyme = swift_thyme.cli:main'],
        'lmms_eval.models': ['thyme = swift_thyme.evaluate.harness.lmms_eval_manifest:manifest'],
    },
)
