"""Habits of spelling code: comments, names, ways of resizing. All spellings of one thing do the same.

Owns the choices; `coder` puts them together.
"""

from __future__ import annotations

IMAGE_NAMES = ('image', 'img', 'picture', 'original', 'source', 'full', 'im', 'photo')
CROP_NAMES = ('crop', 'cropped', 'region', 'roi', 'patch', 'part', 'cutout', 'detail', 'zoomed', 'piece')
STEMS = ('crop', 'detail', 'region', 'zoom', 'part', 'view', 'closeup', 'patch', 'cutout', 'focus')
PATH_NAMES = ('processed_path', 'processed_path', 'processed_path', 'output_path', 'save_path', 'out_path')
RESULT_NAMES = ('result', 'answer', 'total', 'value', 'outcome', 'found', 'solution', 'number')

NOTES: dict[str, tuple[str, ...]] = {
    'load': ('Load the image', 'Open the picture', 'Read the input', 'Load the original', 'Read the file from disk'),
    'cut': ('Region of interest', 'Area to look at', 'Crop around the target', 'Coordinates of the detail (pixels)',
            'Corners: left, top, right, bottom', 'Where the target is', 'Bounding box of the target'),
    'wide': ('Wider region', 'Generous crop for orientation', 'Context around the target', 'The surroundings first'),
    'size': ('Size of the picture', 'Dimensions', 'Width and height in pixels', 'How large is it?'),
    'corners': ('Corners of the region', 'Edges in pixels', 'Where the region begins and ends', 'Work out the box'),
    'color': ('Everything that is {color}', 'Mask of the {color} pixels', 'Find {color} by its value',
              'Select {color} only'),
    'outline': ('Outline of the grid', 'Grid borders as seen in the picture', 'Extent of the cells'),
    'cell': ('Corners of the wanted cell, counted from 1', 'Box of that cell', 'Indices start at 1',
             'Interpolate the edges of the cell'),
    'zoom': ('Enlarge', 'Scale up', 'Zoom in', 'Magnify for reading', 'Make it larger', 'Upsample', 'Resize',
             'Enlarge so that details can be seen'),
    'rotate': ('Rotate without cutting the corners off', 'Turn it upright', 'Undo the rotation',
               'Straighten the text', 'Keep the whole crop while turning'),
    'enhance': ('Raise the contrast', 'Stretch the grey levels', 'Bring out faint writing', 'Boost the contrast',
                'Spread the intensities'),
    'save': ('Save the result', 'Write it out and print the path', 'Store the picture', 'Keep it for inspection',
             'Output'),
    'compute': ('Evaluate directly', 'Exact computation', 'Straight from the text', 'Do the arithmetic',
                'Translate the question into code', 'Whole numbers, so no rounding', 'Count it out', 'Get the number',
                'Follow the conditions as stated', 'Brute force is fast enough', 'Compute and print',
                'Same numbers as in the question'),
}  # fmt: skip
"""What a comment is about → its wordings."""

CV2_SIZES = (
    'None, fx={factor}, fy={factor}, interpolation=cv2.{how}',
    '({crop}.shape[1] * {factor}, {crop}.shape[0] * {factor}), interpolation=cv2.{how}',
    'None, None, {factor}, {factor}, cv2.{how}',
    'dsize=None, fx={factor}, fy={factor}, interpolation=cv2.{how}',
)
"""Arguments of `cv2.resize` behind the picture."""
PIL_SIZES = (
    '({crop}.width * {factor}, {crop}.height * {factor})',
    '({factor} * {crop}.width, {factor} * {crop}.height)',
    '({crop}.size[0] * {factor}, {crop}.size[1] * {factor})',
    'tuple({factor} * side for side in {crop}.size)',
)
"""The size for Pillow's `resize`."""
