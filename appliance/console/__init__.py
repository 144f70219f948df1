"""The console: pages and an API for people and scripts, in a process of its own beside the appliance."""
