"""`stellwerk torture`: the appliance under load while it is killed again and again, and the reckoning at the end."""
