"""A whole evaluation over a scripted engine: scores that are known, failures apart, resuming, grading again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from swift_thyme import protocol
from swift_thyme.config import JudgeSettings
from swift_thyme.engines import Conversation, Sampling
from swift_thyme.errors import ConfigError, DataError, ThymeError
from swift_thyme.evaluate import Condition, EvalSettings, Item
from swift_thyme.evaluate.grading import Grade, Mark
from swift_thyme.evaluate.session import Plan, describe_policy, evaluate, rescore
from swift_thyme.evaluate.sources import load
from swift_thyme.evaluate.store import Store
from swift_thyme.infer import InferSettings, Reply, Thinker
from swift_thyme.trajectories import Record, read_records

from ..rewards.stub_judge import VERDICT, StubJudge, http, reply
from .scripted import ScriptedEngine, Speak, answering, asked_text

BOTH = (Condition.TOOLS, Condition.NO_TOOLS)


def knowing(items: list[Item], known: Callable[[Item], bool]) -> Speak:
    """Finds the right option's letter in the question it is asked, for the items it knows; else a wrong one."""

    def speak(conversation: Conversation) -> str:
        text = asked_text(conversation)
        item = next(i for i in items if i.question in text)
        letters = [
            line[0] for line in text.splitlines() if line[1:3] == '. ' and (line[3:] == item.answer) == known(item)
        ]
        return answering(letters[0])

    return speak


def plan_of(items: list[Item], settings: EvalSettings, **more: object) -> Plan:
    return replace(Plan(items, ['set'], settings, describe_policy('scripted', InferSettings())), **more)  # type: ignore[arg-type]


def test_the_score_is_the_share_that_the_policy_knows(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path)
    known = {item.id for item in items[:9]}
    thinker = Thinker(ScriptedEngine(knowing(items, lambda item: item.id in known)))
    summary, store = evaluate(plan_of(items, EvalSettings(seed=5, repeats=3)), thinker, tmp_path / 'run')
    line = summary.overall(Condition.TOOLS)
    assert line.accuracy is not None
    assert (line.accuracy.value, line.accuracy.n_items, line.accuracy.n_answers) == (9 / 12, 12, 36)
    assert (line.right, line.wrong) == (27, 9)
    assert len({record.solution for record in store.records()}) > 1


def test_the_report_states_what_it_takes_to_repeat_it(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path)[:2]
    thinker = Thinker(ScriptedEngine(knowing(items, lambda item: True)))
    evaluate(plan_of(items, EvalSettings(seed=5, conditions=BOTH)), thinker, tmp_path / 'run')
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['settings']['seed'] == 5 and report['settings']['policy']['model'] == 'scripted'
    assert report['settings']['policy']['settings']['sampling']['temperature'] == 0
    assert {'python', 'torch', 'ms-swift'} <= set(report['sessions'][0]['versions'])
    assert report['prompt']['system'] == protocol.SYSTEM_PROMPT and report['judge'] == ''
    assert [habit['retried'] for habit in report['habits']] == [0, 0]
    page = (tmp_path / 'run' / 'report.html').read_text()
    assert '<svg' in page and 'http://' not in page.replace('http://www.w3.org', '').replace(
        'http://purl.org', ''
    ).replace('http://creativecommons.org', '')
    assert 'tools off' in (tmp_path / 'run' / 'report.md').read_text()


def test_words_of_a_set_are_no_markup_of_its_report(synth_set: Path, tmp_path: Path) -> None:
    items = [replace(item, task=f'a|b\n<script>{i}') for i, item in enumerate(load(synth_set, tmp_path)[:2])]
    thinker = Thinker(ScriptedEngine(knowing(items, lambda item: True)))
    evaluate(plan_of(items, EvalSettings()), thinker, tmp_path / 'run')
    report = (tmp_path / 'run' / 'report.md').read_text().partition('```json')[0]
    assert '| a\\|b &lt;script&gt;1 | tools on | 1 |' in report and '<script>' not in report


def test_the_baseline_has_the_same_items_orders_seeds_and_token_budget(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path)[:4]
    engine = ScriptedEngine(knowing(items, lambda item: True))
    thinker = Thinker(engine)
    _, store = evaluate(plan_of(items, EvalSettings(repeats=2, conditions=BOTH)), thinker, tmp_path / 'run')
    records = store.records()
    on, off = ([r for r in records if r.condition == c.value] for c in BOTH)
    assert [(r.item_id, r.repeat, r.seed, r.question) for r in on] == [
        (r.item_id, r.repeat, r.seed, r.question) for r in off
    ]
    settings = thinker.settings
    assert on[0].sampling['max_tokens'] * settings.agent.max_rounds == off[0].sampling['max_tokens']
    assert {r.attempts for r in records} == {1}


