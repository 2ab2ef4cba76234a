from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from digits.core import store
from digits.core.params import Augment
from digits.core.store import Dataset
from digits.data.augmentation import affine_matrices, augment, elastic_basis, elastic_fields, write_passes

OFF = Augment(seed=0, passes=3, rotation=0, zoom=0, shift=0, shear=0, elastic_alpha=0, elastic_sigma=4)
ALL = OFF.model_copy(update={"rotation": 12, "zoom": 0.1, "shift": 0.1, "shear": 10, "elastic_alpha": 8})


def only(**ranges: float) -> Augment:
    return OFF.model_copy(update=ranges)


def test_each_pass_is_a_file_and_without_deformations_there_is_one_copy(tmp_path: Path, dataset: Dataset) -> None:
    store.save(tmp_path / "train.npz", dataset)
    copies = [store.load(path, "") for path in write_passes(ALL, tmp_path / "train.npz", tmp_path / "all", threads=1)]
    assert len(copies) == 3
    for number, copy in enumerate(copies):
        np.testing.assert_array_equal(copy.images, augment(dataset.images, ALL, number))
        np.testing.assert_array_equal(copy.labels, dataset.labels)
    (path,) = write_passes(OFF, tmp_path / "train.npz", tmp_path / "off")
    assert path.read_bytes() == (tmp_path / "train.npz").read_bytes()


@pytest.mark.parametrize("name", ["rotation", "zoom", "shift", "shear", "elastic_alpha"])
def test_a_deformation_works_on_its_own_and_on_every_image(dataset: Dataset, name: str) -> None:
    images = np.tile(dataset.images, (15, 1, 1))
    np.testing.assert_array_equal(augment(images, OFF, 0), images)
    result = augment(images, only(**{name: 0.1 if name in ("zoom", "shift") else 10}), 0)
    assert result.shape == images.shape
    assert (result != images).any(axis=(1, 2)).mean() > 0.9
    # The same image is deformed in many ways.
    assert len(np.unique(result[::40], axis=0)) > 5


@pytest.mark.parametrize("params", [ALL, ALL.model_copy(update={"elastic_alpha": 0})])
def test_a_pass_depends_only_on_its_seed_and_number(dataset: Dataset, params: Augment) -> None:
    third = augment(dataset.images, params, 2)
    np.testing.assert_array_equal(third, augment(dataset.images, params.model_copy(update={"passes": 9}), 2))
    assert (third != augment(dataset.images, params, 1)).any()
    assert (third != augment(dataset.images, params.model_copy(update={"seed": 1}), 2)).any()


@given(rotation=st.floats(0, 180), zoom=st.floats(0, 0.5), shear=st.floats(0, 60), seed=st.integers(0, 100))
def test_without_shift_the_centre_stays(rotation: float, zoom: float, shear: float, seed: int) -> None:
    matrices = affine_matrices(np.random.default_rng(seed), 10, only(rotation=rotation, zoom=zoom, shear=shear))
    np.testing.assert_allclose(matrices @ [13.5, 13.5, 1], 13.5, atol=1e-4)


@given(angle=st.floats(1, 90))
def test_rotation_preserves_lengths_and_stays_within_its_range(angle: float) -> None:
    linear = affine_matrices(np.random.default_rng(0), 200, only(rotation=angle))[:, :, :2]
    np.testing.assert_allclose(linear @ linear.transpose(0, 2, 1), np.broadcast_to(np.eye(2), linear.shape), atol=1e-5)
    angles = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert 0.9 * angle < np.abs(angles).max() <= angle + 1e-3


@given(shift=st.floats(0.01, 0.5))
def test_shift_is_a_fraction_of_the_size_in_either_direction(shift: float) -> None:
    offsets = affine_matrices(np.random.default_rng(0), 200, only(shift=shift))[:, :, 2]
    assert -28 * shift * 1.001 <= offsets.min() < -20 * shift
    assert 20 * shift < offsets.max() <= 28 * shift * 1.001


@pytest.mark.parametrize("sigma", [2, 6])
def test_elastic_fields_are_as_large_and_as_smooth_as_simards(sigma: float) -> None:
    rng = np.random.default_rng(0)
    ours = elastic_fields(rng, 2000, elastic_basis(8, sigma)).reshape(-1, 28, 28)
    theirs = 8 * ndimage.gaussian_filter(rng.uniform(-1, 1, (1000, 28, 28)), sigma, mode="reflect", axes=(1, 2))
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.15)
    for lag in (2, 5):
        ours_lag, theirs_lag = ((fields[:, :, lag:] * fields[:, :, :-lag]).mean() for fields in (ours, theirs))
        np.testing.assert_allclose(ours_lag, theirs_lag, rtol=0.1)
