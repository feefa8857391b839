"""`thyme demo`: ask a model about a picture in the browser and watch it work. Gradio 5 and 6.

`app` is the page, `transcript` turns what happens into chat messages, `sources` answers: a model in this process, or a
`thyme serve` elsewhere. docs/demo.md shows it.
"""
