"""Text in pictures: where it stands, by a neural detector that runs here on the processor.

`engine.text.find` is the way in. It finds text and reads none. Must not know rules, steps or the spool, nor what
becomes of what it finds.
"""
