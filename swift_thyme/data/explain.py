"""What each split, reason and fix means, in words a newcomer reads: the one text for terminal, report and documents."""

from __future__ import annotations

from .rows import Fix, Reason, Split, Verdict

SPLIT_TEXT = {
    Split.SINGLE_ROUND: 'Stage 1: one code block that works on a picture (or a direct answer about one).',
    Split.TWO_ROUNDS: 'Stage 1: two or more code blocks, refinement or correction.',
    Split.COMPUTATION_IMAGES: 'Stage 2 (annealing): code that calculates, about a picture.',
    Split.COMPUTATION_TEXT: 'Stage 2 (annealing): code that calculates, no picture. Feed it as a data set of its own.',
    Split.RL: 'Questions with solutions for GRPO.',
}

REASON_TEXT = {
    Reason.MALFORMED_ROW: 'Not a row in any known form: broken JSON, a missing or mistyped column, roles out of order.',
    Reason.UNSUPPORTED_COLUMN: 'A column changes what the row means, and a prepared row has no place for it.',
    Reason.IMAGE_COUNT: 'The number of pictures differs from the number of <image> tags.',
    Reason.UNBALANCED_TAGS: 'A protocol tag is opened and not closed, closed and not opened, or stands inside a block.',
    Reason.SANDBOX_MISSING: 'A code block is not followed by a sandbox output.',
    Reason.SANDBOX_FOREIGN: 'A sandbox output follows no code block, or a picture of the response stands outside one.',
    Reason.SPECIAL_TOKEN: 'The text holds a token that the host would read as its own, or a picture handle.',
    Reason.ANSWER_MISSING: 'There is no filled <answer>…</answer> after the last sandbox output.',
    Reason.EMPTY_SOLUTION: 'There is nothing to score an answer against.',
    Reason.PATH_WITHOUT_PICTURE: 'The prompt names a picture’s path, but the row has no picture.',
    Reason.UNREADABLE_IMAGE: 'Not base64, no such file, not a picture, or damaged inside.',
    Reason.TRUNCATED_IMAGE: 'The picture’s data ends early.',
    Reason.IMAGE_SHAPE: 'A side below 28 px or an aspect ratio above 200: the model family cannot see it.',
    Reason.OVER_LONG: 'The conversation costs more tokens than the given maximum, pictures included.',
    Reason.DUPLICATE: 'The same texts, the system message’s too, and pictures come earlier in the set.',
    Reason.CERTIFY_FAILED: 'A code block did not run, the row does not say so, and failed rows were to be dropped.',
    Reason.CERTIFY_DIFFERENT: 'Code gave other pictures than the stored ones, and such rows were to be dropped.',
    Reason.CERTIFY_OTHER_TEXT: 'Code printed other text than the row says, and such rows were to be dropped.',
    Reason.CHANGED_IMAGE: 'A stored picture’s content is not what its name promises.',
}

FIX_TEXT = {
    Fix.PROMPT_PATH: 'The prompt’s foreign path became a handle.',
    Fix.RESPONSE_PATH: 'The same path or file name in the response became the handle.',
    Fix.OTHER_PATH_READ: 'Code read a picture under a name the prompt does not give; now the first picture’s handle.',
    Fix.OTHER_PATH_WRITTEN: 'Code wrote a picture to a foreign folder; now the sandbox’s.',
    Fix.PROCESSED_DIR: 'A foreign folder of processed pictures became the sandbox’s.',
    Fix.STEM: 'File names made from the picture’s old name follow its new one.',
    Fix.SIZE_LINE: 'The prompt stated another size than the picture has; now the true one.',
    Fix.PROMPT_RENDERED: 'A bare question was put into the paper’s prompt (Table 2).',
    Fix.SYSTEM_ADDED: 'The row had no system message; the paper’s was added (Table 1).',
    Fix.ORIENTATION: 'EXIF orientation was applied to the pixels.',
    Fix.COLOUR_MODE: 'Palette, CMYK, 16-bit or transparent pixels became RGB or grey.',
    Fix.FORMAT: 'A picture that is neither JPEG, PNG nor WEBP was stored as PNG.',
    Fix.STRUCTURE: 'A picture whose pixels are whole but whose file is not was written anew.',
    Fix.SANDBOX_EMPTY: 'No change, a note: a sandbox output of the response is empty.',
}

VERDICT_TEXT = {
    Verdict.AS_WRITTEN: 'Every code block did what the row says as it stands: gave the same, or the error it stores.',
    Verdict.REPAIRED: 'Every code block ran, at least one after a named repair, and gave what the row says.',
    Verdict.OTHER_TEXT: 'Every code block ran, but one printed other text than the row says.',
    Verdict.DIFFERENT: 'Every code block ran, but one gave other pictures than the stored ones.',
    Verdict.FAILED: 'A code block did not run, repairs or not, and the row does not say so.',
    Verdict.NO_CODE: 'The row has no code.',
}
