"""Writes Sources/CDigits/digits.c from scikit-learn's copy of the UCI digits.

    pip install scikit-learn
    python Tests/Oracles/generate_digits.py
"""

from hashlib import sha256
from pathlib import Path

from sklearn.datasets import load_digits

OUTPUT = Path(__file__).parents[2] / "Sources" / "CDigits" / "digits.c"


def main():
    digits = load_digits()
    pixels = digits.data.astype("uint8")
    labels = digits.target.astype("uint8")
    assert pixels.shape == (1797, 64) and (pixels == digits.data).all() and pixels.max() == 16
    images = "\n".join("  " + ",".join(map(str, image)) + "," for image in pixels)
    answers = "\n".join(
        "  " + ",".join(map(str, labels[start : start + 40])) + ","
        for start in range(0, len(labels), 40)
    )
    OUTPUT.write_text(
        "// Written by Tests/Oracles/generate_digits.py. The data's licence is in DATA-LICENSE.md.\n"
        '#include "CDigits.h"\n\n'
        "// One image on each line, its rows from top to bottom.\n"
        f"static const uint8_t pixels[DIGITS_COUNT * DIGITS_PIXELS] = {{\n{images}\n}};\n\n"
        f"static const uint8_t labels[DIGITS_COUNT] = {{\n{answers}\n}};\n\n"
        "const uint8_t *digits_pixels(void) { return pixels; }\n"
        "const uint8_t *digits_labels(void) { return labels; }\n"
    )
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")
    print(f"sha256 of the pixels {sha256(pixels.tobytes()).hexdigest()}")
    print(f"sha256 of the labels {sha256(labels.tobytes()).hexdigest()}")


if __name__ == "__main__":
    main()