def test_a_failure_of_the_machinery_is_apart_and_made_up_for(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path)[:6]
    broken = items[0].question
    engine = ScriptedEngine(knowing(items, lambda item: True), fail_on=lambda c: broken in asked_text(c))
    plan = plan_of(items, EvalSettings())
    summary, _ = evaluate(plan, Thinker(engine), tmp_path / 'run')
    accuracy = summary.overall(Condition.TOOLS).accuracy
    assert accuracy is not None and accuracy.value == 1.0 and accuracy.n_items == 5
    assert summary.missing == 1 and 'the engine broke' in summary.failures[0].cause
    mended = ScriptedEngine(knowing(items, lambda item: True))
    summary, _ = evaluate(plan, Thinker(mended), tmp_path / 'run')
    assert len(mended.asked) == 1
    assert (summary.missing, list(summary.failures), summary.failures_made_up) == (0, [], 1)


def test_machinery_that_is_down_stops_the_run(tmp_path: Path) -> None:
    items = [Item(str(i), 'q', 'x') for i in range(30)]
    engine = ScriptedEngine(lambda c: '', fail_on=lambda c: True)
    with pytest.raises(ThymeError, match='20 attempts in a row failed'):
        evaluate(plan_of(items, EvalSettings()), Thinker(engine), tmp_path / 'run')


def test_a_failure_that_nobody_foresaw_leaves_its_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Odd:
        settings = InferSettings()

        async def answer(self, *args: object, **options: object) -> Reply:
            raise KeyError('deep inside')

    summary, _ = evaluate(plan_of([Item('1', 'q', 'x')], EvalSettings()), Odd(), tmp_path / 'run')
    assert summary.missing == 1 and 'Traceback' in caplog.text and 'deep inside' in caplog.text


def test_a_killed_run_goes_on_where_it_was(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path)
    plan = plan_of(items, EvalSettings())
    evaluate(plan, Thinker(ScriptedEngine(knowing(items, lambda item: True))), tmp_path / 'run')
    path = tmp_path / 'run' / 'trajectories.jsonl'
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b''.join(lines[:7]) + lines[7][:50])
    engine = ScriptedEngine(knowing(items, lambda item: True))
    summary, store = evaluate(plan, Thinker(engine), tmp_path / 'run')
    assert len(engine.asked) == 5 and summary.missing == 0
    assert sorted(r.item_id for r in store.records()) == sorted(item.id for item in items)


def test_a_run_with_other_settings_is_not_continued(tmp_path: Path) -> None:
    items = [Item('1', 'q', 'x')]
    thinker = Thinker(ScriptedEngine(lambda c: answering('x')))
    evaluate(plan_of(items, EvalSettings()), thinker, tmp_path / 'run')
    with pytest.raises(ConfigError, match='seed: 0 before, 1 now'):
        evaluate(plan_of(items, EvalSettings(seed=1)), thinker, tmp_path / 'run')


def test_the_setting_that_differs_is_named_however_deep_it_lies(tmp_path: Path) -> None:
    store, policy = Store(tmp_path / 'run'), {'model': 'm', 'settings': {'sampling': {'temperature': 0.0}}}
    with store.opened({'seed': 0, 'policy': policy}):
        pass
    policy = {'model': 'm', 'settings': {'sampling': {'temperature': 0.5}}}
    told = r'\(policy\.settings\.sampling\.temperature: 0\.0 before, 0\.5 now\)'
    with pytest.raises(ConfigError, match=told), store.opened({'seed': 0, 'policy': policy}):
        pass


@pytest.mark.parametrize(
    ('name', 'content', 'told'),
    [
        ('run.json', '{"settings": {', 'run.json is damaged'),
        ('run.json', '{"settings": {}}', 'run.json is damaged'),
        ('failures.jsonl', '{"bad": 1}\n', 'failures.jsonl is damaged'),
        ('trajectories.jsonl', '{"schema": 1, "turns": [], "item_id": "1"}\n' * 2, 'is there 2 times'),
    ],
)
def test_a_damaged_run_is_refused_in_a_sentence(tmp_path: Path, name: str, content: str, told: str) -> None:
    store = Store(tmp_path / 'run')
    with store.opened({}):
        pass
    (store.folder / name).write_text(content)
    with pytest.raises(DataError, match=told):
        store.settings(), store.records(), store.failures()


