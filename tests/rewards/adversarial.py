# ruff: noqa: E501

"""Adversarial rows, made systematically by kind: question, reference, answer, and whether the answer is right.

Written from the kinds of faults that were found, not from the rules. `SAME` rows must never be a mismatch, `DIFFERENT` ones
never a match; of the `PLAIN` kinds (numbers, letters, yes and no, short names) the verdict must be given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product


@dataclass(frozen=True)
class Row:
    kind: str
    question: str
    reference: str
    answer: str
    same: bool
    plain: bool = False


PAIRS = [
    p.split()
    for p in [
        'cat dog',
        'brick stone',
        'round square',
        'apple pear',
        'car truck',
        'boy girl',
        'summer winter',
        'coffee tea',
        'wood metal',
        'striped plain',
        'full empty',
        'wet dry',
        'plastic glass',
        'running walking',
        'sitting standing',
        'bus train',
        'chair sofa',
        'bread cake',
        'pen pencil',
        'river lake',
        'long short',
        'old new',
        'happy sad',
        'day night',
        'church school',
        'shirt jacket',
        'knife fork',
        'king queen',
        'red blue',
        'left right',
        'open closed',
        'top bottom',
        'male female',
        'indoors outdoors',
        'north south',
        'cooked raw',
        'fake real',
        'smooth rough',
        'awake asleep',
        'analog digital',
    ]
]
FORMS = (
    'Is the thing a {a} or {b}?',
    'Is it {a} or {b}?',
    'Which is larger, the {a} or the {b}?',
    'What is shown, {a} or {b}?',
    'Does it look {a} or {b}?',
    'Would you call this {a}, or rather {b}?',
)
BOTH = (
    '{a}, {b}', '{a} {b}', '{a} and {b}', '{a} or {b}', '{b}, {a}', '{a} / {b}', 'both {a} and {b}', '{a}/{b}', '{a}; {b}',
    'either {a} or {b}', '{a} & {b}', '{a} ({b})', '{a}, not {b}, or {b}', '{a}-{b}', '{a} as well as {b}', 'it is {a} or {b}',
    '{b} {a}', 'not {a}', '{a}? {b}?', '{a}\n{b}', '[{a}, {b}]', '{a} {a} {b}', 'neither {a} nor {b}', '{a} + {b}',
)  # fmt: skip


def either_or() -> Iterator[Row]:
    for i, (a, b) in enumerate(PAIRS):
        for j, both in enumerate(BOTH):
            question = FORMS[(i + j) % len(FORMS)].format(a=a, b=b)
            reference = (a, b)[(i // 2 + j) % 2] if 'not' not in both and 'nor' not in both else a
            yield Row('either-or', question, reference, both.format(a=a, b=b), False)
        question = FORMS[i % len(FORMS)].format(a=a, b=b)
        yield Row('either-or', question, a, a, True, True)
        yield Row('either-or', question, b, f'{b.capitalize()}.', True, True)
        yield Row('either-or', question, a, b, False)


RELATIONS = [
    ('Which team beat the other, Lions or Bears?', 'Lions', 'Bears beat the Lions'),
    ('What is behind the bus?', 'tree', 'The bus is behind the tree'),
    ('What is above the sofa?', 'a lamp', 'The sofa is above a lamp'),
    ('Who gives the book to Anna?', 'Tom', 'Anna gives the book to Tom'),
    ('Who is taller than Ben?', 'Carl', 'Ben is taller than Carl'),
    ('What is the dog chasing?', 'the cat', 'The cat is chasing the dog'),
    ('What is left of the door?', 'clock', 'The door is left of the clock'),
    ('Which car is faster?', 'the red car', 'The red car is slower'),
    ('What is on the table?', 'a vase', 'The table is on a vase'),
    ('Who follows the man?', 'a dog', 'The man follows a dog'),
    ('What covers the window?', 'curtain', 'the window covers the curtain'),
    ('Where is the clock?', 'left of the door', 'the door is left of it'),
    ('Where is the clock?', 'left of the door', 'right of the door'),
    ('What is inside the box?', 'ball', 'The box is inside the ball'),
    ('Who won?', 'Spain beat Italy', 'Italy beat Spain'),
    ('What happened?', 'the dog bit the man', 'the man bit the dog'),
    ('What colour is the car next to the bus?', 'red', 'The bus is red'),
    ('Which is heavier?', 'A is heavier than B', 'B is heavier than A'),
]


def relations() -> Iterator[Row]:
    for question, reference, answer in RELATIONS:
        yield Row('relation', question, reference, answer, False)


TEXT_SIGNS = {
    'What is the blood type?': 'O+ O-|A+ A-|AB+ AB-|B+ B-|AB- AB|O+ O|B- B',
    'Which language?': 'C++ C#|C++ C|F# F|C# C|.NET NET|Objective-C C',
    'Which ion?': 'Fe2+ Fe2-|Fe3+ Fe2+|Na+ Na-|Cl- Cl+|Na+ Na|SO4^2- SO4^2+|H+ H-|Ca^{2+} Ca^{3+}',
    'Relation?': 'AB∥CD AB⊥CD|A∩B A∪B|x≠2 x=2|¬p p|p∧q p∨q|A→B A←B|x∈S x∉S|A⊂B A⊃B|a≡b a≠b|A×B A+B|p→q q→p|∀x ∃x|A⊆B A⊂B|A\\B B\\A',
    'Which grade?': 'A+ A-|B+ B|C- C|A- A|B- B+|D+ D-',
    'What does the tag say?': 'save@50% save@50|save@50% save@$50|#1 1|50%@off 50@off|-5°C 5°C|€5@off $5@off|No.@5 No.@6|R&B RB|'
    '24/7 247|1+1 1-1|A/B A-B|(a) (b)|5¢ 5$',
    'Which hashtag?': '#cats #dogs|#cats cats!!|#a_b #ab|#one@#two #one',
}  # fmt: skip
MATH_SIGNS = (
    '3-4i 3+4i|5-t 5+t|-sin@x sin@x|-x x|i -i|1-i 1+i|-\\cos(x) \\cos(x)|x^2-1 x^2+1|-2x+3 2x+3|\\frac{1}{x} -\\frac{1}{x}|'
    '\\sqrt{2} -\\sqrt{2}|-\\pi \\pi|2\\pi -2\\pi|e^{-x} e^{x}|x^{-2} x^{2}|a-b b-a|a-b a+b|-\\infty \\infty|(3,-4) (3,4)|(-1,2) (1,2)|'
    '\\{-1,2\\} \\{1,2\\}|[-5,3] [5,3]|x<5 x>5|x\\le5 x\\ge5|x\\le5 x<5|x\\ge0 x>0|y=2x-1 y=2x+1|y=-3x y=3x|y=x/2 y=2x|'
    'x=5 x=-5|n^2 n_2|x_1 x_2|x^2 x^3|x^2 2x|\\sqrt{3} \\sqrt{5}|\\sqrt{3} \\sqrt[3]{3}|\\frac{2}{3}x \\frac{3}{2}x|\\sin(x) \\cos(x)|'
    '\\ln(x) \\log(x)+1|\\tan(x) \\cot(x)|3! 3|5! 5|n! n|(n+1)! n!|2^{10} 2^{11}|10^3 10^{-3}|\\frac{\\pi}{6} \\frac{\\pi}{3}|'
    '(1,2] [1,2)|(-\\infty,3] (-\\infty,3)|[0,\\infty) (0,\\infty)|(0,1)\\cup(2,3) (0,1)\\cap(2,3)|x=3@or@x=-3 x=3|'
    '\\pm@3 3|\\{1,2,3\\} \\{1,2\\}|(1,2,3) (1,3,2)|\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix} \\begin{pmatrix}1&2\\\\3&-4\\end{pmatrix}|'
    'ab a+b|xy x/y|2(x+1) 2x+1|(x+1)^2 x^2+1||x| x|\\overline{AB} AB|\\vec{a} a|f(x)=x^2 f(x)=-x^2|-5@to@3 5@to@3|X x|\\Delta \\delta|'
    '5\\sqrt{2} 5+\\sqrt{2}|2+\\sqrt{3} 2-\\sqrt{3}|3x^2 (3x)^2|\\frac{x+1}{2} x+\\frac{1}{2}|\\log_2@x \\log_3@x|x\\neq@2 x=2|A\\cup@B A\\cap@B|'
    'y=2x+1 2x+1=0|\\frac{1}{2} \\frac{1}{-2}|4i 4|z=1+i z=1|\\angle@A \\angle@B|\\triangle@ABC \\triangle@ABD|x>-1 x>1|-3<x<2 3<x<2|'
    '3@\\times@10^5 3@\\times@10^{-5}|6.02e23 6.02e-23|1.5 -1.5|\\frac{3}{4} -\\frac{3}{4}|\\cos^2x \\cos@2x|\\sin^{-1}x \\sin@x|'
    '2^x x^2|e^2 2e|\\pi^2 2\\pi|\\sqrt{x+1} \\sqrt{x}+1|1/x x|(a+b)c a+bc|a/(b+c) a/b+c|-(a-b) -a-b|x+y+z x+y-z'
)


def signs() -> Iterator[Row]:
    for question, pairs in TEXT_SIGNS.items():
        for pair in pairs.split('|'):
            a, b = (side.replace('@', ' ') for side in pair.split())
            yield Row('sign in text', question, a, b, False)
            yield Row('sign in text', question, b, a, False)
            yield Row('sign in text', question, a, a, True, True)
    for pair in MATH_SIGNS.replace('||x| x|', '|').split('|'):
        a, b = (side.replace('@', ' ') for side in pair.split())
        for left, right in ((a, b), (b, a), (f'${a}$', f'${b}$'), (a, f'\\boxed{{{b}}}'), (a, f'The answer is {b}.')):
            yield Row('sign in mathematics', 'What is the result?', left, right, False)
        yield Row('sign in mathematics', 'What is the result?', a, f'${a}$', True)
    yield Row('sign in mathematics', 'What is the result?', '|x|', 'x', False)


OPTIONS = [
    ('A. -7\nB. 3\nC. 12\nD. 40', 'A', '7'),
    ('A. x < 5\nB. x = 9\nC. y = 1', 'A', 'x > 5'),
    ('A. 3 - 4i\nB. 5\nC. 2i', 'A', '3 + 4i'),
    ('A. 5%\nB. 9%\nC. 12%', 'A', '5‰'),
    ('A. O+\nB. A\nC. AB', 'A', 'O-'),
    ('A. 5 MW\nB. 7 MW', 'A', '5 mW'),
    ('A. at least 5\nB. 3\nC. 9', 'A', 'at most 5'),
    ('A. on the box\nB. under the box', 'A', 'in the box'),
    ('A. 120/80\nB. 130/90', 'A', '3/2'),
    ('A. 3 x 4\nB. 5 x 6', 'A', '12'),
    ('A. $5\nB. $7', 'A', '€5'),
    ('A. C++\nB. Java', 'A', 'C#'),
    ('A. A ∩ B\nB. A − B', 'A', 'A ∪ B'),
    ('A. 10-15\nB. 16-20', 'A', '12'),
    ('A. 3:1\nB. 1:3', 'A', '1:3'),
    ('A. 7:45 AM\nB. 7:45 PM', 'A', '7:45 PM'),
    ('A. vitamin A\nB. vitamin C', 'A', 'vitamin'),
    ('A. increase\nB. decrease', 'A', 'decrease'),
    ('A. Mg\nB. Na', 'A', 'mg'),
    ('A. red and blue\nB. red\nC. blue', 'A', 'red'),
    ('A. red and blue\nB. red\nC. blue', 'B', 'red and blue'),
    ('A. 2, 3\nB. 3, 2', 'A', '3, 2'),
    ('A. not visible\nB. visible', 'A', 'visible'),
    ('A. yes\nB. no', 'A', 'no'),
    ('A. 1/2\nB. 1/4', 'A', '1/4'),
    ('A. -x\nB. 2x', 'A', 'x'),
    ('A. 0.5 m\nB. 5 m', 'A', '5 m'),
    ('A. dark red\nB. red', 'A', 'red'),
    ('A. red\nB. dark red', 'A', 'dark red'),
    ('A. \\sqrt{2}\nB. 2', 'A', '2'),
    ('A. north-east\nB. north-west', 'A', 'north'),
    ('A. 10 or more\nB. 5 or fewer', 'A', '10 or fewer'),
    ('A. 2019\nB. 2020', 'A', '2020'),
    ('A. Monday, April 7\nB. Tuesday, April 8', 'A', 'Tuesday, April 7'),
]
COLOUR_OPTIONS = 'Which?\nA. red\nB. green\nC. blue\nD. gold'
TEXT_OF = {'A': 'red', 'B': 'green', 'C': 'blue', 'D': 'gold'}


def options() -> Iterator[Row]:
    for listed, reference, answer in OPTIONS:
        yield Row('option', f'Which one?\n{listed}', reference, answer, False)
    for letter, other in permutations('ABCD', 2):
        text = TEXT_OF[letter]
        for form in (
            '{l}: {t}',
            '{l}. {t}',
            '{l}) {t}',
            '({l}) {t}',
            '{l} - {t}',
            '{l}, {t}',
            '**{l}.** {t}',
            '{t} ({l})',
            'The answer is {l}: {t}.',
        ):
            yield Row('letter against text', COLOUR_OPTIONS, letter, form.format(l=other, t=text), False)
            yield Row('letter against text', COLOUR_OPTIONS, other, form.format(l=other, t=text), False)
        for form in (
            '{l} or {o}',
            '{l}, {o}',
            '{l}{o}',
            'not {l}',
            '{l}? {o}?',
            '{t} or {u}',
            '{t}, {u}',
            '{t} and {u}',
            '{o}, then {l}',
            '{l}/{o}',
            '{l} is wrong',
            'I first thought {l}, but it is {o}',
            'maybe {l}',
            'anything but {l}',
            '{l} 60%, {o} 40%',
        ):
            answer = form.format(l=letter, o=other, t=text, u=TEXT_OF[other])
            if form not in ('maybe {l}',):
                yield Row('no commitment', COLOUR_OPTIONS, letter, answer, False)
        yield Row('letter', COLOUR_OPTIONS, letter, other, False, True)
        yield Row('letter', COLOUR_OPTIONS, letter, TEXT_OF[other], False, True)
    for letter, text in TEXT_OF.items():
        for form in (
            '{l}',
            '({l})',
            '{l}.',
            '{l})',
            '[{l}]',
            '<{l}>',
            '**{l}**',
            '\\boxed{{{l}}}',
            '$\\boxed{{\\text{{{l}}}}}$',
            'Option {l}',
            'option {l}.',
            'The answer is {l}',
            'The correct answer is ({l}).',
            'Answer: {l}',
            '{l}. {t}',
            '{l}: {t}',
            '({l}) {t}',
            '{t}',
            '{T}',
            '"{t}"',
            'It is {t}.',
            '{l} - {t}',
            '{t} ({l})',
            '{{"answer": "{l}"}}',
            '`{l}`',
            'Final answer: {l}',
            '答案：{l}',
            '选{l}',
            '## Answer\n{l}',
            '<b>{l}</b>',
        ):
            yield Row('letter', COLOUR_OPTIONS, letter, form.format(l=letter, t=text, T=text.capitalize()), True, True)


BOUNDS = {
    'over {n}': '>', 'more than {n}': '>', '> {n}': '>', 'at least {n}': '>=', '≥ {n}': '>=', '>= {n}': '>=', '{n} or more': '>=', '{n}+': '>=', 'above {n}': '>',
    'under {n}': '<', 'less than {n}': '<', '< {n}': '<', 'at most {n}': '<=', '≤ {n}': '<=', '{n} or less': '<=', 'up to {n}': '<=', 'below {n}': '<',
    '至少{n}': '>=', '至多{n}': '<=', '{n}以上': '>=', '{n}以下': '<=', 'no more than {n}': '<=', 'no less than {n}': '>=', 'not more than {n}': '<=',
    '{n} or fewer': '<=', 'fewer than {n}': '<', 'minimum {n}': '>=', 'maximum {n}': '<=',
}  # fmt: skip


def bounds() -> Iterator[Row]:
    for i, ((a, sign), (b, other)) in enumerate(product(BOUNDS.items(), repeat=2)):
        if sign[0] != other[0] and i % 2:
            yield Row('bound', 'What does the sign say?', a.format(n=5), b.format(n=5), False)
        elif sign == other and i % 3 == 0:
            yield Row('bound', 'How many?', a.format(n=18), b.format(n=18), True)
    for bound in BOUNDS:
        yield Row('bound', 'How many?', bound.format(n=5), bound.format(n=6), False)
        yield Row('bound', 'How many?', bound.format(n=5), '4', False)
        yield Row('bound', 'How many?', '5', bound.format(n=4), False)
    for unit in (' km/h', ' kg', '%', ' years'):
        yield Row('bound', 'What limit?', f'< 50{unit}', f'> 50{unit}', False)
        yield Row('bound', 'What limit?', f'over 50{unit}', f'under 50{unit}', False)


ORDERED = [
    ('How many cats and dogs are there, respectively?', '2', '3'),
    ('Give the width and the height.', '640', '480'),
    ('Who are the winner and the runner-up?', 'Brazil', 'Germany'),
    ('What are the latitude and longitude?', '48.1', '11.6'),
    ('What is the score, home team first?', '3', '1'),
    ('What colours are the left and the right car?', 'red', 'blue'),
    ('How many men and women are in the picture?', '4', '7'),
    ('Name the first and second stop.', 'Oak Street', 'Main Street'),
    ('What are the minimum and maximum?', '-3', '12'),
    ('What do the top and bottom signs say?', 'STOP', 'GO'),
    ('List the colours from left to right.', 'red', 'green'),
    ('What are the numbers on the two doors, left one first?', '12', '21'),
    ('Which planets come first and second?', 'Mercury', 'Venus'),
    ('Give the price of the tea and of the coffee.', '$2', '$3'),
    ('Which is the subject and which the object?', 'dog', 'bone'),
]


def ordered() -> Iterator[Row]:
    for question, a, b in ORDERED:
        for form in ('{a}, {b}', '{a} and {b}', '({a}, {b})', '[{a}, {b}]', '{a}; {b}', '{a} & {b}'):
            yield Row('order', question, form.format(a=a, b=b), form.format(a=b, b=a), False)
            yield Row('order', question, form.format(a=a, b=b), a, False)
            yield Row('order', question, form.format(a=a, b=b), f'{a}, {b}', True)
        yield Row('order', question, f'{a}, {b}', f'{a}, {b}, {b}', False)


PLACES = [
    'on',
    'in',
    'at',
    'under',
    'above',
    'below',
    'behind',
    'beside',
    'inside',
    'near',
    'over',
    'beneath',
    'around',
    'outside',
    'between',
]
THINGS = ('box', 'car', 'table', 'street')


def places() -> Iterator[Row]:
    for i, (a, b) in enumerate(permutations(PLACES, 2)):
        thing = THINGS[i % 4]
        yield Row('place', 'Where is the cat?', f'{a} the {thing}', f'{b} the {thing}', False)
    for a in PLACES:
        yield Row('place', 'Where is the cat?', f'{a} the box', f'{a} the box.', True, True)
        yield Row('place', 'Where is the cat?', f'{a} the box', 'the box', False)
    for a, b in permutations(('top left', 'top right', 'bottom left', 'bottom right', 'left', 'right', 'center'), 2):
        yield Row('place', 'In which corner?', a, b, False)
    for a, b in (
        ('left', 'on the left'),
        ('left', 'on the left side'),
        ('top left', 'upper left corner'),
        ('top-left', 'top left'),
        ('right', 'the right'),
        ('bottom right', 'the lower right corner'),
        ('left', 'left-hand side'),
        ('north-east', 'north east'),
    ):
        yield Row('place', 'Where?', a, b, True, True)


COPIED = [
    ('What is 84/7?', '12', ('84/7', '84 / 7', '84÷7', '\\frac{84}{7}', '\\dfrac{84}{7}')),
    ('What is the square root of 144?', '12', ('√144', '\\sqrt{144}', 'sqrt(144)', '144^{1/2}')),
    ('Half of 10?', '5', ('10/2', '\\frac{10}{2}', '0.5 * 10')),
    ('What is \\log_2 8?', '3', ('\\log_2 8', '\\log_{2}{8}', '\\log_2(8)')),
    ('What is \\cos(\\pi/3)?', '0.5', ('\\cos(\\pi/3)', '\\cos \\frac{\\pi}{3}')),
    ('What is 2^10?', '1024', ('2^10', '2^{10}', '2**10', '2^5 \\cdot 2^5')),
    ('Compute 12 × 7.', '84', ('12 × 7', '12*7', '12 x 7', '12 \\times 7', '7 \\cdot 12')),
    ('What is 17 + 25?', '42', ('17 + 25', '17+25', '25 + 17', '40 + 2')),
    ('How much is 5!?', '120', ('5!', '5 \\cdot 4!', '5 × 4 × 3 × 2 × 1')),
    ('What is 3/4 as a decimal?', '0.75', ('3/4', '\\frac{3}{4}')),
    ('Simplify 6/8.', '3/4', ('6/8', '\\frac{6}{8}')),
    ('Expand (x+1)^2.', 'x^2+2x+1', ('(x+1)^2', '(x+1)(x+1)')),
    ('Factor x^2-1.', '(x-1)(x+1)', ('x^2-1', 'x^2 - 1')),
    ('Add 1/2 and 1/3.', '5/6', ('1/2 + 1/3', '\\frac{1}{2}+\\frac{1}{3}')),
    ('Evaluate |−9|.', '9', ('|-9|',)),
    ('What is 20% of 50?', '10', ('20% of 50', '0.2 * 50', '20/100*50')),
    ('How many are 3 dozen?', '36', ('3 dozen', '3*12', '12+12+12')),
    ('What is 100 - 1?', '99', ('100 - 1', '100-1')),
    ('Which number is it?', '7', ('5+2', '10-3', '14/2', '\\sqrt{49}', '7^1 \\cdot 1', '49^{0.5}', '3.5 \\cdot 2', '21/3', '\\frac{28}{4}')),
]  # fmt: skip


def copied() -> Iterator[Row]:
    for question, reference, answers in COPIED:
        for answer in answers:
            yield Row('task copied', question, reference, answer, False)
            yield Row('task copied', question, reference, f'${answer}$', False)
            yield Row('task copied', question, reference, f'\\boxed{{{answer}}}', False)
        yield Row('task copied', question, reference, reference, True, True)


PRINTED = [
    ('What is the blood pressure?', '120/80', ('3/2', '1.5', '80/120', '120', '12/8')),
    ('What is the time signature?', '6/8', ('3/4', '0.75', '8/6', '6')),
    ('What is the time signature?', '3/4', ('6/8', '0.75', '4/3')),
    ('What visual acuity?', '20/40', ('1/2', '0.5', '40/20')),
    ('Which page is shown?', '4/8', ('1/2', '0.5', '8/4')),
    ('What are the dimensions?', '3×4', ('12', '4×3', '7', '3+4')),
    ('What size is the matrix?', '2 \\times 3', ('6', '3 \\times 2')),
    ('What is the resolution?', '1920x1080', ('2073600', '1080x1920', '1920', '16:9')),
    ('Which version?', '3.10', ('3.1', '3.100', '310')),
    ('Which version is installed?', '2.0', ('2', '2.00', '20')),
    ('Which section?', '4.2', ('4.20', '42')),
    ('What is the score?', '3-1', ('2', '1-3', '3-2', '-1')),
    ('What is the score?', '10:8', ('5:4', '8:10', '1.25')),
    ('What is the phone number?', '555-1234', ('555-1243', '-679', '5551235', '1234-555')),
    ('What number is on the jersey?', '07', ('7', '70')),
    ('Which code?', '007', ('7', '0007', '07')),
    ('What date is on the sticker?', '10/12', ('5/6', '0.83', '10/13')),
    ('What fuel level?', '2/8', ('1/4', '0.25')),
    ('What rating?', '4/5', ('0.8', '8/10', '80%')),
    ('Which aspect ratio?', '16:9', ('1.78', '9:16', '32:18')),
    ('What scale has the map?', '1:50000', ('50000', '1:5000', '0.00002')),
    ('What IP address?', '10.0.0.1', ('10.0.0.2', '10001', '10.0.01')),
    ('Which flight?', 'LH 400', ('LH 401', 'LH 4000', 'HL 400')),
    ('Which plate?', 'B0 8842', ('BO 8842', 'B0 8824', 'B0 884')),
    ('Which model?', 'A-12', ('A-21', 'A12B', 'B-12')),
    ('Which postcode?', '01067', ('1067', '01076')),
    ('Which isbn?', '978-3-16', ('978316-', '978-3-61')),
]  # fmt: skip


def printed() -> Iterator[Row]:
    for question, reference, answers in PRINTED:
        for answer in answers:
            yield Row('printed', question, reference, answer, False)
            yield Row('printed', question, reference, f'It is {answer}.', False)
            if '.' not in answer:
                yield Row('printed', question, answer, reference, False)
        for form in ('{}', '{}.', '"{}"', '**{}**', 'The answer is {}.'):
            yield Row('printed', question, reference, form.format(reference), True, True)


UNITS = (
    '5 MW|5 mW/100 Mb|100 MB/0.1 M|0.1 m/2 H|2 h/5 T|5 tons/5 kN|5 knots/300 K|300000/5 mm|5 Mm/10 mg|10 Mg/3 GB|3 Gb/5 kW|5 kWh/20 °C|20 °F/'
    '12 cm|12 mm/12 cm|12 cm^2/12 cm^2|12 cm^3/60 km/h|60 mph/60 km/h|60 m/s/5 kg|5 g/5 kg|5 lb/1 L|1 ml/1 h|1 min/90 min|90 s/3 V|3 mV/3 A|3 mA/'
    '5 Hz|5 kHz/5 Pa|5 kPa/5 N|5 kN/5 J|5 kJ/5 J|5 W/$5|€5/$5|£5/$5|5 cents/$5|A$5/¥5|$5/5 in|5 ft/5 ft|5 m/100 px|100 cm/45°|45 rad/45°|45°C/'
    '10%|10/10%|10‰/10%|0.01/3 GHz|3 MHz/8 bit|8 byte/2 days|2 hours/2 weeks|2 months/5 m/s|5 m/s^2/5 dB|5 db/s/1 t|1 kg/7 ha|7 m^2/4 oz|4 g/6 gal|6 L/'
    '5 μm|5 mm/5 nm|5 μm/5 mL|5 L/5 kcal|5 cal/500 BC|500/3000|3000多/3000|3千多/5 Ω|5 kΩ/5 F|5 °F/5 s|5 S/5 N|5 n/$5M|$5/$5 million|$5/5 dozen|5/'
    '5 hundred|5/2 K|2 k/10 Mbps|10 MBps/1.5 V|15 V/0.5 mg|5 mg/1,5 kg|15 kg'
)  # fmt: skip
CONVERSIONS = (
    '12 cm|120 mm/12 cm|0.12 m/2 kg|2000 g/90 min|1.5 h/1 h|60 min/300 K|300 kelvin/5 kN|5000 N/5 W|5 J/s/5 Pa|5 N/m^2/2 Ω|2 V/A/60 km/h|60 kph/60 km/h|'
    '60 kilometers per hour/12 cm²|12 square centimeters/1 L|1000 ml/3 km|3000 m/1 ft|12 in/5 MW|5000 kW/5 V|5 volts/20 °C|20 degrees Celsius/45°|45 degrees/'
    '$5|5 dollars/$5|5 USD/$5.00|$5/€3|3 euros/$1,000|1000 dollars/50%|50 percent/5 kg|5 kilograms/2 h|2 hours/3 m|3 meters/10 mph|10 miles per hour/'
    '1 GB|1000 MB/5 mA|0.005 A/7 days|1 week/1 km|1,000 m/2 t|2 tonnes/4 GHz|4000 MHz/1 kWh|1000 Wh/20元|20 元/3米|3 m/5公斤|5 kg/100 cm|1 m/'
    '0.5 L|500 mL/12 V|12V/60°|60 °/5 lbs|5 lb/6 inches|6 in'
)  # fmt: skip


def units() -> Iterator[Row]:
    for pair in UNITS.replace('km/h', 'km@h').replace('m/s', 'm@s').replace('db/s', 'db@s').split('/'):
        a, b = (side.replace('@', '/') for side in pair.split('|'))
        yield Row('unit', 'How much is it?', a, b, False)
        yield Row('unit', 'How much is it?', b, a, False)
        yield Row('unit', 'How much is it?', a, f'It is {b}.', False)
    safe = CONVERSIONS
    for unit in ('km/h', 'J/s', 'N/m^2', 'V/A'):
        safe = safe.replace(unit, unit.replace('/', '@'))
    for pair in safe.split('/'):
        a, b = (side.replace('@', '/') for side in pair.split('|'))
        yield Row('unit', 'How much is it?', a, b, True, True)
        yield Row('unit', 'How much is it?', b, a, True, True)


MOMENTS = (
    '00:42:17|00:42:59/10:10|10:11/10:10|22:10/7:45 AM|7:45 PM/15:30|3:30 AM/9:05|9:50/9:05|5:09/Monday, April 7|Tuesday, April 7/July 4, 2019|July 4, 2018/'
    'July 4, 2019|June 4, 2019/July 4, 2019|July 14, 2019/13@05@98|13 May 2098x/500 BC|500/500 BC|500 AD/2019-07-04|2019-07-05/2019-07-04|2019-04-07/'
    'March|May/March 12|March 13/12 March|12 May/Monday|Sunday/1998|1989/1998|98/19th century|18th century/2020|2020s/1990s|1990/12:00 AM|12:00 PM/noon|midnight/'
    '2:30|2.5/2:30|3:20/1 h 30 min|1 h 20 min/5 minutes|5 hours/Q1 2020|Q2 2020/2019年7月4日|2019年7月5日/3点半|3点/上午9点|下午9点/10:10:10|10:10/1:05 pm|1:50 pm/'
    'May 5|May 15/Jan 1, 2000|Jan 1, 2001/06:00|18:00/1 May|5 January'
)  # fmt: skip
SAME_MOMENTS = (
    'July 4, 2019|4 July 2019/July 4, 2019|2019-07-04/July 4, 2019|Jul 4, 2019/July 4, 2019|July 4th, 2019/15:30|3:30 PM/15:30|3:30 p.m./9:05|09:05/9:05 AM|9:05 a.m./'
    '2019年7月4日|2019-07-04/12 March|March 12/12 March|12th of March/10:10|10:10./May 2020|in May 2020/3 PM|3:00 PM/13@05@98|13 May 1998/12@31@85|December 31, 1985/'
    '00:42:17|0:42:17/3:00|3 o\'clock'
)  # fmt: skip


def moments() -> Iterator[Row]:
    for pair in MOMENTS.split('/'):
        a, b = (side.replace('@', '/').replace('x', '') for side in pair.split('|'))
        yield Row('moment', 'What does it show?', a, b, False)
        yield Row('moment', 'When is it?', b, a, False)
        yield Row('moment', 'When is it?', a, a, True, True)
    for pair in SAME_MOMENTS.split('/'):
        a, b = (side.replace('@', '/') for side in pair.split('|'))
        yield Row('moment', 'When is it?', a, b, True)


AROUND = (
    '\\boxed{{{n}}} is wrong, it is {m}|{n} (or {m})|{n} (not {n})|{n}, no, {m}|{m}={n}|x={m}={n}|{n} or {m}|{n}/{m}|{n} {m}|not {n}|{n}?|{n} is wrong|{n}, {m}|'
    '{n} and {m}|{n}-{m}|between {n} and {m}|{n} plus {m}|{n} minus 1|{n}!!! no {m}|maybe {n} or {m}|{n} if red, else {m}|if so {n}|{n}{n}|-{n}|{n}%|{n}.{n}|'
    '{n}e1|{n}^2|{n}x|1/{n}|0.{n}|{n}:{n}|{n} times {m}|{n} out of {m}|{n} of {m}|{m} ({n} if you count the hidden one)|\\boxed{{{n}}} \\boxed{{{m}}}|{n}\n{m}|'
    '<b>{n}</b> no, {m}|{{"answer": {m}, "other": {n}}}|~~{n}~~ {m}|{n}*{m}|{n}**2|{n}<sup>2</sup>|{n}_2|{n}̶|{n} -> {m}|{n} → {m}|{n} ≠ {m}|¬{n}|{n} ± 1|'
    'any number but {n}|{n} would be wrong|I do not think it is {n}|the first is {m}, the second {n}|{n} apples minus 1|{n} more than {m}|half of {n}|{n} k|{n}th|'
    '{n} million|{n} thousand|{n} dozen|less than {n}|{n}+|{n} squared|√{n}|{n}²|two {n}s|{n} or so, perhaps {m}|{n} {m} {n}|{m}, {n}|({n}, {m})|[{n}, {m}]|{{{n}, {m}}}'
)  # fmt: skip


def around() -> Iterator[Row]:
    for form in AROUND.split('|'):
        for n, m in ((5, 6), (12, 13), (37, 73)):
            yield Row('text around', 'How many birds are there?', str(n), form.format(n=n, m=m), False)
            yield Row('text around', 'What is x?', str(n), form.format(n=n, m=m), False)


WORDS = (
    'vitamin A|vitamin/hepatitis A|hepatitis/corner store|store/second hand|second/hand soap|soap/side mirror|mirror/hot dog|dog/ice cream|cream/New York City|York/'
    'Do not enter|enter/no smoking|smoking/NO PARKING|PARKING/EXIT ONLY|EXIT/blue|light blue/blue|blue-green/red|infrared/dark red|red/the man|the woman/man|woman/'
    'not black|black/black|not black/black|blackish/white|off-white/happy|unhappy/happy|not happy/legal|illegal/visible|invisible/bus stop|bus/traffic light|light/'
    'left turn|left/right of way|right/Main Street|Main/Mr. Smith|Mrs. Smith/Anna|Hanna/John Smith|Jon Smith/John Smith|Smith John Paul/three cats|cats/big dog|small dog/'
    'cup|cup holder/a cup of tea|tea/tea|a cup of tea leaves/fire truck|fire/fire|fire truck/sun|sunflower/USA|USB/IT|it/Co|CO/Mg|mg/US|us/Turkey|turkey sandwich/'
    'A1|A2/plan B|plan/type A|type/grade A|grade/B|8/O|0/l|1/I|1/May|Maybe/no dog|dog/dog|no dog/open|closed/opened|open door/almost full|full/half full|full/'
    'none|one/nobody|somebody/never|ever/without sugar|sugar/with sugar|without sugar/sugar-free|sugar/non-fat|fat/and|or/old man|man old and/one way|two way/'
    'first floor|second floor/ground floor|floor/upper deck|deck/inner city|city/Who|The Who band/A|An/less salt|more salt/before 5|after 5/from Rome|to Rome/'
    'Paris, Texas|Paris/Paris, France|Paris, Texas/red wine|white wine/apple pie|pie apple/chair|armchair/he|she/his car|her car/cats|cat and dogs'
)  # fmt: skip
SAME_WORDS = (
    'gray|grey/STOP|stop/NO PARKING|No Parking/umbrella|an umbrella/a dog|dog/The Beatles|Beatles/black|Black./black|"black"/top-left|top left/color|colour/'
    'O\'Brien|O’Brien/apple, banana|apple and banana/red and white|red, white/New York|new york/ice cream|Ice cream!/Coffee Shop|coffee shop/dog|It is a dog./'
    'dog|**dog**/dog|The answer is dog./dog|\\text{dog}/dog|<b>dog</b>/dog|Answer: dog/dog|{"answer": "dog"}/dog|```\ndog\n```/red|红色/红色|红/left|左边/Anna Smith|Anna Smith./'
    'Washington, D.C.|Washington/London, England|London/couch|sofa/plane|airplane/Monday|Mon/TV|television/bicycle|bike/umbrellas|umbrella/USA|United States/café|cafe/'
    'assistant|She works as an assistant/judge|as a judge/creamy|Consistency: creamy/the right ones|Count the right ones/Main St.|Main Street/Barack Obama|Obama/'
    'naïve|naive/two|a couple/www.x.com|https://www.x.com'
)  # fmt: skip
PLAIN_SAME = 27


def word_rows() -> Iterator[Row]:
    for pair in WORDS.split('/'):
        a, b = pair.split('|')
        yield Row('word', 'What is it?', a, b, False)
        yield Row('word', 'What is it?', b, a, False)
        yield Row('word', 'What does the sign say?', a, b, False)
    pairs = SAME_WORDS.replace('</b>', '<@b>').replace('https://', 'https:@@').split('/')
    for i, pair in enumerate(pairs):
        a, b = (side.replace('@', '/') for side in pair.split('|'))
        yield Row('word', 'What is it?', a, b, True, i < PLAIN_SAME)


IDENTIFIERS = (
    'j.smith@mail.com|jsmith@mail.com/j.smith@mail.com|j-smith@mail.com/j.smith@mail.com|j_smith@mail.com/www.my-shop.com|www.myshop.com/www.my-shop.com|www.my_shop.com/'
    '@an_na|@anna/@anna|anna/@an.na|@an_na/Ab1|AB1/aB3xY9|AB3XY9/x-1|x1/file_1.txt|file1.txt/file.txt|file.text/C:\\temp|C:\\tmp/a+b@x.org|ab@x.org/S QT 911|S OT 911/'
    'S QT 911|S QT 91I/AB 12 CDE|AB 12 CDF/M3-3409|M3-3490/1O1|101/B12|B21/B12|b-12/101|101A/info@x.com|info@y.com/sub.x.com|x.com/x.com#a|x.com#b/v1.2|v1.3/'
    'NaCl|NACL/CO2|Co2/pH|PH/mRNA|MRNA/id_7|id-7/a1b2|a1-b2/user01|user1/#FF0000|#FF00000/192.168.0.1|192.168.01/IPv4|IPv6/H2O|H2O2/C6H12O6|C6H12O/3D|2D/A4|A5/4K|4k8'
)  # fmt: skip


def identifiers() -> Iterator[Row]:
    for pair in IDENTIFIERS.split('/'):
        a, b = pair.split('|')
        for question in ('What is written there?', 'Which password is shown (case counts)?'):
            yield Row('identifier', question, a, b, False)
            yield Row('identifier', question, b, a, False)
            yield Row('identifier', question, a, a, True, True)


POLARITY = [
    ('Is the arrow pointing left?', 'yes', 'right'),
    ('Is there a dog?', 'no', 'No, there is a dog'),
    ('Is there a dog?', 'yes', 'Yes, there is no dog'),
    ('Is the light green?', 'yes', 'Yes, the light is red'),
    ('Is the light green?', 'no', 'No, the light is green'),
    ('Is the shop open?', 'yes', 'Yes, it is closed'),
    ('Is the shop open?', 'no', 'not sure'),
    ('Is the shop open?', 'yes', 'no'),
    ('Is the shop open?', 'no', 'yes'),
    ('Is the shop open?', 'yes', 'yes and no'),
    ('Is the shop open?', 'yes', 'yes/no'),
    ('Is the shop open?', 'no', 'yes or no'),
    ('Is the shop open?', 'yes', 'not yes'),
    ('Is the shop open?', 'yes', 'Yes? No.'),
    ('Is the shop open?', 'yes', 'Yes, but actually no'),
    ('Is the shop open?', 'no', 'no doubt'),
    ('Is the shop open?', 'no', 'No, I mean yes'),
    ('Is the shop open?', 'yes', 'maybe'),
    ('Is the answer wrong?', 'no', 'right'),
    ('Is it on the right?', 'yes', 'left'),
    ('Is it on the right?', 'no', 'right'),
    ('Is the shop open?', 'yes', 'yes, no, yes'),
    ('Is the shop open?', 'yes', 'the word yes'),
    ('Is the shop open?', 'no', 'know'),
    ('Is the shop open?', 'no', 'no.1'),
    ('Are there two cats?', 'no', 'no, two cats are there'),
    ('有狗吗?', '没有', '有'),
    ('是红色吗?', '是', '不是'),
    ('是红色吗?', '不是', '是'),
    ('是红色吗?', '是', '是不是'),
    ('Is it true?', 'true', 'false'),
    ('Is it true?', 'false', 'true'),
    ('Is the turn correct?', 'incorrect', 'correct'),
]


def polarity() -> Iterator[Row]:
    for question, reference, answer in POLARITY:
        yield Row('polarity', question, reference, answer, False)
    for reference, answers in {
        'yes': ('Yes', 'YES', 'yes.', 'Yes!', '**Yes**', 'yeah', 'true', '是', 'Yes, the shop is open', 'Yes, it is.', 'The answer is yes.', '\\boxed{\\text{Yes}}', 'Answer: Yes'),
        'no': ('No', 'NO', 'no.', '"No"', 'nope', 'false', '否', 'No, the shop is not open', 'No, the shop is closed', "No, it isn't.", 'The answer is: No', '$\\text{no}$'),
    }.items():  # fmt: skip
        for answer in answers:
            yield Row('polarity', 'Is the shop open?', reference, answer, True, True)


NUMBERS = {
    '3': '3.|3.0|three|Three|+3|3 birds|three birds|There are 3 birds.|There are three birds|**3**|$3$|\\boxed{3}|3.00|The answer is 3.|Answer: 3|`3`|"3"|３|三|三个|３|3 birds.|{"answer": 3}|x = 3',
    '1234': '1,234|1234.0|1 234|1234.|\\boxed{1{,}234}|1.234e3|1.234 × 10^3|$1234$|1234 birds',
    '0.5': '.5|0.50|5e-1|$0.5$|\\frac{1}{2}|\\frac12|1/2|½',
    '-5': '−5|- 5|-5.0|minus 5|$-5$|negative 5|-5.',
    '21': 'twenty-one|twenty one|21.0|二十一|$21$',
    '1500000': '1.5 million|1,500,000|1.5e6|1500000.0|$1.5 \\times 10^6$',
    '50%': '50 %|50 percent|50\\%|$50\\%$|fifty percent|百分之五十|50.0%',
    '2/3': '\\frac{2}{3}|\\dfrac{2}{3}|$2/3$|2 / 3|三分之二',
    '12.5': '12.50|$12.5$|12.5.|\\boxed{12.5}',
    '0': 'zero|0.0|none|no birds|0 birds',
}  # fmt: skip
OTHER = {
    '3': '4|13|30|33|3.1|-3|thirteen|thirty|3%|0.3|three hundred|3 cats|3/2|1/3|3e1|4 birds|tree|free|the third|三十|十三',
    '1234': '1243|123|12345|1,243|1,2345|12,34|1234.5|-1234|234|1 243',
    '0.5': '0.05|5|-0.5|1.5|0.55|\\frac{1}{3}|2|1/5|0.5%|50',
    '-5': '5|-50|+5|-0.5|-15|five',
    '21': '12|20|2|1|two one|twelve|210|二十二|十二|二十|211',
    '50%': '5%|0.5%|500%|50 dollars|15%|百分之五|50‰|51%',
    '2/3': '3/2|\\frac{3}{2}|23|2.3|1/3|0.6|2/5|三分之一|2-3',
    '12.5': '125|12|12.6|12.05|1.25|-12.5|13.5',
    '0': '1|O|o|10|00|all|nothing but birds|no cats but birds',
}  # fmt: skip


def numbers() -> Iterator[Row]:
    for reference, answers in NUMBERS.items():
        for answer in answers.split('|'):
            yield Row('number', 'How many birds are there?' if reference in ('3', '0', '1234', '21') else 'What is it?', reference, answer, True,
                      not answer.startswith(('x', '1 2')))  # fmt: skip
    for reference, answers in OTHER.items():
        for answer in answers.split('|'):
            yield Row(
                'number',
                'How many birds are there?' if reference in ('3', '0', '1234', '21') else 'What is it?',
                reference,
                answer,
                False,
            )


FORMULAS = (
    '2\\sqrt{2}|\\sqrt{8}/2\\sqrt{2}|2*sqrt(2)@9\\pi|9π@9\\pi|9*pi@\\frac{1}{\\sqrt{2}}|\\frac{\\sqrt{2}}{2}@(x+1)^2|x^2+2x+1@\\ln\\frac{1+x}{1-x}|\\ln(1+x)-\\ln(1-x)@'
    '(n+1)!|(n+1)\\cdot n!@4!|24@100|10^2@x=5|5@5|x = 5@y=2x+1|y=1+2x@y=2x+1|2x-y+1=0@(3,4)|(3, 4)@(3, 4)|(3.0, 4)@[2,5)|[2, 5)@(-\\infty,3]|x \\le 3@x>3|(3,\\infty)@'
    '\\{1,2,3\\}|\\{3,2,1\\}@x=3 or x=-3|x = \\pm 3@x=3 or x=-3|-3, 3@\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}|\\begin{bmatrix}1 & 2\\\\ 3 & 4\\end{bmatrix}@\\sqrt{2}|1.414@'
    '\\frac{\\pi}{2}|1.5708@e^{x}|exp(x)@2^{1/4}|2**(1/4)@a^2-b^2|(a-b)(a+b)@-\\frac{1}{2}|-0.5@1\\frac{1}{2}|\\frac{3}{2}@3x|x\\cdot 3@\\sin^2 x|(\\sin x)^2@|x|+1|1+|x|@'
    '[0,\\sqrt{2}]|[0, 1.414]@(1,2)\\cup(3,4)|(3,4)\\cup(1,2)@x^2+y^2=25|x^2+y^2=5^2@\\frac{a}{b}|a/b@\\log_2 8|3@2x<6|x<3@1,234|x = 1234@\\left(1,2\\right)|(1,2)'
)  # fmt: skip


def formulas() -> Iterator[Row]:
    for pair in (
        FORMULAS.replace('2\\sqrt{2}|\\sqrt{8}/2', '2\\sqrt{2}|\\sqrt{8}@2').replace('|x|+1|1+|x|@', '').split('@')
    ):
        a, b = pair.split('|')
        yield Row('formula', 'What is the result?', a, b, True)
        yield Row('formula', 'What is the result?', b, a, True)
        yield Row('formula', 'What is the result?', f'${a}$', f'The answer is \\boxed{{{b}}}.', True)
        yield Row('formula', 'What is the result?', a, f'{b} + 1', False)
        yield Row('formula', 'What is the result?', a, f'-({b})', False)


def all_rows() -> list[Row]:
    """Every row once."""
    makers = (
        either_or,
        relations,
        signs,
        options,
        bounds,
        ordered,
        places,
        copied,
        printed,
        units,
        moments,
        around,
        word_rows,
        identifiers,
        polarity,
        numbers,
        formulas,
    )
    return list(dict.fromkeys(row for maker in makers for row in maker()))
