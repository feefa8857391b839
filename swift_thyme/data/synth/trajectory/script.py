"""Plans a trajectory: which rounds, which regions, which code, which sentences.

Owns the choice between one, two and three rounds: a first try that suffices, a refinement (closer, upright, stronger),
or the correction of a mistake (code that fails, a turn in the wrong direction, too weak a stretch).

Paper: §3.1 (refinement and correction). Every picture that is asked for holds the whole target, also the first ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ....types import Outcome
from ..rows import Draft
from ..types import Box, Step
from .coder import Coder, Strength
from .rounds import Round, Script, View
from .wording import look, place_in, say

LEGIBLE_PX = 44
"""Height to which a crop is enlarged so that its smallest detail can be read, pixels."""
LEAST_CROP_PX = 80
COLOR_SLACK_PX = 3
MOST_RESULT_PX = 1800
"""Longest side of an enlarged crop."""


class Planner:
    """Plans one trajectory."""

    def __init__(self, made: Draft, rng: random.Random) -> None:
        self.made, self.item, self.plan, self.rng = made, made.item, made.item.plan, rng
        self.coder = Coder(rng, made.file, made.size)
        self.rounds: list[Round] = []

    def script(self) -> Script:
        """The whole plan."""
        steps = self.plan.steps
        if not steps:
            opening = f'{look(self.rng, self.item.scene)} {say(self.rng, "glance")}'.lstrip()
            return Script((), f'{opening} {self._closing("plain")}', self.made.posed.solution)
        if steps == (Step.COMPUTE,):
            self._compute()
            return self._end('result')
        if self.plan.grid is not None:
            self._grid()
        elif self.plan.place is not None and steps == (Step.CROP,):
            ways = (*(self._crop_one,) * 3, self._corners_first, self._strip_first, self._crop_then_enlarge)
            self.rng.choice((*ways, *(self._crop_failed,) * 2))()
        elif self.plan.color:
            self.rng.choice((*(self._crop_one,) * 3, self._crop_then_enlarge, self._crop_failed))()
        else:
            flows: dict[tuple[Step, ...], tuple[Callable[[], None], ...]] = {
                (Step.CROP,): (
                    *(self._crop_one,) * 4,
                    *(self._crop_two,) * 3,
                    *(self._crop_three,) * 2,
                    self._crop_failed,
                ),
                (Step.CROP, Step.COMPUTE): (self._crop_one, self._crop_two),
                (Step.CROP, Step.ROTATE): (self._turn_one, self._turn_two, self._turn_three),
                (Step.CROP, Step.ENHANCE): (self._faint_one, self._faint_two, self._faint_three),
                (Step.CROP, Step.ROTATE, Step.ENHANCE): (self._both_one, self._both_two, self._both_three),
            }
            self.rng.choice(flows[steps])()
        if Step.COMPUTE in steps:
            code = self.coder.computation(self.rng.choice(self.plan.program))
            self._add(say(self.rng, 'compute_read', seen=self.plan.seen), code, prints=self.item.answer)
            return self._end('result', f'the result is {self.item.answer}')
        return self._end('seen')

    # --- regions

    def _tight(self) -> Box:
        """The region that the plan computes, or the target with a modest margin."""
        if self.plan.place is not None:
            return self.plan.place.box(*self.made.size)
        target = self._target()
        if self.plan.color:
            assert self.item.context is not None, 'a plan that looks for a colour has what carries it'
            return self.item.context
        detail, faint = self._detail(), Step.ENHANCE in self.plan.steps
        across, down = (0.9, 0.5) if faint else (2.6, 1.6)
        grow_x, grow_y = round(detail * self.rng.uniform(0.5, across)), round(detail * self.rng.uniform(0.3, down))
        side_x, side_y = (0.5 if faint else self.rng.uniform(0.1, 0.9) for _ in range(2))
        return self._region(target, grow_x, grow_y, side_x, side_y)

    def _wide(self) -> Box:
        """The target with what identifies it."""
        tight = self._tight()
        if self.plan.place is not None:
            return Box(0, tight.top, self.made.size[0], tight.bottom)
        context = (self.item.context or tight).union(tight)
        share = self.rng.uniform(0.25, 0.5)
        return self._region(context, round(share * context.width), round(share * context.height))

    def _target(self) -> Box:
        assert self.item.target is not None, 'a plan that crops has a target'
        box = self.item.target.box
        seen_with = self.item.context
        needs_context = self.made.task in ('attribute', 'spatial', 'chart')
        return box.union(seen_with) if needs_context and seen_with is not None else box

    def _detail(self) -> int:
        assert self.item.target is not None, 'a plan that crops has a target'
        return self.item.target.detail_px

    def _region(self, box: Box, grow_x: int, grow_y: int, side_x: float = 0.5, side_y: float = 0.5) -> Box:
        """The box with margins of `grow` pixels to a side on average, at least `LEAST_CROP_PX` wide and high.

        `side` is the share of both margins that lies left or above: 0.5 leaves the box in the middle.
        """
        spare_x = max(2 * grow_x, LEAST_CROP_PX - box.width + 1)
        spare_y = max(2 * grow_y, LEAST_CROP_PX - box.height + 1)
        left, top = box.left - round(spare_x * side_x), box.top - round(spare_y * side_y)
        grown = Box(left, top, left + box.width + spare_x, top + box.height + spare_y)
        return self.coder.snapped(grown.clipped(*self.made.size))

    def _zoom_for(self, region: Box) -> int:
        wanted = round(LEGIBLE_PX / self._detail())
        return max(1, min(wanted, 6, MOST_RESULT_PX // max(region.width, region.height)))

    # --- sentences and rounds

    def _begin(self) -> str:
        parts = [look(self.rng, self.item.scene), say(self.rng, 'open', spot=self.plan.spot)]
        parts += [say(self.rng, 'care')] if self.rng.random() < 0.3 else []
        return ' '.join(filter(None, parts))

    def _opening(self) -> str:
        width, height = self.made.size
        parts = [self._begin()]
        if self.plan.place is not None:
            return f'{parts[0]} {say(self.rng, "place", width=width, height=height)} {self.plan.place.reason}'
        if self.plan.color:
            return f'{parts[0]} {say(self.rng, "color", color=self.plan.color)}'
        parts.append(say(self.rng, 'small', place=place_in(self._target(), width, height), width=width, height=height))
        return ' '.join(parts)

    def _add(
        self,
        thought: str,
        code: str,
        view: View | None = None,
        prints: str | None = None,
        outcome: Outcome = Outcome.OK,
    ) -> None:
        self.rounds.append(Round(thought, code, view, prints, outcome))

    def _end(self, key: str, seen: str = '') -> Script:
        return Script(tuple(self.rounds), self._closing(key, seen), self.made.posed.solution)

    def _closing(self, key: str, seen: str = '') -> str:
        text = say(self.rng, key, seen=seen or self.plan.seen)
        if self.made.posed.options:
            text += ' ' + say(self.rng, 'option', letter=self.made.posed.solution)
        return text

    # --- flows: crop

    def _crop_round(self, thought: str, region: Box, zoom: int, note: str = 'cut') -> None:
        self.coder.begin()
        self._cut(region, note)
        self.coder.zoom(zoom)
        self._add(thought, self.coder.save(), self._view(region, zoom))

    def _cut(self, region: Box, note: str = 'cut') -> None:
        """Crops a region the way the plan finds it: by its words, by its colour, or by numbers read off the picture."""
        if self.plan.place is not None and region == self._tight():
            self.coder.place_corners(self.plan.place)
            self.coder.cut_named()
        elif self.plan.color:
            self.coder.color_corners(self.plan.color)
            self.coder.cut_named()
        else:
            self.coder.cut(region, note)

    def _view(self, region: Box, zoom: int = 1, turn_deg: int = 0, enhanced: bool = False) -> View:
        return View(region, zoom, turn_deg, enhanced, COLOR_SLACK_PX if self.plan.color else 0)

    def _crop_one(self) -> None:
        region = self._tight()
        zoom = self._zoom_for(region)
        self._crop_round(f'{self._opening()} {self._say_crop(zoom)}', region, zoom)

    def _crop_two(self) -> None:
        self._crop_round(f'{self._opening()} {say(self.rng, "wide")}', self._wide(), 1, 'wide')
        region = self._tight()
        self._crop_round(say(self.rng, 'narrow'), region, self._zoom_for(region))

    def _corners_first(self) -> None:
        place, region = self.plan.place, self._tight()
        assert place is not None, 'asked for where words state the region'
        self.coder.begin()
        self.coder.place_corners(place)
        self.coder.lines.append('print(x1, y1, x2, y2)')
        self._add(self._opening(), self.coder.finish(), prints=' '.join(map(str, region)))
        zoom = self._zoom_for(region)
        self.coder.begin()
        self.coder.cut_named()
        self.coder.zoom(zoom)
        self._add(say(self.rng, 'coordinates'), self.coder.save(), View(region, zoom))

    def _strip_first(self) -> None:
        place, region = self.plan.place, self._tight()
        assert place is not None, 'asked for where words state the region'
        strip, zoom = self._wide(), self._zoom_for(region)
        self.coder.begin()
        self.coder.place_corners(place)
        self.coder.strip_named()
        self._add(f'{self._opening()} {say(self.rng, "strip")}', self.coder.save('strip'), View(strip))
        self.coder.begin()
        self.coder.lines.append(self.coder.column_of_strip)
        self.coder.zoom(zoom)
        self._add(say(self.rng, 'across'), self.coder.save(), View(region, zoom))

    def _crop_failed(self) -> None:
        place = self.plan.place
        code, error = self.coder.slip() if place is None else self.coder.place_slip(place)
        region = self._tight()
        zoom = self._zoom_for(region)
        self._add(f'{self._opening()} {self._say_crop(zoom)}', code, outcome=Outcome.CODE_ERROR)
        self._crop_round(say(self.rng, 'failed', error=error), region, zoom)

    def _crop_three(self) -> None:
        region = self._tight()
        zoom = self._zoom_for(region)
        self._crop_round(f'{self._opening()} {say(self.rng, "wide")}', self._wide(), 1, 'wide')
        self._crop_round(say(self.rng, 'narrow'), region, 1)
        self._enlarge(region, zoom)

    def _crop_then_enlarge(self) -> None:
        region = self._tight()
        self._crop_round(f'{self._opening()} {self._say_crop(1)}', region, 1)
        self._enlarge(region, self._zoom_for(region))

    def _enlarge(self, region: Box, zoom: int) -> None:
        if zoom > 1:
            self.coder.begin()
            self.coder.zoom(zoom)
            self._add(say(self.rng, 'enlarge', zoom=zoom), self.coder.save(), self._view(region, zoom))

    def _say_crop(self, zoom: int) -> str:
        return say(self.rng, 'crop' if zoom > 1 else 'crop_plain', zoom=zoom)

    # --- flows: turned text

    def _say_turned(self, turn: int) -> str:
        return say(self.rng, 'turned' if self.plan.place is None else 'turned_as_said', turn=turn)

    def _turn(self) -> int:
        assert self.item.target is not None, 'a plan that turns has a target'
        turn = self.item.target.rotation_deg
        return turn if self.plan.place is not None else round(turn / 5) * 5

    def _turn_one(self, *, strengthen: bool = False) -> None:
        region, turn = self._tight(), self._turn()
        zoom = self._zoom_for(region)
        thought = [self._opening(), self._say_turned(turn)]
        thought += [say(self.rng, 'faint')] if strengthen else []
        self.coder.begin()
        self._cut(region)
        self.coder.zoom(zoom)
        self.coder.rotate(-turn)
        if strengthen:
            self.coder.enhance(Strength.FULL, alone=self.plan.place is not None)
        thought.append(say(self.rng, 'rotate', turn=turn))
        self._add(' '.join(thought), self.coder.save(), View(region, zoom, -turn, strengthen))

    def _turn_two(self) -> None:
        region, turn = self._tight(), self._turn()
        zoom = self._zoom_for(region)
        self._crop_round(f'{self._opening()} {self._say_crop(zoom)}', region, zoom)
        self._upright(f'{self._say_turned(turn)} {say(self.rng, "rotate", turn=turn)}', region, zoom, -turn)

    def _turn_three(self) -> None:
        region, turn = self._tight(), self._turn()
        zoom = self._zoom_for(region)
        self._crop_round(f'{self._opening()} {self._say_crop(zoom)}', region, zoom)
        if abs(turn - 180) > 20:
            self._upright(f'{self._say_turned(turn)} {say(self.rng, "rotate", turn=turn)}', region, zoom, turn)
            self._upright(say(self.rng, 'wrong_turn'), region, zoom, -turn)
        else:
            self._upright(f'{self._say_turned(turn)} {say(self.rng, "rotate", turn=turn)}', region, zoom, -turn)

    def _upright(self, thought: str, region: Box, zoom: int, angle: int) -> None:
        self.coder.begin()
        self.coder.rotate(angle, into='rotated')
        self._add(thought, self.coder.save('rotated'), View(region, zoom, angle))

    # --- flows: faint text

    def _faint_one(self) -> None:
        region = self._tight()
        zoom = self._zoom_for(region)
        self.coder.begin()
        self._cut(region)
        self.coder.zoom(zoom)
        self.coder.enhance(Strength.FULL, alone=self.plan.place is not None)
        thought = f'{self._opening()} {say(self.rng, "faint")} {self._say_crop(zoom)} {say(self.rng, "enhance")}'
        self._add(thought, self.coder.save(), View(region, zoom, enhanced=True))

    def _faint_two(self) -> None:
        region = self._tight()
        zoom = self._zoom_for(region)
        self._crop_round(f'{self._opening()} {self._say_crop(zoom)}', region, zoom)
        self._stronger(
            f'{say(self.rng, "faint")} {say(self.rng, "enhance")}', View(region, zoom, enhanced=True), Strength.FULL
        )

    def _faint_three(self) -> None:
        region = self._tight()
        view = View(region, self._zoom_for(region), enhanced=True)
        self._crop_round(f'{self._opening()} {self._say_crop(view.zoom)}', region, view.zoom)
        self._stronger(f'{say(self.rng, "faint")} {say(self.rng, "enhance")}', view, Strength.WEAK)
        self._stronger(say(self.rng, 'more_enhance'), view, Strength.FULL)

    def _stronger(self, thought: str, view: View, strength: Strength, source: str = '') -> None:
        self.coder.begin()
        self.coder.enhance(strength, source=source, into='enhanced', alone=self.plan.place is not None)
        self._add(thought, self.coder.save('enhanced'), view)

    # --- flows: turned and faint

    def _both_one(self) -> None:
        self._turn_one(strengthen=True)

    def _both_two(self) -> None:
        self._turn_one()
        view = self.rounds[-1].view
        assert view is not None, 'the round before returns a picture'
        self._stronger(
            f'{say(self.rng, "faint")} {say(self.rng, "enhance")}',
            View(view.region, view.zoom, view.turn_deg, True),
            Strength.FULL,
        )

    def _both_three(self) -> None:
        self._turn_two()
        view = self.rounds[-1].view
        assert view is not None, 'the round before returns a picture'
        after = View(view.region, view.zoom, view.turn_deg, True)
        self._stronger(f'{say(self.rng, "faint")} {say(self.rng, "enhance")}', after, Strength.FULL, 'rotated')

    # --- flows: grid and computation

    def _grid(self) -> None:
        grid, outline = self.plan.grid, self.plan.grid_box
        assert grid is not None and outline is not None, 'a grid plan states its grid'
        rows, columns, row, column = grid
        cell_w, cell_h = outline.width / columns, outline.height / rows
        region = Box(
            int(outline.left + (column - 1) * cell_w),
            int(outline.top + (row - 1) * cell_h),
            int(outline.left + column * cell_w),
            int(outline.top + row * cell_h),
        )
        words = {
            **dict(zip(('left', 'top', 'right', 'bottom'), outline, strict=True)),
            'rows': rows,
            'columns': columns,
        }
        opening = f'{self._begin()} {say(self.rng, "grid_open", **words, row=row, column=column)}'
        zoom = max(1, min(self._zoom_for(region), 4))
        self.coder.begin()
        self.coder.grid_corners(outline, grid)
        if self.rng.random() < 0.4:
            self.coder.lines.append('print(x1, y1, x2, y2)')
            self._add(opening, self.coder.finish(), prints=' '.join(map(str, region)))
            self.coder.begin()
            self.coder.cut_named()
            self.coder.zoom(zoom)
            self._add(say(self.rng, 'coordinates'), self.coder.save(), View(region, zoom))
        else:
            self.coder.cut_named()
            self.coder.zoom(zoom)
            self._add(opening, self.coder.save(), View(region, zoom))
        if self.rng.random() < 0.3:
            tight = self._tight()
            self._crop_round(say(self.rng, 'narrow'), tight, self._zoom_for(tight))

    def _compute(self) -> None:
        programs = list(self.plan.program)
        self.rng.shuffle(programs)
        self._add(say(self.rng, 'compute'), self.coder.computation(programs[0]), prints=self.item.answer)
        if len(programs) > 1 and self.rng.random() < 0.35:
            self._add(say(self.rng, 'check'), self.coder.computation(programs[1]), prints=self.item.answer)


def script_for(made: Draft, rng: random.Random) -> Script:
    """Plans the trajectory of a finished question.

    Args:
        made: question, picture and plan; a question asked in vain (nothing to find) has no trajectory.
        rng: the row's, for wording and habits.
    """
    return Planner(made, rng).script()
