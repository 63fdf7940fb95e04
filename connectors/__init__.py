"""The outside world, as raw records: what each API says, and a demo brand that says it too."""
