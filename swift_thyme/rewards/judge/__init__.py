"""The judge: a model behind an OpenAI-compatible server that rules where the rules cannot."""

from __future__ import annotations

from .client import JudgeClient, Question, Ruling

__all__ = ['JudgeClient', 'Question', 'Ruling']
