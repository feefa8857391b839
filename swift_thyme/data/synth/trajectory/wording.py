"""Sentences of the reasoning, each in several wordings.

Owns English only: what is said when is decided by `script`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from ..types import Box

PHRASES: Mapping[str, tuple[str, ...]] = {
    'open': (
        'The question is about {spot}.',
        'I have to look at {spot}.',
        'To answer this I need {spot}.',
        'What matters here is {spot}.',
        'Let me find {spot}.',
    ),
    'small': (
        'It is in the {place} of the picture, and too small to make out reliably at this size.',
        'I can see it in the {place}, but the details are tiny compared with the {width}x{height} picture.',
        'It lies in the {place} and takes up very little of the picture.',
        'In the whole picture it is only a small spot in the {place}.',
    ),
    'grid_open': (
        'The cells fill the area from about ({left}, {top}) to ({right}, {bottom}) in {rows} rows and {columns} '
        'columns, so I can compute where row {row}, column {column} is.',
        'A grid of {rows} x {columns} cells spans x from {left} to {right} and y from {top} to {bottom}. The wanted '
        'cell follows from that by division.',
    ),
    'place': (
        'The words say exactly where that is, so I can compute its corners from the size {width}x{height}.',
        'The picture is {width} pixels wide and {height} pixels high, which fixes the region.',
        'From the size of {width}x{height} pixels I can work out the region.',
        'No searching is needed: the region follows from the width {width} and the height {height}.',
    ),
    'strip': (
        'I first cut out the whole row.',
        'First the rows of pixels that matter, over the full width.',
        'I begin with the vertical range.',
    ),
    'across': (
        'Now the horizontal range within that strip.',
        'From this strip I take the wanted column.',
        'The strip holds it; I cut it down to the right column.',
    ),
    'color': (
        'It is the only {color} thing, so a threshold by colour finds it.',
        'Nothing else is {color}: a mask of all {color} pixels gives its place.',
        'Code can find it by its colour alone; I look for the {color} pixels.',
    ),
    'crop': (
        'I crop that part and enlarge it.',
        'Cropping it and scaling it up should make it readable.',
        'Let me cut it out and zoom in.',
        'A crop, enlarged {zoom} times, will show it.',
    ),
    'crop_plain': ('I crop that part.', 'Let me cut it out.', 'I take a closer look at that region.'),
    'wide': (
        'I first crop the surroundings to be sure that I have the right one.',
        'Let me start with a wider crop, so that I do not mix it up with its neighbours.',
        'First a generous crop around it.',
    ),
    'narrow': (
        'The crop shows the right place, but there is still too much around it. I go closer.',
        'This is the right one. I now crop it tightly and enlarge it.',
        'Now I can place it exactly: a tighter crop will do.',
        'Good, it is in here. It is still small, so I narrow the crop down.',
    ),
    'enlarge': (
        'The right region, but still small. I enlarge it {zoom} times.',
        'I have it in view now; scaling it up will make it legible.',
        'Still tiny. Let me resize the crop.',
    ),
    'turned': (
        'It lies turned by roughly {turn} degrees counterclockwise.',
        'The text is turned about {turn} degrees against the clock.',
        'Its baseline is rotated by around {turn} degrees, so it has to be turned back.',
    ),
    'turned_as_said': (
        'It is turned by {turn} degrees counterclockwise, as the question says.',
        'The question gives the turn: {turn} degrees counterclockwise.',
        'According to the question it lies turned by {turn} degrees.',
    ),
    'rotate': (
        'I rotate the crop so that the text stands upright.',
        'Turning it back by {turn} degrees makes it level.',
        'Let me turn it back.',
    ),
    'wrong_turn': (
        'That was the wrong direction: now it leans even further. I turn the original crop the other way.',
        'The text is not upright; I mixed up the sign of the angle. Once more, the other way round.',
        'Rotated the wrong way. I correct the sign.',
    ),
    'faint': (
        'The writing has nearly the colour of its background.',
        'The letters hardly stand out from the surface.',
        'It is very faint.',
    ),
    'enhance': (
        'I stretch the contrast.',
        'Raising the contrast should bring it out.',
        'Let me spread the grey levels.',
    ),
    'more_enhance': (
        'Better, but not enough yet. I use the full range of grey levels.',
        'Still weak. A stronger stretch is needed.',
        'That was too timid; I stretch it much more.',
    ),
    'failed': (
        'The code failed: {error}. I fix that.',
        'That did not run ({error}). I correct it.',
        'I made a mistake there: {error}. Here is the corrected code.',
    ),
    'coordinates': (
        'The cell is at these pixels. I crop it.',
        'These are the corners of the cell; now the crop.',
        'With these numbers I can cut the cell out.',
    ),
    'compute': (
        'I compute this with Python.',
        'A few lines of code settle this exactly.',
        'Counting this by hand is error-prone, so I let the code do it.',
        'This is best computed.',
    ),
    'compute_read': (
        '{seen}. Now the total.',
        'I read: {seen}. I add it up with code to be safe.',
        'Here {seen}. The rest is arithmetic.',
    ),
    'check': (
        'To be sure I compute it in a second way.',
        'Let me check the result with a different method.',
        'I verify that independently.',
    ),
    'glance': (
        'This can be answered from the picture as a whole; no code is needed.',
        'The overall picture is enough here, there is nothing to zoom into.',
        'No closer look is needed for this.',
    ),
    'seen': (
        'Now it is clear: {seen}.',
        'I can see that {seen}.',
        'Here {seen}.',
        'In the result {seen}.',
    ),
    'result': ('The code says that {seen}.', 'So {seen}.', 'The output shows it: {seen}.'),
    'plain': ('So {seen}.', 'Clearly {seen}.', 'It is plain to see: {seen}.'),
    'option': (
        'That is option {letter}.',
        'This matches option {letter}.',
        'Among the options this is {letter}.',
    ),
}
"""What is to be said → its wordings."""


def say(rng: random.Random, key: str, **words: object) -> str:
    """One sentence, in one of its wordings, beginning with a capital letter."""
    text = rng.choice(PHRASES[key]).format(**words)
    return text[0].upper() + text[1:]


def place_in(box: Box, width: int, height: int) -> str:
    """Where a box is, in words: `upper left`, `middle`, `lower part`."""
    x, y = box.center
    across = ('left', '', 'right')[min(2, 3 * x // width)]
    down = ('upper', '', 'lower')[min(2, 3 * y // height)]
    if across and down:
        return f'{down} {across}'
    if across:
        return f'{across} part'
    return f'{down} part' if down else 'middle'
