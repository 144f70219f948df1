"""The appliance: puts compiler, engine and console together. The only box that knows both dsl and engine."""
