"""Asks a server through clients as they are on the package index; `test_clients` runs it where they are installed.

    python clients_driver.py BASE_URL PICTURE

Prints one JSON object: what each way of asking gave, or the status and the words of its refusal.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import litellm
import openai
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

URL = sys.argv[1]
PICTURE = f'data:image/jpeg;base64,{base64.b64encode(Path(sys.argv[2]).read_bytes()).decode()}'
CONTENT: list[Any] = [
    {'type': 'image_url', 'image_url': {'url': PICTURE}},
    {'type': 'text', 'text': 'Which letter?'},
]
MESSAGES: list[Any] = [{'role': 'user', 'content': CONTENT}]
client = openai.OpenAI(base_url=URL, api_key='none', max_retries=0)
MODEL = client.models.list().data[0].id
found: dict[str, Any] = {}


class Letter(BaseModel):
    letter: str


def note(name: str, ask: Callable[[], Any]) -> None:
    try:
        found[name] = ask()
    except Exception as error:  # noqa: BLE001 -- every client has its own
        found[name] = {'status': getattr(error, 'status_code', None), 'error': str(error)}


async def many() -> list[str | None]:
    asking = openai.AsyncOpenAI(base_url=URL, api_key='none')
    create = asking.chat.completions.create
    replies = await asyncio.gather(*(create(model=MODEL, messages=MESSAGES) for _ in range(4)))
    return [reply.choices[0].message.content for reply in replies]


def streamed() -> str:
    chunks = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={'include_usage': True}
    )
    return ''.join(chunk.choices[0].delta.content or '' for chunk in chunks if chunk.choices)


def helped() -> str | None:
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES) as events:
        for _ in events:
            pass
        return events.get_final_completion().choices[0].message.content


def follow_up(chat: ChatOpenAI) -> Any:
    first = chat.invoke([HumanMessage(CONTENT)])
    return chat.invoke([HumanMessage(CONTENT), first, HumanMessage('Are you sure?')]).content


def lite(**more: Any) -> Any:
    return litellm.completion(
        model=f'hosted_vllm/{MODEL}', api_base=URL, api_key='none', messages=MESSAGES, num_retries=0, **more
    )


def main() -> None:
    create = client.chat.completions.create
    note('openai', lambda: create(model=MODEL, messages=MESSAGES).choices[0].message.content)
    note('openai, stream', streamed)
    note('openai, stream helper', helped)
    note('openai, async', lambda: asyncio.run(many()))
    note('openai, parse', lambda: client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Letter))
    note('openai, tools', lambda: create(model=MODEL, messages=MESSAGES, tools=[openai.pydantic_function_tool(Letter)]))
    note('openai, n', lambda: create(model=MODEL, messages=MESSAGES, n=2))
    note('openai, logprobs', lambda: create(model=MODEL, messages=MESSAGES, logprobs=True))
    note('openai, responses', lambda: client.responses.create(model=MODEL, input='Hi'))
    note('openai, completions', lambda: client.completions.create(model=MODEL, prompt='Hi'))
    chat = ChatOpenAI(base_url=URL, api_key='none', model=MODEL, max_retries=0)  # type: ignore[arg-type]
    note('langchain', lambda: chat.invoke([HumanMessage(CONTENT)]).content)
    note('langchain, stream', lambda: ''.join(str(part.content) for part in chat.stream([HumanMessage(CONTENT)])))
    note('langchain, batch', lambda: [one.content for one in chat.batch([[HumanMessage(CONTENT)]] * 3)])
    note('langchain, follow-up', lambda: follow_up(chat))
    for method in ('json_schema', 'json_mode', 'function_calling'):
        structured = chat.with_structured_output(Letter, method=method)  # type: ignore[arg-type]
        note(f'langchain, {method}', lambda asked=structured: asked.invoke([HumanMessage(CONTENT)]))
    note('langchain, tools', lambda: chat.bind_tools([Letter], tool_choice='any').invoke([HumanMessage(CONTENT)]))
    note('litellm', lambda: lite().choices[0].message.content)
    note('litellm, stream', lambda: ''.join(part.choices[0].delta.content or '' for part in lite(stream=True)))
    note('litellm, response_format', lambda: lite(response_format=Letter))
    print(json.dumps(found, default=str))


if __name__ == '__main__':
    main()