def test_answers_no_rule_can_decide_are_not_called_wrong(tmp_path: Path) -> None:
    items = [Item('1', 'What does it do?', 'It keeps the door from closing')]
    thinker = Thinker(ScriptedEngine(lambda c: answering('a wedge so that people can walk through')))
    summary, _ = evaluate(plan_of(items, EvalSettings()), thinker, tmp_path / 'run')
    line = summary.overall(Condition.TOOLS)
    assert (line.right, line.wrong, line.undecided, line.at_most) == (0, 0, 1, 1.0)


def test_no_answer_is_wrong(tmp_path: Path) -> None:
    thinker = Thinker(ScriptedEngine(lambda c: '<think>I do not know.</think>'))
    summary, _ = evaluate(plan_of([Item('1', 'q', 'x')], EvalSettings()), thinker, tmp_path / 'run')
    assert summary.overall(Condition.TOOLS).wrong == 1


def test_trajectories_are_records_that_every_reader_of_ours_reads(synth_set: Path, tmp_path: Path) -> None:
    items = load(synth_set, tmp_path)[:1]
    snippet = 'from PIL import Image\nImage.open(image_path).crop((0, 0, 90, 80)).save("c.png")\nprint("c.png")'
    crop = f'<think>Look.<code>\n{snippet}\n</code>'
    engine = ScriptedEngine(lambda c: answering('A') if c.rounds else crop)
    evaluate(plan_of(items, EvalSettings()), Thinker(engine), tmp_path / 'run')
    (record,) = read_records(tmp_path / 'run')
    assert record.code_ok == 1 and record.item_id == items[0].id and record.verdict in ('right', 'wrong')
    (picture,) = record.turns[0].images
    assert (record.folder / picture).is_file() and not Path(picture).is_absolute()


def test_grading_again_asks_no_model_and_leaves_the_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [Item('1', 'What does it do?', 'It keeps the door from closing')]
    engine = ScriptedEngine(lambda c: answering('a wedge so that people can walk through'))
    evaluate(plan_of(items, EvalSettings()), Thinker(engine), tmp_path / 'run')
    before = (tmp_path / 'run' / 'trajectories.jsonl').read_bytes()

    async def ruling(records: list[Record], judge: JudgeSettings) -> list[Grade]:
        return [Grade(Mark.RIGHT, 'judge') for _ in records]

    monkeypatch.setattr('swift_thyme.evaluate.grading.ask_judge', ruling)
    summary = rescore(tmp_path / 'run', tmp_path / 'again', JudgeSettings(model='other'))
    assert summary.overall(Condition.TOOLS).right == 1 and 'other' in summary.judge
    assert (tmp_path / 'run' / 'trajectories.jsonl').read_bytes() == before and len(engine.asked) == 1
    verdict = json.loads((tmp_path / 'again' / 'verdicts.jsonl').read_text())
    assert verdict['verdict'] == 'right' and verdict['graded_by'] == 'judge'


@pytest.mark.parametrize(('verdict', 'mark'), [(1, Mark.RIGHT), (0, Mark.WRONG)])
def test_what_rules_cannot_decide_goes_to_the_judge(verdict: int, mark: Mark, tmp_path: Path) -> None:
    content = json.dumps({'Correctness': verdict})
    items = [Item('1', 'What does it do?', 'It keeps the door from closing'), Item('2', 'How many?', '7')]
    engine = ScriptedEngine(lambda c: answering('a wedge' if 'do?' in asked_text(c) else '7'))
    with StubJudge(lambda n, body: http(body=reply(content))) as judge:
        settings = JudgeSettings((judge.url,), model='stub', cache_dir='')
        evaluate(plan_of(items, EvalSettings(), judge=settings), Thinker(engine), tmp_path / 'run')
        assert len(judge.requests) == 1
    records = {record.item_id: record for record in Store(tmp_path / 'run').records()}
    assert (records['1'].verdict, records['1'].graded_by) == (mark.value, 'judge')
    assert records['2'].graded_by != 'judge'


