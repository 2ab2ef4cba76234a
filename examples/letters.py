"""Write images of the letters A to Z, as a stand-in for your own: python -m examples.letters FOLDER

Each class has a folder with 200 images, which differ in font, size, angle, thickness, noise, and brightness
of ink and paper.
"""

import argparse
import string
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digits.core.errors import InputError, run_main

IMAGES_PER_CLASS, SEED = 200, 0
# Matplotlib's fonts of letters; its other fonts have symbols in their place.
FAMILIES = ("DejaVuS", "STIXGeneral", "cmb", "cmr", "cmss", "cmt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="a new folder, such as data/letters")
    folder = parser.parse_args().folder
    if folder.exists():
        raise InputError(f"{folder}: exists already; choose another name")
    partial = folder.with_name(f"{folder.name}.partial")
    paths = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf"))
    fonts = [path for path in paths if path.stem.startswith(FAMILIES) and "Display" not in path.stem]
    random = np.random.default_rng(SEED)
    for letter in string.ascii_uppercase:
        (partial / letter).mkdir(parents=True, exist_ok=True)
        for number in range(IMAGES_PER_CLASS):
            Image.fromarray(draw(letter, fonts, random)).save(partial / letter / f"{number:03}.png")
    partial.rename(folder)


def draw(letter: str, fonts: list[Path], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return an image of ``letter``, uint8 (H, W), dark on light or light on dark, 16 to 120 pixels high."""
    canvas = np.zeros((160, 160), np.uint8)
    if random.random() < 0.4:
        face = int(random.integers(8)) | (cv2.FONT_ITALIC if random.random() < 0.3 else 0)
        cv2.putText(canvas, letter, (45, 110), face, 3, 255, int(random.integers(3, 12)), cv2.LINE_AA)
    else:
        image = Image.fromarray(canvas)
        font = ImageFont.truetype(str(fonts[random.integers(len(fonts))]), 90)
        stroke = int(random.integers(0, 4))
        ImageDraw.Draw(image).text((80, 80), letter, 255, font=font, anchor="mm", stroke_width=stroke)
        canvas = np.array(image)
    side = int(random.integers(16, 121))
    matrix = cv2.getRotationMatrix2D((80, 80), random.uniform(-15, 15), random.uniform(0.7, 1.1) * side / 160)
    right, down = random.normal(side / 2 - 80, 0.03 * side, 2)
    matrix = matrix + np.array([[0, 0, right], [0, 0, down]])
    mask = cv2.warpAffine(canvas, matrix, (side, side), flags=cv2.INTER_AREA) / np.float32(255)
    paper, ink = random.uniform(170, 250), random.uniform(10, 90)
    if random.random() < 0.3:
        paper, ink = ink, paper
    noise = random.normal(0, random.uniform(0, 50), mask.shape)
    return np.asarray(np.rint(paper + (ink - paper) * mask + noise).clip(0, 255), np.uint8)


if __name__ == "__main__":
    run_main(main)
