"""A second writer of identity strips and tile checksums, slow and straight from docs/protocol.md, for tests."""

import zlib

import numpy as np


def crc8(data):
    """Bit by bit over the message, as polynomial division."""
    bits = [int(b) for byte in data for b in f"{byte:08b}"] + [0] * 8
    for i in range(len(bits) - 8):
        if bits[i]:
            for j, p in enumerate([1, 0, 0, 0, 0, 0, 1, 1, 1]):
                bits[i + j] ^= p
    return int("".join(map(str, bits[-8:])), 2)


def tile_crc(desktop):
    """The tile table's CRC-32, pixel by pixel."""
    height, width = desktop.shape
    table = b""
    for top in range(0, height, 32):
        for left in range(0, width, 32):
            h = 0
            for pixel in desktop[top : top + 32, left : left + 32].ravel().tolist():
                h = (h * 6364136223846793005 + (pixel & 0xFFFFFF)) % 2**64
            table += h.to_bytes(8, "little")
    return zlib.crc32(table)


def write_band(pixels, index, number, crc):
    """Draw band *index* of the strip."""
    body = bytes([0xA5]) + number.to_bytes(4, "big") + crc.to_bytes(4, "big") + bytes([index])
    left = pixels.shape[1] - 32
    for row, byte in enumerate(body + bytes([crc8(body), 0x5A])):
        for bit in range(8):
            y, x = index * 48 + row * 4, left + bit * 4
            pixels[y : y + 4, x : x + 4] = 0xFFFFFF if byte >> (7 - bit) & 1 else 0


def screen(desktop, number, crc=None):
    """A whole screen: *desktop* and its strip."""
    height, width = desktop.shape
    pixels = np.zeros((height, width + 32), np.uint32)
    pixels[:, :width] = desktop
    crc = tile_crc(desktop) if crc is None else crc
    for index in range(height // 48):
        write_band(pixels, index, number, crc)
    return pixels
