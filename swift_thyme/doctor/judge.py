"""Whether the judges answer at their addresses. `thyme judge check` looks at what they answer."""

from __future__ import annotations

import httpx

from ..config import JudgeSettings
from ..env import read_env
from .finding import Finding, State

TIMEOUT_S = 3.0


def check_judge() -> Finding:
    """Every address of `REWARD_API_ADDRESS` and `QWEN_API_PORT`."""
    settings = JudgeSettings.from_env()
    causes = {address: cause for address in settings.addresses if (cause := _cause(address, settings.api_key))}
    text = f'{len(settings.addresses) - len(causes)} of {len(settings.addresses)} addresses answer'
    if not causes:
        return Finding('judge', State.OK, text)
    named = bool(read_env('REWARD_API_ADDRESS', str, '') or read_env('QWEN_API_PORT', str, ''))
    details = tuple(f'{address}: {cause}' for address, cause in causes.items())
    advice = 'start one: thyme judge --model M (or --rules); then set REWARD_API_ADDRESS and QWEN_API_PORT'
    return Finding('judge', State.FAILED if named else State.WARNING, text, (*details, advice))


def _cause(address: str, api_key: str) -> str:
    headers = {'Authorization': f'Bearer {api_key}'} if api_key else {}
    try:
        response = httpx.get(f'{address}/models', headers=headers, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        return f'{type(error).__name__}: {error}'
    return '' if response.status_code == httpx.codes.OK else f'HTTP {response.status_code}'
