"""Imported by every Python process that has this folder on its path: vLLM starts processes of its own."""

import vllm_on_cpu

vllm_on_cpu.install()
