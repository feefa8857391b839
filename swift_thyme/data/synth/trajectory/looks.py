"""What a glance at each kind of scene gives, in several wordings, one a line.

Owns English only. Every sentence is true of every picture of its scene, and none gives an answer away: no colour, no
count, no light, nothing that is written.
"""

from __future__ import annotations

from .phrases import read_wordings

_TEXT = """
== street
Bakeries, florists or barbers might trade here; each business has its own portal.
The architecture is ordinary: masonry, glazing, roofs, thresholds.
Pedestrians would stroll past these windows while motorists look for spaces.
Shop fronts stand side by side along a pavement, with signboards above their entrances.
I see an urban row of buildings: windows, doors, a road and parked vehicles.
Several storefronts line this town street, each carrying its own fascia.
A retail parade faces me; notices hang beside its doorways and cars wait at the kerb.
Facades with upper storeys rise behind the sidewalk, automobiles stand ahead of them.
It resembles a shopping lane drawn from across the carriageway.
== shelf
Customers would browse these brands from left to right.
Inventory is displayed facing forward, tariff strips beneath.
The retailer grouped identical articles into stacks.
Merchandise is stacked in tiers, with price tickets clipped below each product.
A grocery aisle: cans, bottles or boxes arranged by brand in long rows.
Retail goods fill several levels, and every brand has its own tag.
This is a supermarket rack, packed with branded containers.
The shelving carries groceries in neat groups, priced at the rim.
Packages share each ledge, sorted by manufacturer.
== gallery
The hall invites contemplation, one exhibit after another.
Oil or photograph, every work has an identifying plate.
A connoisseur would walk along and study the plaques.
Framed artworks hang in lines on an exhibition wall above wooden boards.
I am looking into a museum room where photographs are mounted, plaques underneath.
Pictures in frames, a skirting board, a parquet floor: evidently an exhibition.
Visitors would read the brass or paper captions below these hung images.
Canvases decorate the wall, every one accompanied by an engraved caption.
The curator gave each exhibit a frame and a caption.
== map
Geography, not photography: lines denote streets, tinted shapes denote open land.
Commuters might consult such a diagram to plan journeys.
The surveyor drew thoroughfares and annotated junctions.
A cartographic plan of a town with streets, stations and greenery.
Roads cross districts on this chart, transit stops carry names.
It is a bird's map: avenues, lines of public transport, parks drawn as patches.
Symbols and labels are scattered over an urban plan.
The layout of a city is sketched, including routes and halts.
I face a street atlas sheet where many names compete for attention.
== dashboard
Engineers monitor pumps or turbines with such readouts.
Sensor modules report in parallel, arranged like windows.
Digital indicators dominate, complemented by captions and scales.
Panels of a control room fill the monitor, every one reporting on some machine.
Industrial telemetry is arranged as a mosaic of widgets.
The display groups instrument readings into rectangular tiles with headings.
An operator's console: gauges, titles, measured quantities.
Equipment status appears in cards across this interface.
A supervisory screen presents sensors next to each other.
== table
Rules separate entries; the intersection principle applies.
The spreadsheet-like chart demands careful tracing along two directions.
Clerks compile such overviews, travellers decipher them.
A large board is ruled into columns and lines, with headers along two sides.
Tabular data covers the panel; headings name each column.
Entries are organised in a matrix, like a timetable at a station.
It is a wide schedule whose entries sit at intersections.
Many small cells, one header line and row titles make up the board.
Such tables demand following a row and a column to their crossing.
== forms
Stationery with dotted or ruled entries awaits processing.
Someone typed particulars into designated spaces.
An auditor would leaf through these vouchers.
Paperwork lies spread out: printed orders with boxes to be completed.
Documents are laid out, each with labelled fields.
Several office forms are visible, filled by a typist.
These sheets look like purchase orders having captions and entries.
The bureaucracy of a company, page beside page.
I recognise administrative templates with named blanks.
== report
Analysts summarise quarterly developments with such illustrations.
Bars, curves or slices convey magnitudes to executives.
Scientific diagrams alternate, each labelled individually.
Charts fill a printed report, each under its own title.
Statistical graphics share the page: axes, legends, annotated values.
Plots drawn by a plotting library are laid out in a grid.
A business review with diagrams of various kinds.
The publication compares categories through many small diagrams.
Every figure has a heading, tick marks and numeric annotations.
== parcels
Couriers unloaded cargo without aligning anything.
Logistics staff identify cartons by pictograms and barcode-like notes.
Tape, cardboard, labels: a sorting hall at work.
Cardboard boxes lie on the floor of a depot, photographed from overhead.
A delivery warehouse from above, with cartons at odd angles.
Packages rest in all orientations, bearing shipping stickers.
The consignments were dropped haphazardly, their stickers follow suit.
Postal freight is distributed over the ground, each box with a printed symbol.
Overhead view of consignments waiting for dispatch.
== desk
It might be a traveller's keepsakes awaiting an album.
Loose photographs, perhaps a memory game, occupy the surface.
Every print is tilted individually, captions included.
Photo cards lie scattered in random attitudes.
Somebody has dealt illustrated postcards across the surface.
Printed snapshots with captions are strewn about, none quite straight.
The arrangement is messy: prints in no order, each with a footer.
A collection of captioned photographs seen from directly overhead.
Souvenir cards are spread as if for sorting.
== lockers
Commuters or athletes deposit bags in such cubicles.
The front of doors is monotonous, addresses matter.
Ventilation slits and handles repeat on each unit.
Identical steel doors form a wall as in a gymnasium or school.
A changing room cabinet block, every compartment with a number plate.
Metal compartments repeat regularly in both directions.
Vented doors, knobs and plates: a bank of lockers.
The storage wall is perfectly regular, which is useful for indexing.
Employees would keep their belongings behind these doors.
== stamps
A collector would admire this philatelic block through a loupe.
Denominations accompany the vignettes, gaps are serrated.
Mail franking material, not yet torn apart.
A philatelic sheet: perforated miniatures with tiny motifs.
Postage with illustrations is printed edge to edge.
Collectible stamps fill the sheet, separated by perforations.
Miniature motifs recur throughout, so place is what distinguishes them.
The mint sheet has a number under every motif.
Little engraved vignettes tile an uncut sheet.
== tiles
The mosaic provides natural boundaries between entries.
Draughts could be played upon this board were it not inscribed.
Adjacent fields differ in shade, never in shape.
A chequered pattern carries short inscriptions, one per square.
Alternating squares remind me of a chessboard with writing.
Two tints alternate like mosaic flooring, each tile with a note.
The surface is tessellated, inscriptions vary from tile to tile.
Checkerboard fields, all similar, hold brief strings.
== sheet
Notes float freely, as though typed at whim.
Constellations of short codes on parchment-like texture.
No separators, headings or margins assist the reader.
Brief strings are dispersed over an otherwise empty sheet.
There are no ruled borders, merely texts floating on a textured ground.
The background gives no hints, inscriptions are sprinkled everywhere.
Without visible gridlines only geometry tells parts from one another.
A blank material speckled with short strings.
== page
Archivists print registers in this manner.
Zebra striping guides the reader along each entry.
Dense typesetting, evenly spaced, resembling a glossary.
Lines of short entries are typeset in even columns like a directory.
Banded rows resemble a ledger or a phone book.
Typography in regular columns, reminiscent of an index.
The register lists entry after entry on subtly striped paper.
A printed catalogue with uniform line spacing.
== labels
Chromatic variety is the organising principle.
Vivid swatches with imprints catch the eye at once.
Like price stickers tossed onto slate.
Coloured stickers are distributed over a neutral backdrop.
Tags of various hues lie apart from each other on a dull ground.
Adhesive labels, each tinted differently, bear some inscription.
Paint differs from sticker to sticker, which distinguishes them.
A palette of badges on a plain surface.
== mailboxes
Letter boxes on posts, each with a name plate and a tag.
A residential estate's post delivery point with addressees.
The postman would serve these boxes one after another.
== nursery
Seedlings in terracotta-like containers, arranged by a gardener.
Foliage sprouts from tubs; horticulture for sale.
A garden centre where every plant is christened.
== cellar
Casks with hoops mature in a vault.
Vintners or brewers age beverages in such wooden vessels.
Staves, bungs, hoops: an underground storeroom.
== harbour
Sailing dinghies are moored, each bearing a registration.
A marina with masts, hulls and canvas sails.
Yachts lie at anchor, their nameplates hoisted overhead.
== luggage
Trunks and cases await their owners in the baggage hall.
Travellers left valises with straps and handles.
Airport belongings, individually tagged.
== keys
Keys dangle from hooks like at a hotel reception.
A janitor's cabinet; bows, shafts and bits.
The concierge keeps every key on its own peg.
== jars
Preserves or spices in glass containers with metal lids.
A pantry rack, every vessel partially filled.
Apothecary-style glassware in tidy order.
== camp
Canvas shelters are pitched on a meadow.
Holidaymakers sleep in triangular tents here.
Campers occupy numbered pitches in the countryside.
== birdhouses
Nesting boxes with gabled roofs and circular holes.
Carpentry for sparrows and tits, ready to be sold.
Wooden dwellings for songbirds hang in order.
== clocks
Dials with hands, as in a watchmaker's window.
Timepieces hang like in an agency with many zones.
Chronometers cover the wall, tags beneath.
== lamps
Table lights with fabric shades in a furnishing store.
Luminaires stand in formation, bulbs hidden.
Interior decoration: shades, stems, bases.
== robots
Toy androids with antennas pose for buyers.
Mechanical figures, arms lowered, stare ahead.
Playful automata fill the showroom.
"""

LOOKS = read_wordings(_TEXT)
"""Scene → what can be said of any picture of it."""
