"""Executes a planned trajectory in the real sandbox and writes it down as an SFT row.

Owns the row's text. Nothing in it is invented: what stands between the sandbox tags is what the sandbox returned, and a
round that did not do what was planned is an error of the generator, never a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ....errors import TrajectoryError
from ....protocol import (
    ANSWER_CLOSE,
    ANSWER_OPEN,
    CODE_CLOSE,
    CODE_OPEN,
    THINK_CLOSE,
    THINK_OPEN,
    render_sandbox_output,
)
from ....sandbox import BlockingSession, InputImage
from ....types import Outcome, SandboxResult
from .rounds import Round, Script

ROUNDING_PX = 3
"""How far a returned picture's side may be from the planned one where the region is exact: resizing and turning round
to whole pixels."""


@dataclass(frozen=True)
class Played:
    """A trajectory that ran."""

    script: Script
    results: tuple[SandboxResult, ...]
    """One for each round."""

    @property
    def text(self) -> str:
        """The assistant's turn."""
        parts = []
        for planned, result in zip(self.script.rounds, self.results, strict=True):
            code = f'{CODE_OPEN}\n```python\n{planned.code}\n```\n{CODE_CLOSE}'
            parts.append(f'{planned.thought}\n{code}{render_sandbox_output(result)}\n')
        return (
            f'{THINK_OPEN}{"".join(parts)}{self.script.closing}{THINK_CLOSE}\n'
            f'{ANSWER_OPEN}{self.script.answer}{ANSWER_CLOSE}'
        )

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The returned pictures in order; the files live as long as the session."""
        return tuple(Path(image.path) for result in self.results for image in result.images)

    @property
    def views(self) -> list[dict[str, object]]:
        """What each returned picture shows: region of the original (pixels), zoom, turn, whether enhanced."""
        found: list[dict[str, object]] = []
        for planned in self.script.rounds:
            if planned.view is not None:
                view = planned.view
                found.append(
                    {
                        'region': list(view.region),
                        'zoom': view.zoom,
                        'turn_deg': view.turn_deg,
                        'enhanced': view.enhanced,
                    }
                )
        return found

    @property
    def row_columns(self) -> dict[str, object]:
        """What an SFT row has beyond the others."""
        failed = sum(r.outcome is not Outcome.OK for r in self.script.rounds)
        return {'rounds': len(self.script.rounds), 'failed_rounds': failed, 'views': self.views}


def inputs(path: Path | None, prompt_path: str) -> tuple[InputImage, ...]:
    """What a session is opened with: the row's picture under the name the prompt gives it, or nothing."""
    return () if path is None else (InputImage(path, prompt_path),)


def play(script: Script, session: BlockingSession) -> Played:
    """Runs a planned trajectory.

    Raises:
        TrajectoryError: a round gave something else than planned.
        SessionDead: the sandbox lost the session.
    """
    results = []
    for number, planned in enumerate(script.rounds, 1):
        result = session.run(planned.code)
        problem = mismatch(planned, result)
        if problem:
            raise TrajectoryError(
                f'round {number} of a synthetic trajectory did not do what was planned: {problem}; this is a defect of '
                f'the generator, report it with the snippet:\n{planned.code}'
            )
        results.append(result)
    return Played(script, tuple(results))


def mismatch(planned: Round, result: SandboxResult) -> str:
    """What is wrong with a result, in words; empty where it is what was planned."""
    if result.outcome is not planned.outcome:
        return f'outcome {result.outcome.value} ({result.text!r}), expected {planned.outcome.value}'
    if planned.outcome is not Outcome.OK:
        return ''
    if planned.view is None:
        if result.images:
            return f'{len(result.images)} pictures, expected text'
        same = planned.prints is None or result.text.strip() == planned.prints
        return '' if same else f'printed {result.text!r}, expected {planned.prints!r}'
    if len(result.images) != 1:
        return f'{len(result.images)} pictures ({result.text!r}), expected 1'
    return _wrong_size(planned, result)


def _wrong_size(planned: Round, result: SandboxResult) -> str:
    view, image = planned.view, result.images[0]
    assert view is not None, 'asked for a round that returns a picture'
    if view.turn_deg % 360:
        return ''
    width, height = view.region.width * view.zoom, view.region.height * view.zoom
    most = max(ROUNDING_PX, 2 * view.slack_px * view.zoom)
    near = abs(image.width_px - width) <= most and abs(image.height_px - height) <= most
    return '' if near else f'a picture of {image.width_px}x{image.height_px}, expected {width}x{height}'
