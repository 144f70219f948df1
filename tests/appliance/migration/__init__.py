"""From CTP to rules: what the migration reads, and what it makes of it."""
