"""Numbers that name colours (ITU-T H.273) -> a colour profile.

AVIF and HEIF files often have such numbers in place of a profile. Only curves near that of sRGB are
known: a picture with the tones of HDR is compared as it is stored.
"""

from __future__ import annotations

import struct
from functools import cache

import numpy as np

# Primaries of red, green and blue as x and y: Display P3, BT.2020, BT.601 (NTSC and PAL).
PRIMARIES = {
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
}
SRGB_LIKE = (13,)  # transfer characteristics that are the curve of sRGB
BT709_LIKE = (1, 6, 14, 15)  # viewers show these with the curve of sRGB as well
D65 = (0.3127, 0.3290)
# Bradford, from D65 to D50, the white of profiles.
TO_D50 = np.array(
    [[1.0479298, 0.0229468, -0.0501922], [0.0296278, 0.9904344, -0.0170738],
     [-0.0092430, 0.0150552, 0.7518743]]
)  # fmt: skip
D50 = (0.9642, 1.0, 0.8249)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@cache
def profile(primaries: int, transfer: int) -> bytes:
    """Return an ICC profile, or b"" for colours of sRGB and those that are not known here."""
    if primaries not in PRIMARIES or transfer not in SRGB_LIKE + BT709_LIKE:
        return b""
    columns = [[x / y, 1.0, (1 - x - y) / y] for x, y in PRIMARIES[primaries]]
    white = [D65[0] / D65[1], 1.0, (1 - sum(D65)) / D65[1]]
    matrix = np.array(columns).T
    matrix = TO_D50 @ (matrix * np.linalg.solve(matrix, white))
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _numbers(*SRGB_CURVE)
    tags = {b"wtpt": b"XYZ " + bytes(4) + _numbers(*D50)}
    for name, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T.tolist(), strict=True):
        tags[name] = b"XYZ " + bytes(4) + _numbers(*values)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _packed(tags)


def _numbers(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _packed(tags: dict[bytes, bytes]) -> bytes:
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    rest = struct.pack(">I", len(tags)) + table + body
    head = struct.pack(">I4sI", 128 + len(rest), bytes(4), 0x04200000) + b"mntrRGB XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + _numbers(*D50)
    return head.ljust(128, b"\0") + rest
