"""Small random deformations of images, pass by pass."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from digits.core import store
from digits.core.files import replacing
from digits.core.params import Augment
from digits.core.store import SIDE

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Images deformed at a time: few enough that their displacement fields stay in the processor's cache.
CHUNK = 256


def write_passes(params: Augment, train: Path, folder: Path, threads: int | None = None) -> list[Path]:
    """Write the augmented copies of the .npz file ``train`` that ``folder`` lacks, one file for each pass, and return
    all of them. With every deformation switched off, there is a single copy, which is the same file.

    threads: by default one for each core; the bytes do not depend on it
    """
    dataset = store.load(train, "preprocess")
    if not (params.rotation or params.zoom or params.shift or params.shear or params.elastic_alpha):
        with replacing(folder / "00.npz") as path:
            shutil.copyfile(train, path)
        return [folder / "00.npz"]

    def write(number: int) -> Path:
        path = folder / f"{number:02d}.npz"
        if not path.exists():
            store.save(path, dataset._replace(images=augment(dataset.images, params, number)))
        return path

    with threadpool_limits(1), ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        return list(tqdm(pool.map(write, range(params.passes)), total=params.passes, desc="augment", unit="pass"))


def augment(images: Images, params: Augment, number: int) -> Images:
    """Deform each of ``images``, uint8 (N, 28, 28), at random: pass ``number`` over the training set.

    The result has the same shape and depends only on the images, the ranges, the seed and the number of the pass.
    """
    rng = np.random.default_rng([params.seed, number])
    matrices = affine_matrices(rng, len(images), params)
    result = np.empty_like(images)
    if not params.elastic_alpha:
        for image, matrix, out in zip(images, matrices, result, strict=True):
            cv2.warpAffine(image, matrix, (SIDE, SIDE), dst=out, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        return result
    basis = elastic_basis(params.elastic_alpha, params.elastic_sigma)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    grid = np.stack([x.ravel(), y.ravel(), np.ones(SIDE * SIDE, np.float32)])
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        maps = (matrices[part] @ grid).reshape(-1, 2, SIDE, SIDE)
        maps += elastic_fields(rng, len(maps), basis)
        for image, (map_x, map_y), out in zip(images[part], maps, result[part], strict=True):
            cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, dst=out)
    return result


def affine_matrices(rng: np.random.Generator, count: int, params: Augment) -> Floats:
    """Draw float32 (count, 2, 3) matrices that map a pixel of the result to its position in the original.

    Rotation, zoom (independent for each axis), shear and shift are uniform within ± their range, about the centre.
    """
    angle, shear, zoom_x, zoom_y, shift_x, shift_y = rng.uniform(-1, 1, (6, count))
    angle, shear = angle * np.radians(params.rotation), np.tan(shear * np.radians(params.shear))
    scale_x, scale_y = 1 + params.zoom * zoom_x, 1 + params.zoom * zoom_y
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos / scale_x, (cos * shear - sin) / scale_x], [sin / scale_y, (sin * shear + cos) / scale_y]])
    centre = (SIDE - 1) / 2
    shift = params.shift * SIDE * np.array([shift_x, shift_y])
    offset = centre - linear.sum(axis=1) * centre + shift
    return np.concatenate([linear, offset[:, None]], axis=1).transpose(2, 0, 1).astype(np.float32)


def elastic_basis(alpha: float, sigma: float) -> Floats:
    """Return B, float32 (28, rank), such that B @ Z @ B.T is an elastic field in pixels for standard normal Z.

    P. Simard et al., "Best practices for convolutional neural networks applied to visual document analysis" (2003),
    smooth uniform noise in ±1 with a Gaussian of ``sigma`` pixels and multiply it by ``alpha``. Each value is a sum of
    many independent ones, hence nearly normal, and a smooth field has few degrees of freedom: drawing the same normal
    field in the basis of the smoothing's eigenvectors takes far fewer random numbers and less work.
    """
    size = 2 * int(4 * sigma + 0.5) + 1
    smoothing = cv2.GaussianBlur(np.eye(SIDE), (size, 1), sigma, borderType=cv2.BORDER_REFLECT).T
    values, vectors = np.linalg.eigh(smoothing @ smoothing.T)
    # Each of the others has less than a thousandth of the largest variance.
    kept = values > 1e-3 * values.max()
    variance_of_noise = 1 / 3
    basis: Floats = (vectors[:, kept] * np.sqrt(values[kept] * alpha * np.sqrt(variance_of_noise))).astype(np.float32)
    return basis


def elastic_fields(rng: np.random.Generator, count: int, basis: Floats) -> Floats:
    """Draw float32 (count, 2, 28, 28) displacements in pixels along x and y."""
    rank = basis.shape[1]
    noise = rng.standard_normal((count * 2 * rank, rank), dtype=np.float32)
    fields: Floats = basis @ (noise @ basis.T).reshape(count, 2, rank, SIDE)
    return fields
