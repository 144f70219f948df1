"""Sending by hand: files, folders, ZIPs and media to a destination, once each, however often it is interrupted.

`stellwerk send` and `stellwerk import` are its two faces. It works beside the appliance and knows neither its spool
nor its queues: whoever sends by hand looks on, and begins again.
"""
