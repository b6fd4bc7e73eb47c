"""PNG files of the plain kind, decoded four times faster than Pillow does, with the same pixels."""
