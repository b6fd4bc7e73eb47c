"""A library's files -> formats, names, companions, texts and the catalogue; no pixels."""
