#!/usr/bin/env python3
"""Makes the fonts of tests/fixtures/fonts, and the truth of how they are shaped: tests/fixtures/truth/text_shapes.json.

Needs fontTools, uharfbuzz, and the fonts of Noto. The glyphs, advances and offsets of every text are those of HarfBuzz.
"""

import json
import os

import uharfbuzz
from fontTools import subset
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.TupleVariation import TupleVariation

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FONTS = os.path.join(ROOT, "tests", "fixtures", "fonts")
OCR = "pipelines/ocr/fonts"
OWN = "tests/fixtures/fonts"

# font, text, direction, script, language, features
SHAPES = [
    (f"{OCR}/NotoSerif-Regular.ttf", "Office affine fjord AVATo", "ltr", "Latn", "", []),
    (f"{OCR}/NotoSerif-Regular.ttf", "Office", "ltr", "Latn", "", ["-liga"]),
    (f"{OCR}/NotoSans-Regular.ttf", "q\u0303e\u0301\u0323a\u030a", "ltr", "Latn", "", []),
    (f"{OCR}/NotoSans-Regular.ttf", "Съешь же ещё", "ltr", "Cyrl", "", []),
    (f"{OWN}/NotoNaskhArabic.ttf", "السلام عليكم", "rtl", "Arab", "", []),
    (f"{OWN}/NotoNaskhArabic.ttf", "لَا", "rtl", "Arab", "", []),
    (f"{OWN}/NotoSansDevanagari.ttf", "क्षत्रिय हिन्दी र्कि", "ltr", "Deva", "", []),
    (f"{OWN}/NotoSansCJK.otf", "縦書き、「テスト」ー", "ttb", "Hani", "", []),
    (f"{OWN}/NotoSansCJK.otf", "縦書き、ー", "ltr", "Hani", "", []),
]


def cut(source, number, name, text, layout=("*",)):
    options = subset.Options(hinting=False, layout_features=list(layout), name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14, 16], notdef_outline=True)
    options.drop_tables += ["meta"]
    font = TTFont(source, fontNumber=number)
    cutter = subset.Subsetter(options)
    cutter.populate(text=text)
    cutter.subset(font)
    font.save(os.path.join(FONTS, name))


def variable():
    """A font of one letter, a bar whose width follows its axis."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "I"])
    builder.setupCharacterMap({ord("I"): "I"})

    def bar(width):
        pen = TTGlyphPen(None)
        pen.moveTo((100, 0))
        pen.lineTo((100, 700))
        pen.lineTo((100 + width, 700))
        pen.lineTo((100 + width, 0))
        pen.closePath()
        return pen.glyph()

    builder.setupGlyf({".notdef": bar(300), "I": bar(100)})
    builder.setupHorizontalMetrics({".notdef": (500, 100), "I": (300, 100)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Bar", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.setupFvar([("wght", 400, 400, 900, "Weight")], [])
    wider = [(0, 0), (0, 0), (200, 0), (200, 0), (0, 0), (200, 0), (0, 0), (0, 0)]
    builder.setupGvar({"I": [TupleVariation({"wght": (0, 1, 1)}, wider)], ".notdef": []})
    builder.save(os.path.join(FONTS, "Bar.ttf"))


def fonts():
    noto = "/usr/share/fonts/truetype/noto"
    arabic = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأإؤئ ًٌٍَُِّْ0123456789()"
    cut(f"{noto}/NotoNaskhArabic-Regular.ttf", -1, "NotoNaskhArabic.ttf", arabic)
    cut(f"{noto}/NotoSansDevanagari-Regular.ttf", -1, "NotoSansDevanagari.ttf", "क्षत्रियहिन्दीर्किवश्वद्यालमस " + "\u200c\u200d")
    cjk = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
    cut(cjk, 0, "NotoSansCJK.otf", "縦書きの日本語、「テスト」です。ーABC 12", ("vert", "vrt2", "kern", "ccmp", "locl"))
    variable()


def shapes():
    truth = []
    for path, text, direction, script, language, features in SHAPES:
        font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(os.path.join(ROOT, path))))
        buffer = uharfbuzz.Buffer()
        # Clusters in bytes of UTF-8.
        buffer.add_utf8(text.encode())
        buffer.direction, buffer.script = direction, script
        if language:
            buffer.language = language
        uharfbuzz.shape(font, buffer, {feature.lstrip("-"): not feature.startswith("-") for feature in features})
        glyphs = [
            [info.codepoint, info.cluster, at.x_advance, at.y_advance, at.x_offset, at.y_offset]
            for info, at in zip(buffer.glyph_infos, buffer.glyph_positions)
        ]
        truth.append({"font": path, "text": text, "direction": direction, "script": script, "features": features, "glyphs": glyphs})
    with open(os.path.join(ROOT, "tests", "fixtures", "truth", "text_shapes.json"), "w", encoding="utf-8") as file:
        listed = ",\n".join("  " + json.dumps(one, ensure_ascii=False) for one in truth)
        version = uharfbuzz.version_string()
        file.write(f'{{"harfbuzz": "{version}", "shapes": [\n{listed}\n]}}\n')


if __name__ == "__main__":
    fonts()
    shapes()
