"""The header profile of PS3.15 Annex E: its tables as data, a de-identifier on the encoded bytes, and the proof.

Pure functions of files. Must not know rules, steps or the spool, nor where a key is kept.
"""
