"""What comes in from elsewhere: images that a lab already has become a stimulus set."""

from app.imports.pairs import Labels, import_pairs

__all__ = ["Labels", "import_pairs"]
