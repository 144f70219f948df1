"""What `stellwerk demo` needs around the appliance: a PACS, a mail server, images. On loopback, for show only."""
