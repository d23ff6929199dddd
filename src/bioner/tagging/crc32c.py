"""CRC-32C (Castagnoli, RFC 3720), computed on many stretches of the data at once by numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Registers = NDArray[np.uint32]

POLYNOMIAL = np.uint32(0x82F63B78)  # 0x1EDC6F41 with its bits reversed
MOST_LANES = 16


def _table() -> Registers:
    """What a register becomes by each value of its low byte, eight bits on."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ POLYNOMIAL, values >> 1)
    return values


TABLE = _table()
BITS = np.arange(32, dtype=np.uint32)


def crc32c(data: bytes) -> int:
    """The checksum of data.

    A register after some bytes is linear in the register before and the bytes, over GF(2). So equal stretches of the data are run
    side by side from 0, and neighbours joined: the left one moved over as many zero bytes as the right one is long, xor the right one.
    """
    values = np.frombuffer(data, dtype=np.uint8)
    lanes = 1 << max(0, min(MOST_LANES, values.size.bit_length() - 8))
    length = values.size // lanes
    registers = np.zeros(lanes, dtype=np.uint32)
    registers[0] = 0xFFFFFFFF
    for column in values[: lanes * length].reshape(lanes, length).T:
        registers = _advance(registers, column)
    move = _over_zeros(length)
    while registers.size > 1:
        registers = _apply(move, registers[::2]) ^ registers[1::2]
        move = _apply(move, move)
    for value in values[lanes * length :]:
        registers = _advance(registers, value)
    return int(registers[0]) ^ 0xFFFFFFFF


def _advance(registers: Registers, byte: NDArray[np.uint8] | np.uint8) -> Registers:
    moved: Registers = TABLE[(registers ^ byte) & np.uint32(255)] ^ (registers >> np.uint32(8))
    return moved


def _apply(columns: Registers, registers: Registers) -> Registers:
    """The product of a 32 x 32 matrix over GF(2), given by columns [32], and registers [N]."""
    chosen = np.where((registers[:, None] >> BITS) & np.uint32(1), columns, np.uint32(0))
    product: Registers = np.bitwise_xor.reduce(chosen, axis=1)
    return product


def _over_zeros(length: int) -> Registers:
    """The matrix that moves a register over so many zero bytes, by repeated squaring."""
    unit = np.uint32(1) << BITS
    power, result = _advance(unit, np.uint8(0)), unit
    while length:
        if length & 1:
            result = _apply(power, result)
        power = _apply(power, power)
        length >>= 1
    return result
