"""The sentences of the reasoning: for each thing to be said, its wordings, one a line.

Owns English only. A sentence must be true wherever its key is used: when that is, `script` decides.
"""

from __future__ import annotations

_TEXT = """
== open
The question is about {spot}.
I have to look at {spot}.
To answer this I need {spot}.
What matters here is {spot}.
Let me find {spot}.
Everything hinges on {spot}.
My goal is {spot}; the remainder can be ignored.
The relevant item is {spot}.
First I locate {spot}.
I am asked for something on or near one object: {spot}.
So the task boils down to {spot}.
The key to the answer is {spot}.
Reading the request again, it concerns {spot} and nothing else.
I should focus on {spot}.
My attention goes to {spot}.
The information must come from {spot}.
Only one detail counts, namely {spot}.
The user wants to know about {spot}.
I start by searching for {spot}.
Which part do I need? It is {spot}.
The evidence has to be gathered from {spot}.
Before guessing anything, I want to inspect {spot}.
Okay, the subject of this query is {spot}.
Here the decisive element is {spot}.
This requires finding {spot} among all the rest.
I will concentrate on {spot}.
The phrase in the prompt refers to {spot}.
Among many similar items, the one requested is {spot}.
The first job is to identify {spot}.
To respond faithfully I must examine {spot}.
== small
It is in the {place} of the picture, and too small to make out reliably at this size.
I can see it in the {place}, but the details are tiny compared with the {width}x{height} picture.
It lies in the {place} and takes up very little of the picture.
In the whole picture it is only a small spot in the {place}.
It sits in the {place}, a speck next to the full canvas of {width}x{height}.
Roughly in the {place} I notice it, yet it occupies a minor fraction of the frame.
Scanning around, I spot it in the {place}; a direct reading at this scale would be risky.
Its location is the {place}, where only a handful of pixels describe it.
My eyes land on the {place}, although such fine print blurs after downsizing.
It appears in the {place} at a size where mistakes happen easily.
I recognise its position in the {place}, but its contents deserve magnification.
The {place} contains it; since {width}x{height} gets compressed before I see it, subtle strokes vanish.
It hides in the {place}, dwarfed by everything surrounding it.
From a distance I merely perceive a little patch in the {place}.
That belongs to the {place}, and without magnifying I could confuse characters or shades.
Found in the {place}: modest, delicate, and hard to judge from afar.
In the {place} there it is, covering under a twentieth of the area.
I would place it in the {place}; the resolution available to me does not suffice for certainty.
It occupies a narrow portion of the {place}, so guessing would be careless.
Judging by the layout it is in the {place}, though miniature relative to {width} by {height} pixels.
== grid_open
The cells fill the area from about ({left}, {top}) to ({right}, {bottom}) in {rows} rows and {columns} columns, so I \
can compute where row {row}, column {column} is.
A grid of {rows} x {columns} cells spans x from {left} to {right} and y from {top} to {bottom}. The wanted cell \
follows from that by division.
Outer borders run from ({left}, {top}) to ({right}, {bottom}); splitting them into {rows} by {columns} gives row \
{row}, column {column}.
Counting by eye through {rows} rows is error-prone. With the outline ({left}, {top}, {right}, {bottom}) simple \
arithmetic points to row {row}, column {column}.
Because all cells share identical dimensions, row {row} and column {column} can be derived from the extent ({left}, \
{top}) to ({right}, {bottom}).
The lattice stretches horizontally from {left} to {right} and vertically from {top} to {bottom}; I interpolate cell \
({row}, {column}).
Uniform spacing helps: {columns} columns between x={left} and x={right}, {rows} rows between y={top} and y={bottom}.
I measure the array's boundary as ({left}, {top}, {right}, {bottom}) and index into it.
== place
The words say exactly where that is, so I can compute its corners from the size {width}x{height}.
The picture is {width} pixels wide and {height} pixels high, which fixes the region.
From the size of {width}x{height} pixels I can work out the region.
No searching is needed: the region follows from the width {width} and the height {height}.
The description is purely geometric, hence the dimensions {width}x{height} determine it.
Given {width} by {height} pixels, integer division delivers the edges.
Nothing must be hunted down visually; coordinates come straight from {width} and {height}.
The statement defines a rectangle, and its bounds depend solely on {width} and {height}.
I translate the wording into pixel limits, using a width of {width} and a height of {height}.
That specification is unambiguous: with {width}x{height} I obtain the box mathematically.
Proportions are stated, so scaling them to {width}x{height} pinpoints the target.
An exact formula beats eyeballing here, as the canvas measures {width}x{height}.
Converting relative positions into absolute ones requires merely {width} and {height}.
Each boundary equals some multiple of a share of {width} or {height}.
I can calculate instead of squinting; the overall measurements are {width} and {height}.
== care
Guesswork is not acceptable, so evidence precedes judgement.
Haste would be a poor adviser here.
Plausible impressions have deceived observers often enough.
A wrong digit ruins everything, which argues for patience.
My perception of the shrunken version cannot be trusted blindly.
Lossy compression hurts thin lines most.
I want proof rather than intuition.
Similar glyphs such as three and eight are notorious traps.
Skilled analysts zoom before they speak, and so do I.
Memory of comparable scenes must not bias me.
The tool costs little and eliminates speculation.
My plan: extract, inspect, conclude.
Strategy: isolate the relevant pixels and examine them calmly.
Step by step, beginning with the location.
Diligence pays off when objects are scarce in pixels.
Let me proceed systematically.
A methodical approach beats squinting.
Thoroughness matters more than speed.
Such puzzles reward meticulous inspection.
I refuse to hallucinate something I have not actually seen.
Anti-aliasing smears neighbouring characters together, which explains my uncertainty.
Optical illusions thrive on low resolution.
Human readers would lean forward; I use the sandbox.
Whatever I answer should be backed by visual confirmation.
Assumptions are cheap, corrections expensive.
The downscaled thumbnail loses high frequencies.
Honest uncertainty suggests gathering additional data.
My toolbox offers slicing, resizing, rotation and filters.
Neither experience nor common sense can replace measurement.
Ideally a single operation brings the solution.
== strip
I first cut out the whole row.
First the rows of pixels that matter, over the full width.
I begin with the vertical range.
Initially I keep the complete horizontal band.
Top and bottom limits come before left and right ones.
A long ribbon across the page is my intermediate result.
Let me isolate that band from edge to edge.
As a preliminary I retain every column but restrict the height.
The slice between both vertical limits should be checked beforehand.
== across
Now the horizontal range within that strip.
From this strip I take the wanted column.
The strip holds it; I cut it down to the right column.
The band looks correct, therefore I trim its sides.
Next comes the sideways restriction.
Having fixed the height, I narrow the breadth too.
Left and right limits finish the job.
Slicing the ribbon along the other axis leaves a single cell.
What remains is choosing the proper segment inside the band.
== color
It is the only {color} thing, so a threshold by colour finds it.
Nothing else is {color}: a mask of all {color} pixels gives its place.
Code can find it by its colour alone; I look for the {color} pixels.
Its hue is unique, which makes segmentation trivial: keep whatever is {color}.
A binary mask for {color} isolates this object without manual pointing.
I filter for {color} and take the bounding rectangle of the matches.
Since {color} occurs once, the extreme coordinates of such pixels enclose the answer.
Chromatic filtering does the search for me: pick {color}, discard others.
The tone {color} serves as a beacon; collecting those pixels reveals the position.
Thresholding on {color} beats scanning the surface myself.
== crop
I crop that part and enlarge it.
Cropping it and scaling it up should make it readable.
Let me cut it out and zoom in.
A crop, enlarged {zoom} times, will show it.
Magnifying the cutout by {zoom} ought to reveal the strokes.
I extract the neighbourhood and upscale it {zoom}-fold.
Enlarging this portion with interpolation will expose finer structure.
Some lines of Python can excerpt the section and blow it up.
A magnifying glass would help, and resizing by {zoom} acts like one.
I snip the patch, then multiply its dimensions by {zoom}.
Zooming {zoom} times into this location brings the necessary clarity.
Let me fetch the original pixels there and stretch both sides by {zoom}.
The native resolution holds more than I currently perceive; cropping plus resampling unlocks it.
I'd rather view this in close-up at {zoom} times its original dimensions.
To get crisp glyphs and edges, I excerpt and resample the section.
Pulling that fragment out and making it bigger is the safest move.
With a cutout magnified by {zoom}, ambiguity should disappear.
== crop_plain
I crop that part.
Let me cut it out.
I take a closer look at that region.
Isolating the section will suffice.
I extract just this portion.
A simple excerpt is enough.
Let me pull out the corresponding pixels.
The surroundings are distracting, so I remove them.
Slicing the array there yields what I want.
I grab the fragment at its native resolution.
Trimming away the rest improves the view.
Let me view the excerpt by itself.
== wide
I first crop the surroundings to be sure that I have the right one.
Let me start with a wider crop, so that I do not mix it up with its neighbours.
First a generous crop around it.
A broad view comes first, because lookalikes stand nearby.
I prefer checking the vicinity before going into detail.
To verify the identity, I include plenty of context initially.
Beginning with ample margins prevents a mistaken choice.
An overview of that corner lets me confirm the landmark.
I allow extra room around it on the initial attempt.
Caution suggests inspecting the entire environment beforehand.
Let me capture the object together with whatever names it.
A coarse cutout establishes my bearings.
Orientation before precision: I take a liberal excerpt.
Adjacent objects resemble each other, thus I begin zoomed out.
== narrow
The crop shows the right place, but there is still too much around it. I go closer.
This is the right one. I now crop it tightly and enlarge it.
Now I can place it exactly: a tighter crop will do.
Good, it is in here. It is still small, so I narrow the crop down.
Confirmed. The following excerpt keeps merely the essential piece.
The landmark matches, so I tighten the window.
Identity established; precision is next.
Helpful, yet the margins waste space. I shrink the box.
That verifies the position. Let me home in.
We are at the proper spot, hence a stricter cutout.
Surplus background remains. I discard it and approach further.
I recognise it immediately, and a snug frame will bring out the rest.
As hoped, the target is inside. Reducing the selection should render it legible.
Right neighbourhood, insufficient magnification. Another pass with smaller bounds.
The excerpt proves I aimed correctly; I refine the limits.
Everything fits the description. I restrict the rectangle accordingly.
== enlarge
The right region, but still small. I enlarge it {zoom} times.
I have it in view now; scaling it up will make it legible.
Still tiny. Let me resize the crop.
Correct excerpt, poor size. Multiplying by {zoom} fixes that.
The pixels are there, they simply need spreading out.
Interpolation by a factor of {zoom} makes this comfortable to inspect.
Let me upsample the cutout for comfort.
Magnification is the missing ingredient.
My crop is accurate but minuscule, therefore I scale it by {zoom}.
Bigger is better: I resample it.
Now expand the patch {zoom}-fold.
Stretching the excerpt lets me discern each mark.
== turned
It lies turned by roughly {turn} degrees counterclockwise.
The text is turned about {turn} degrees against the clock.
Its baseline is rotated by around {turn} degrees, so it has to be turned back.
The lettering is tilted, I estimate {turn} degrees anticlockwise.
Compared with the horizontal it deviates by approximately {turn} degrees.
An inclination near {turn} degrees makes direct reading awkward.
The line of characters slants; {turn} degrees seems about right.
Someone put it down askew, with an angle close to {turn} degrees.
The writing runs obliquely at some {turn} degrees.
Orientation is off by nearly {turn} degrees counterclockwise.
== turned_as_said
It is turned by {turn} degrees counterclockwise, as the question says.
The question gives the turn: {turn} degrees counterclockwise.
According to the question it lies turned by {turn} degrees.
The stated angle is {turn} degrees, no estimation required.
As specified, everything there is rotated {turn} degrees.
We are told the tilt already, {turn} degrees anticlockwise.
The prompt mentions an orientation of {turn} degrees.
By its own statement the inscription leans {turn} degrees.
== rotate
I rotate the crop so that the text stands upright.
Turning it back by {turn} degrees makes it level.
Let me turn it back.
Undoing the rotation straightens the line.
A compensating spin of {turn} degrees restores the usual orientation.
I apply the inverse turn.
Rotating clockwise by {turn} aligns the baseline with the horizontal.
Levelling it out comes next.
Let me straighten this, padding the canvas so no corner gets clipped.
With an opposite rotation the characters become upright.
The remedy is an affine transform about the centre.
I tilt the excerpt until it reads normally.
== wrong_turn
That was the wrong direction: now it leans even further. I turn the original crop the other way.
The text is not upright; I mixed up the sign of the angle. Once more, the other way round.
Rotated the wrong way. I correct the sign.
Oops, positive angles mean counterclockwise here. I negate it.
The outcome is worse than before, meaning the sense of rotation was reversed. Flip it.
Clearly my sign convention was mistaken. Repeating with the opposite one.
It tipped over instead of straightening. I redo this using the negative value.
Not level at all: I doubled the tilt rather than cancelling it. Trying the contrary direction.
== faint
The writing has nearly the colour of its background.
The letters hardly stand out from the surface.
It is very faint.
Ink and ground differ by barely a few shades.
The print is washed out.
Contrast is extremely low there.
Its strokes almost dissolve into the material below.
The inscription looks bleached and ghostly.
Such pale marks are practically invisible.
The characters have faded with time, it seems.
Foreground and backdrop share virtually the same brightness.
Only a whisper of ink is left.
== enhance
I stretch the contrast.
Raising the contrast should bring it out.
Let me spread the grey levels.
Expanding the tonal range amplifies the difference.
A linear stretch of intensities will separate ink from ground.
I remap brightness so the darkest becomes black and the lightest white.
Normalising the histogram limits may rescue the strokes.
Converting to greyscale and widening its range should work.
Let me boost the luminance difference.
Intensity scaling can intensify what little signal exists.
I amplify the dynamic range.
Levels adjustment is the proper instrument here.
== more_enhance
Better, but not enough yet. I use the full range of grey levels.
Still weak. A stronger stretch is needed.
That was too timid; I stretch it much more.
A slight improvement, yet unsatisfactory. I push harder.
The gain was insufficient. Let me exploit all intensities.
Marginally clearer. A bolder adjustment follows.
Mild settings do not cut it; I go aggressive.
Progress, although doubts persist. Maximum amplification now.
== failed
The code failed: {error}. I fix that.
That did not run ({error}). I correct it.
I made a mistake there: {error}. Here is the corrected code.
An exception was raised: {error}. The repaired version follows.
Python complained because {error}. Let me amend the snippet.
My bug: {error}. Trying again.
The interpreter stopped: {error}. I rewrite this bit.
Right, {error}. A revised attempt is below.
The traceback explains it: {error}. Easy to mend.
A slip of mine, since {error}. Now properly.
Execution halted; {error}. I adapt the program.
I overlooked something: {error}. Second try.
== coordinates
The cell is at these pixels. I crop it.
These are the corners of the cell; now the crop.
With these numbers I can cut the cell out.
The printed values bound the target, so the excerpt is straightforward.
Both corners are known. Slicing follows.
Those limits look plausible; I apply them.
The calculation produced sensible bounds, which I use directly.
Coordinates obtained. Let me extract the rectangle.
All four edges are available in memory, ready for slicing.
Next I feed these values into the cropping step.
== compute
I compute this with Python.
A few lines of code settle this exactly.
Counting this by hand is error-prone, so I let the code do it.
This is best computed.
Mental arithmetic invites slips; a script does not.
Let a short program do the tedious bookkeeping.
An exhaustive calculation costs microseconds, so I run one.
I delegate the figures to the interpreter.
No picture is involved, this is pure arithmetic.
Translating the text into code gives a reliable outcome.
Brute force is perfectly adequate for quantities like these.
I model the puzzle literally and print the number.
Instead of deriving a formula, I evaluate it mechanically.
The rules are explicit, which suits a compact script.
Let me encode the conditions and have them evaluated.
It is a word problem; executing it prevents careless errors.
Python's integers are exact, hence ideal for this.
Doing it programmatically guards against miscounting.
== compute_read
{seen}. Now the total.
I read: {seen}. I add it up with code to be safe.
Here {seen}. The rest is arithmetic.
Noted: {seen}. Summation is next.
The tags are legible: {seen}. Let Python do the addition.
From the excerpt, {seen}. I combine the amounts.
Extracted figures: {seen}. Adding decimals by hand tempts fate.
With {seen}, a quick sum remains.
== check
To be sure I compute it in a second way.
Let me check the result with a different method.
I verify that independently.
A cross-check by another route is cheap.
Confirming through an alternative formulation.
Trust but verify: a second approach.
I validate this using separate logic.
Redundancy helps, so here is another derivation.
Does a differently written program agree?
An independent recalculation would reassure me.
== glance
This can be answered from the picture as a whole; no code is needed.
The overall picture is enough here, there is nothing to zoom into.
No closer look is needed for this.
A glance suffices, tools would add nothing.
The general impression already decides it.
This property is obvious at any resolution.
Since it concerns the entire composition, cropping is pointless.
The gist is visible immediately.
I can respond right away without running anything.
The big shapes alone tell me.
Such global features survive downsizing, so I skip the code.
Nothing minute is requested; perception alone will do.
== seen
Now it is clear: {seen}.
I can see that {seen}.
Here {seen}.
In the result {seen}.
The close-up leaves no doubt that {seen}.
Finally legible: {seen}.
It turns out that {seen}.
The returned picture demonstrates that {seen}.
With this view, {seen}.
I observe that {seen}.
As displayed, {seen}.
Reading carefully, {seen}.
Unmistakably, {seen}.
The output makes it evident: {seen}.
At this magnification {seen}.
That settles the matter, as {seen}.
My conclusion from the final view: {seen}.
The visible proof is there: {seen}.
Examining each mark in turn, {seen}.
Thus {seen}.
== result
The code says that {seen}.
So {seen}.
The output shows it: {seen}.
Execution yields that {seen}.
According to the program {seen}.
Hence {seen}.
The printed number tells me {seen}.
Consequently {seen}.
The script finished, and {seen}.
Calculated precisely, {seen}.
== plain
So {seen}.
Clearly {seen}.
It is plain to see: {seen}.
Obviously {seen}.
Without hesitation, {seen}.
The scene as a whole says {seen}.
I am confident that {seen}.
By all appearances {seen}.
== option
That is option {letter}.
This matches option {letter}.
Among the options this is {letter}.
The corresponding letter is {letter}.
Comparing with the list, {letter} agrees.
I therefore choose {letter}.
Of the four candidates, {letter} coincides with it.
Option {letter} states just that.
Hence {letter} must be selected.
The others differ, {letter} fits.
So the correct choice is {letter}.
It corresponds to alternative {letter}.
"""


def read_wordings(text: str) -> dict[str, tuple[str, ...]]:
    """Key → wordings, from a text of `== key` lines with the key's wordings below each."""
    keys = [block.strip().split('\n') for block in text.split('== ')[1:]]
    return {key: tuple(lines) for key, *lines in keys}


PHRASES = read_wordings(_TEXT)
"""What is to be said → its wordings."""
