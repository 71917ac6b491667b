"""Reads QR codes with Debian's zbar (package zbar-tools brings the library): a decoder that nobody here wrote."""

import ctypes
import ctypes.util
from collections import namedtuple

import pytest

# zbar.h: enum zbar_symbol_type_e, zbar_config_e
ALL_SYMBOLOGIES, QR_CODE = 0, 64
ENABLE, BINARY = 0, 4
ROW_PIXELS_MIN = 40  # codes whose tops differ by more are in different rows

GREY = int.from_bytes(b"Y800", "little")

Code = namedtuple("Code", "x y data")  # the top left corner, in pixels


def library():
    name = ctypes.util.find_library("zbar")
    if not name:
        pytest.skip("without zbar (package zbar-tools)")
    zbar = ctypes.CDLL(name)
    for function, result, arguments in [
            ("image_scanner_create", ctypes.c_void_p, []),
            ("image_scanner_destroy", None, [ctypes.c_void_p]),
            ("image_scanner_set_config", ctypes.c_int, [ctypes.c_void_p] + [ctypes.c_int] * 3),
            ("image_create", ctypes.c_void_p, []),
            ("image_destroy", None, [ctypes.c_void_p]),
            ("image_set_format", None, [ctypes.c_void_p, ctypes.c_ulong]),
            ("image_set_size", None, [ctypes.c_void_p] + [ctypes.c_uint] * 2),
            ("image_set_data", None, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p]),
            ("scan_image", ctypes.c_int, [ctypes.c_void_p] * 2),
            ("image_first_symbol", ctypes.c_void_p, [ctypes.c_void_p]),
            ("symbol_next", ctypes.c_void_p, [ctypes.c_void_p]),
            ("symbol_get_data", ctypes.c_void_p, [ctypes.c_void_p]),
            ("symbol_get_data_length", ctypes.c_uint, [ctypes.c_void_p]),
            ("symbol_get_loc_size", ctypes.c_uint, [ctypes.c_void_p]),
            ("symbol_get_loc_x", ctypes.c_int, [ctypes.c_void_p, ctypes.c_uint]),
            ("symbol_get_loc_y", ctypes.c_int, [ctypes.c_void_p, ctypes.c_uint])]:
        getattr(zbar, f"zbar_{function}").restype = result
        getattr(zbar, f"zbar_{function}").argtypes = arguments
    return zbar


def symbols(zbar, image):
    symbol = zbar.zbar_image_first_symbol(image)
    while symbol:
        corners = range(zbar.zbar_symbol_get_loc_size(symbol))
        yield Code(min(zbar.zbar_symbol_get_loc_x(symbol, corner) for corner in corners),
                   min(zbar.zbar_symbol_get_loc_y(symbol, corner) for corner in corners),
                   ctypes.string_at(zbar.zbar_symbol_get_data(symbol), zbar.zbar_symbol_get_data_length(symbol)))
        symbol = zbar.zbar_symbol_next(symbol)


def in_order(codes):
    """Row by row from the top, left to right in each. Corners are found to a few pixels."""
    rows = []
    for code in sorted(codes, key=lambda code: code.y):
        if not rows or code.y - rows[-1][0].y > ROW_PIXELS_MIN:
            rows.append([])
        rows[-1].append(code)
    return [code for row in rows for code in sorted(row)]


def read(width, height, grey):
    """The codes in a picture of one byte a pixel, in the order in which a person reads."""
    zbar = library()
    scanner, image = zbar.zbar_image_scanner_create(), zbar.zbar_image_create()
    try:
        zbar.zbar_image_scanner_set_config(scanner, ALL_SYMBOLOGIES, ENABLE, 0)
        zbar.zbar_image_scanner_set_config(scanner, QR_CODE, ENABLE, 1)
        zbar.zbar_image_scanner_set_config(scanner, QR_CODE, BINARY, 1)
        zbar.zbar_image_set_format(image, GREY)
        zbar.zbar_image_set_size(image, width, height)
        zbar.zbar_image_set_data(image, grey, len(grey), None)
        zbar.zbar_scan_image(scanner, image)
        return in_order(symbols(zbar, image))
    finally:
        zbar.zbar_image_destroy(image)
        zbar.zbar_image_scanner_destroy(scanner)
