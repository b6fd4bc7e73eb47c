"""What lies in a library: file formats, names, companions, texts, the catalogue; no pixels."""
