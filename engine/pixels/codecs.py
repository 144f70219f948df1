"""Which codec reads and writes which transfer syntax: the one table."""

from engine.pixels.codec import Codec
from engine.pixels.codec_htj2k import HTJ2K, HTJ2K_RPCL
from engine.pixels.codec_jpeg import JPEG
from engine.pixels.codec_jpeg_2000 import JPEG_2000
from engine.pixels.codec_jpeg_lossless import JPEG_LOSSLESS
from engine.pixels.codec_jpeg_ls import JPEG_LS
from engine.pixels.codec_rle import RLE

CODECS: dict[str, Codec] = {
    "1.2.840.10008.1.2.5": RLE,
    "1.2.840.10008.1.2.4.50": JPEG,
    "1.2.840.10008.1.2.4.51": JPEG,
    "1.2.840.10008.1.2.4.57": JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.70": JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.80": JPEG_LS,
    "1.2.840.10008.1.2.4.81": JPEG_LS,
    "1.2.840.10008.1.2.4.90": JPEG_2000,
    "1.2.840.10008.1.2.4.91": JPEG_2000,
    "1.2.840.10008.1.2.4.201": HTJ2K,
    "1.2.840.10008.1.2.4.202": HTJ2K_RPCL,
    "1.2.840.10008.1.2.4.203": HTJ2K,
}
ALWAYS_LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
