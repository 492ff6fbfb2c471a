"""What this package raises."""


class PalimpsestError(ValueError):
    """Something that cannot be written or read as asked; the text says what to do."""
