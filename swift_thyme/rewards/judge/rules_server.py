"""The embedded judge: an OpenAI-compatible server that knows rules only, and says so in every answer.

Owns the HTTP side; the verdicts are the rule stage's own. For trying things out and for machines without a GPU: it
never guesses. What the rules cannot decide it rates 0 and says so (`"decided": false` and a reason, in the reply and
in the log), so it is stricter than a model on free text: train with a model.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .. import rules
from ..prompts import Task, decode
from ..rules import RuleVerdict, Verdict, decide
from ..rules.consistent import decide_consistency

logger = logging.getLogger(__name__)

_SOURCES = b''.join(path.read_bytes() for path in sorted(Path(rules.__file__).parent.glob('*.py')))
MODEL = f'thyme-rules-{hashlib.sha256(_SOURCES).hexdigest()[:8]}'
"""The name under which it lists itself. Verdicts are cached under the model's name, hence the rules' version in it."""
REQUEST_BYTES = 4 << 20


class RulesServer(ThreadingHTTPServer):
    """Serves `/v1/models` and `/v1/chat/completions`.

    Args:
        host: address to listen on.
        port: 0 for a free one; `server_port` says which it became.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)


def answer(messages: list[Any]) -> dict[str, Any] | str:
    """The verdict on a prompt of this package, or why there is none.

    Returns:
        The object to answer with; a text when the prompt is not one the rules can rule on.
    """
    content = messages[-1].get('content') if messages and isinstance(messages[-1], dict) else None
    if isinstance(content, list):
        texts = [p.get('text', '') for p in content if isinstance(p, dict) and p.get('type') == 'text']
        content = texts[-1] if texts else ''
    decoded = decode(content) if isinstance(content, str) else None
    if decoded is None:
        return 'this judge knows rules only and reads no free prompts: ask it with the prompts of swift-thyme'
    task, data = decoded
    if task is Task.CORRECTNESS:
        verdict = decide(data['question'], data['reference_answer'], data['generated_answer'])
        return _verdict('Correctness', verdict)
    if task is Task.CONSISTENCY:
        return _verdict('Consistency', decide_consistency(data['solution_process'], data['final_answer']))
    return f'this judge knows rules only and cannot rate {task.value}: start one with a model'


def _verdict(key: str, verdict: RuleVerdict) -> dict[str, Any]:
    decided = verdict.verdict is not Verdict.UNDECIDED
    if not decided:
        logger.info('%s undecided by rules (%s): rated 0; a judge with a model would tell', key, verdict.rule)
    return {
        key: int(verdict.verdict is Verdict.MATCH),
        'rules_only': True,
        'decided': decided,
        'reason': '' if decided else 'rules cannot tell; 0 is no verdict on the answer',
        'rule': verdict.rule,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path.rstrip('/') in ('/v1/models', '/models'):
            self._send(200, {'object': 'list', 'data': [{'id': MODEL, 'object': 'model', 'owned_by': 'swift-thyme'}]})
        elif self.path in ('/health', '/ping'):
            self._send(200, {'status': 'ok', 'rules_only': True})
        else:
            self._error(404, f'no such path: {self.path}')

    def do_POST(self) -> None:
        length = int(self.headers.get('Content-Length') or 0)
        if length > REQUEST_BYTES:
            self.close_connection = True
            self._error(413, f'the request is longer than {REQUEST_BYTES} bytes')
            return
        body = self.rfile.read(length)
        if self.path.rstrip('/') not in ('/v1/chat/completions', '/chat/completions'):
            self._error(404, f'no such path: {self.path}')
            return
        try:
            request = json.loads(body)
            verdict = answer(list(request['messages']))
            count = int(request.get('n') or 1)
        except (KeyError, TypeError, ValueError) as error:
            self._error(400, f'the request cannot be read: {type(error).__name__}: {error}')
            return
        if isinstance(verdict, str):
            self._error(400, verdict)
            return
        message = {'role': 'assistant', 'content': json.dumps(verdict)}
        choices = [{'index': i, 'message': message, 'finish_reason': 'stop'} for i in range(min(count, 32))]
        usage = {'prompt_tokens': 0, 'completion_tokens': 0, 'total_tokens': 0}
        self._send(
            200,
            {
                'id': f'chatcmpl-{uuid.uuid4().hex}',
                'object': 'chat.completion',
                'created': int(time.time()),
                'model': MODEL,
                'choices': choices,
                'usage': usage,
            },
        )

    def _error(self, status: int, text: str) -> None:
        self._send(status, {'error': {'message': text, 'type': 'invalid_request_error', 'code': status}})

    def _send(self, status: int, data: dict[str, Any]) -> None:
        body = json.dumps(data, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)
