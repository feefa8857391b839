"""The one line that tells the model what the sandbox did beyond running its code, in error and text results only."""

from __future__ import annotations

from dataclasses import replace

from ..types import Outcome, SandboxResult
from .repair.modes import Repair

_UNDONE = 'variables and files are as they were before this code'
_LOST = 'the session began anew: variables and files are gone'
_NOTHING = 'the code ran and printed nothing; print a result or the path of a picture'
_MADE = {
    Repair.INDENTATION: 'the indentation was corrected',
    Repair.IMAGE_PATH: 'a path to no file was read as the input picture',
    Repair.CLAMP: "a crop beyond the picture's edge was ended there",
    Repair.MIN_CROP: 'a crop too small to be returned was widened',
    Repair.CV_ALIAS: 'cv was read as cv2',
    Repair.FLOAT_FORMAT: 'numbers were written with 8 places',
}


def with_note(result: SandboxResult, *, rollback: bool, lost: bool = False) -> SandboxResult:
    """The result with its note at the end of the text; as it is where there is nothing to tell, or pictures to see.

    Args:
        result: of one snippet.
        rollback: a snippet that failed has left nothing behind.
        lost: there was no way back to the state before it.
    """
    if result.images:
        return result
    told = [_MADE[Repair(name)] for name in result.repairs]
    if result.outcome is not Outcome.OK and (lost or rollback):
        told.append(_LOST if lost else _UNDONE)
    if result.outcome is Outcome.OK and not result.text.strip():
        told.append(_NOTHING)
    if not told:
        return result
    break_ = '\n' if result.text and not result.text.endswith('\n') else ''
    note = f'{break_}[sandbox: {"; ".join(told)}]'
    return replace(result, text=result.text + note, note=note)