def test_a_judge_that_fails_leaves_the_answer_ungraded_until_the_next_time(tmp_path: Path) -> None:
    items = [Item('1', 'What does it do?', 'It keeps the door from closing')]
    engine = ScriptedEngine(lambda c: answering('a wedge'))
    said = ['no verdict']
    with StubJudge(lambda n, body: http(body=reply(said[-1]))) as judge:
        settings = JudgeSettings((judge.url,), model='stub', outage_limit_s=0.5, cache_dir='')
        plan = plan_of(items, EvalSettings(), judge=settings)
        summary, _ = evaluate(plan, Thinker(engine), tmp_path / 'run')
        said.append(VERDICT)
        line = summary.overall(Condition.TOOLS)
        assert (line.ungraded, line.accuracy, summary.complete) == (1, None, False)
        summary, _ = evaluate(plan, Thinker(engine), tmp_path / 'run')
    assert summary.overall(Condition.TOOLS).right == 1 and summary.complete and len(engine.asked) == 1


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'trajectories.jsonl').write_text('{}\n')
    with pytest.raises(ConfigError, match='another kind'), Store(tmp_path).opened({}):
        pass


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    with Store(tmp_path).opened({}), pytest.raises(ConfigError, match='in use'), Store(tmp_path).opened({}):
        pass
    with Store(tmp_path).opened({}):
        pass


def test_answers_after_retries_and_by_fallback_are_counted(tmp_path: Path) -> None:
    items = [Item('first', 'one', 'x'), Item('second', 'two', 'x'), Item('third', 'three', 'x')]
    engine = ScriptedEngine(lambda c: '')

    def speak(conversation: Conversation) -> str:
        """The first item is answered at once, the second at the second attempt, the third only without tools."""
        text = asked_text(conversation)
        before = sum(text == asked_text(asked) for asked, _ in engine.asked)
        plain = protocol.SANDBOX_OPEN not in conversation.messages[0].content
        return answering('x') if 'one' in text or ('two' in text and before > 1) or plain else 'I do not know.'

    engine.speak = speak
    thinker = Thinker(engine, settings=InferSettings(retries=1, fallback=True))
    summary, _ = evaluate(plan_of(items, EvalSettings()), thinker, tmp_path / 'run')
    (habits,) = summary.habits
    assert (habits.retried, habits.fell_back, summary.overall(Condition.TOOLS).right) == (2, 1, 3)


def test_the_baseline_may_not_generate_more_however_often_it_writes_code(tmp_path: Path) -> None:
    code = f'{protocol.CODE_OPEN} 1 {protocol.CODE_CLOSE}'
    engine = ScriptedEngine(lambda c: f'<think>{" word" * 10}{code}')
    thinker = Thinker(engine, settings=InferSettings(Sampling(max_tokens=8)))
    settings = EvalSettings(conditions=(Condition.NO_TOOLS,))
    _, store = evaluate(plan_of([Item('1', 'q', 'x')], settings), thinker, tmp_path / 'run')
    given = [sampling.max_tokens for _, sampling in engine.asked]
    assert given[0] == 8 * 5 and all(later < earlier for earlier, later in pairwise(given))
    assert store.records()[0].stop_reason == 'length'


@pytest.mark.slow
def test_a_run_killed_by_a_signal_goes_on(synth_set: Path, tmp_path: Path) -> None:
    """Killed while attempts are under way; the second start makes those that were not finished, and no other."""
    program = f"""
from tests.evaluate.slow_run import main
main({str(synth_set)!r}, {str(tmp_path)!r})
"""
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, '-c', program], cwd=root)
    path = tmp_path / 'run' / 'trajectories.jsonl'
    deadline = time.monotonic() + 60
    while not (path.is_file() and path.read_bytes().count(b'\n') >= 4):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = path.read_bytes().count(b'\n')
    done = subprocess.run([sys.executable, '-c', program], cwd=root, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) == 12 - kept
    assert path.read_bytes().count(b'\n') == 12


@pytest.mark.parametrize(
    ('said', 'mark', 'untagged'),
    [('B', 'right', 1.0), ('<think>Dark.</think> B', 'right', 1.0), ('C', 'wrong', 1.0), ('', 'wrong', 0.0)],
)
def test_plain_words_at_the_end_of_a_turn_are_an_answer(tmp_path: Path, said: str, mark: str, untagged: float) -> None:
    item = Item('1', 'Which?', 'two', ('one', 'two', 'three'), 1)
    plan = plan_of([item], EvalSettings(shuffle=False))
    summary, store = evaluate(plan, Thinker(ScriptedEngine(lambda _: said)), tmp_path / 'run')
    assert [record.verdict for record in store.records()] == [mark]
    assert summary.habits[0].untagged == untagged and summary.habits[0].no_answer == float(not said)
    assert 'plain words' in summary.as_json()['answer_rule']
