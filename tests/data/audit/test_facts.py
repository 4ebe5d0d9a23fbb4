"""What a file says about itself, for files whose encoder we chose."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from dfdetect.data.audit.facts import FACT_NAMES, as_table, nearest_quality, read_facts, table_name

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
# ITU-T T.81, table K.1, in natural order
LUMA = [
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
]


def encoded(format: str = "JPEG", mode: str = "RGB", **options) -> bytes:  # noqa: A002
    content = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(content, format, **options)
    return content.getvalue()


def test_an_ordinary_jpeg():
    facts = read_facts(encoded(quality=92), "x.jpg")
    assert (facts.format, facts.mode, facts.width, facts.height) == ("JPEG", "RGB", 40, 24)
    assert (facts.luma_table, facts.chroma_table, facts.quality) == ("q92", "q92", 92)
    assert (facts.subsampling, facts.scan, facts.segments) == ("4:2:0", "baseline", "APP0")
    assert facts.file_bytes == len(encoded(quality=92))
    assert (facts.exif, facts.icc, facts.software, facts.camera, facts.animated) == ("", "", "", "", "")
    assert (facts.ending, facts.orientation) == ("fits", 0)


@pytest.mark.parametrize("quality", [1, 20, 50, 75, 90, 99])
def test_standard_tables_are_known_by_their_quality(quality):
    """The formula of the Independent JPEG Group's library is the reference."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = [min(max((step * scale + 50) // 100, 1), 255) for step in LUMA]
    assert table_name(table) == f"q{quality}"
    assert nearest_quality(table) == quality
    assert read_facts(encoded(quality=quality), "x.jpg").luma_table == f"q{quality}"


def test_a_table_of_ones_own_has_a_name_of_its_own():
    table = [step + 1 for step in LUMA]
    facts = read_facts(encoded(qtables=[table, table]), "x.jpg")
    assert facts.luma_table == table_name(table)
    assert facts.luma_table.startswith("own-")
    assert facts.luma_table != table_name([step + 2 for step in LUMA])
    assert 45 <= facts.quality <= 50


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_sampling_and_scan(sampling, progressive):
    facts = read_facts(encoded(subsampling=sampling, progressive=progressive), "x.jpg")
    assert facts.subsampling == sampling
    assert facts.scan == ("progressive" if progressive else "baseline")
    assert read_facts(encoded(mode="L"), "x.jpg").subsampling == "grey"


def test_tags():
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Acme", "One\n  II"
    exif[ExifTags.Base.Software], exif[ExifTags.Base.Orientation] = "Darkroom <3>", 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    facts = read_facts(encoded(exif=exif, icc_profile=profile, dpi=(300, 300)), "x.jpg")
    assert (facts.exif, facts.camera, facts.software, facts.orientation) == ("yes", "Acme One II", "Darkroom <3>", 6)
    assert "sRGB" in facts.icc
    assert (facts.density, facts.segments) == ("300x300", "APP0 APP1 APP2")
    assert (facts.width, facts.height) == (40, 24)
    damaged = read_facts(encoded(icc_profile=b"nonsense"), "x.jpg")
    assert damaged.icc == "damaged, 8 bytes"


def test_png_texts():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "a face, studio light")
    texts.add_text("Software", "painter")
    facts = read_facts(encoded("PNG", pnginfo=texts), "x.PNG")
    assert (facts.segments, facts.software, facts.luma_table, facts.quality) == (
        "Software parameters",
        "painter",
        "",
        0,
    )
    assert facts.ending == "fits"


@pytest.mark.parametrize(("format", "mode"), [("GIF", "P"), ("WEBP", "RGB"), ("BMP", "RGB"), ("TIFF", "CMYK")])
def test_other_formats(format, mode):  # noqa: A002
    facts = read_facts(encoded(format, mode), "x.jpg")
    assert (facts.format, facts.mode, facts.ending, facts.animated) == (format, mode, "differs", "")


def test_animation():
    frames = [Image.fromarray(PIXELS).rotate(angle) for angle in (0, 90)]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:])
    assert read_facts(content.getvalue(), "x.gif").animated == "yes"


def test_table_keeps_numbers_numbers():
    table = as_table([read_facts(encoded(quality=q), "x.jpg") for q in (50, 90)])
    assert tuple(table) == FACT_NAMES
    assert table["quality"].tolist() == [50, 90]
    assert table["luma_table"].tolist() == ["q50", "q90"]
    assert as_table([])["quality"].shape == (0,)
