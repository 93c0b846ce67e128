"""Figures carry words, leave matplotlib as they found it, and refuse what they cannot draw."""

from base64 import b64decode
from io import BytesIO

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.figures.images import percent
from course_utils.figures.style import WIDTH
from course_utils.show import (
    plot_attack,
    plot_curves,
    show_images,
    show_perturbation,
    show_predictions,
)
from course_utils.utils import proportion
from pages import Page

CURVES = {
    "xlabel": "ε · 255",
    "ylabel": "success [%]",
    "title": "More is more",
    "alt": "Success grows with ε.",
}


def image_of(picture) -> tuple[dict, Image.Image]:
    """The <img> of an image and what is in it."""
    (img,) = Page(picture._repr_html_()).all("img")
    return img, Image.open(BytesIO(b64decode(img["src"].split(",")[1])))


@pytest.fixture(scope="module")
def every_figure(classifier, scenes):
    before, after = scenes.images[:2], (scenes.images[:2] + 0.02).clamp(0, 1)
    probabilities = [classifier.predict(images).probabilities for images in (before, after)]
    return [
        show_images(scenes.images, alt="Six scenes."),
        show_images(scenes.images[:, :1], ["map"] * 6, columns=2, alt="Six maps."),
        show_predictions(classifier, scenes.images, scenes.labels),
        show_perturbation(before, after, classifier=classifier),
        plot_attack(classifier.classes, before, after, *probabilities),
        plot_curves([0, 1, 2], {"pocket": [0.0, 0.5, 1.0]}, **CURVES),
    ]


def test_every_figure_has_its_words_in_the_html_and_fits_a_page(every_figure):
    for picture in every_figure:
        img, image = image_of(picture)
        assert img["alt"] == picture.alt
        assert len(picture.alt) >= 8
        assert int(img["width"]) <= 96 * 7.5
        assert "max-width: 100%" in img["style"]
        assert image.width == pytest.approx(2 * int(img["width"]), abs=2)  # sharp on dense screens
        assert picture.alt in repr(picture)


def test_a_image_of_the_world_keeps_its_colours_in_the_figure(scenes):
    """Red stays red: the middle of a drawn image is the middle of the image."""
    red = torch.zeros(1, 3, 64, 64)
    red[:, 0] = 1
    _, image = image_of(show_images(red, alt="Red."))
    middle = np.asarray(image.convert("RGB"))[image.height // 2, image.width // 2]
    assert middle.tolist() == [255, 0, 0]


def test_long_names_of_classes_are_taken_apart_and_names_of_layers_stay_to_be_pasted_back(scenes):
    names = ["_blocks.6._project_conv:20", "features.3_conv:12 at 98.5 %", "military_uniform_of_an_admiral: 41 %"]
    drawn = show_images(scenes.images[:3], names, columns=3, alt="Three images.").figure.axes
    titles = [axes.get_title().replace("\n", " ") for axes in drawn]
    assert titles == [*names[:2], "military uniform of an admiral: 41 %"]


def test_drawing_changes_nothing_in_matplotlib(every_figure):
    before = dict(matplotlib.rcParams)
    for picture in every_figure:
        picture._repr_html_()
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot

    assert not pyplot.get_fignums()


def test_a_figure_can_be_saved(every_figure, tmp_path):
    every_figure[0].save(tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").format == "PNG"


def test_without_words_nothing_is_drawn(scenes):
    with pytest.raises(TypeError, match="alt"):
        show_images(scenes.images)
    with pytest.raises(ValueError, match="alt is empty"):
        show_images(scenes.images, alt="  ")
    with pytest.raises(ValueError, match="alt is empty"):
        plot_curves([0], {"a": [1.0]}, **{**CURVES, "alt": ""})


def test_predictions_say_in_words_what_the_bars_say(classifier, scenes):
    alt = show_predictions(classifier, scenes.images, scenes.labels).alt
    for name in {classifier.classes[int(label)] for label in scenes.labels}:
        assert f"{name} is true" in alt


@pytest.mark.parametrize(("level", "factor"), [(8 / 255, 15), (0.25, 2), (0.7, 1), (1 / 255, 127)])
def test_the_magnified_change_just_fits_between_black_and_white(level, factor):
    before = torch.full((1, 3, 8, 8), 0.15)
    picture = show_perturbation(before, before + level)
    assert f"magnified {factor} times" in picture.alt
    assert f"× {factor}" in picture.figure.axes[1].get_title()
    drawn = picture.figure.axes[1].images[0].get_array()
    assert drawn.max() == pytest.approx(min(1, 0.5 + factor * level), abs=1e-3)


def test_no_change_is_grey(scenes):
    picture = show_perturbation(scenes.images[:1], scenes.images[:1])
    assert (picture.figure.axes[1].images[0].get_array() == 0.5).all()


def test_curves_differ_in_more_than_colour():
    lines = plot_curves([0, 1], {name: [0.0, 1.0] for name in "abcd"}, **CURVES).figure.axes[0].lines
    for look in ("get_marker", "get_linestyle", "get_color"):
        assert len({str(getattr(line, look)()) for line in lines}) == 4


def test_logarithmic_axes_carry_plain_numbers():
    figure = plot_curves([0.1, 1, 10], {"pocket": [1.0, 2.0, 3.0]}, **CURVES, logarithmic="x").figure
    figure.draw_without_rendering()
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert "0.1" in ticks and "10" in ticks


def test_shares_are_drawn_in_per_cent_with_their_bands():
    shares = [proportion(count, 20) for count in (0, 10, 20)]
    axes = plot_curves(torch.tensor([0, 1, 2]), {"pocket": shares}, **CURVES).figure.axes[0]
    assert axes.lines[0].get_ydata().tolist() == [0, 50, 100]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(100)
    assert band.min() == pytest.approx(0)
    assert 100 * shares[1].low in band.round(6) or np.isclose(band, 100 * shares[1].low).any()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.rand(3, 8, 8), r"images\[None\]"),
        (torch.rand(2, 17, 8, 8), "expected \\(batch, 3, height, width\\)"),
        (torch.rand(0, 3, 8, 8), "at least one image"),
        (torch.full((1, 3, 8, 8), float("nan")), "NaN"),
        (torch.randn(1, 3, 8, 8) * 3, "expected \\[0, 1\\]"),
    ],
)
def test_what_is_no_image_is_refused(images, words):
    with pytest.raises(ValueError, match=words):
        show_images(images, alt="Something.")


def test_bytes_and_last_axis_colours_are_images_too():
    array = (np.random.default_rng(0).random((2, 8, 9, 3)) * 255).astype(np.uint8)
    drawn = show_images(torch.from_numpy(array), alt="Noise.").figure.axes[1].images[0].get_array()
    assert np.allclose(drawn, array[1] / 255)


def test_numbers_that_do_not_match_are_refused(scenes):
    with pytest.raises(ValueError, match="2 titles given for 6 images"):
        show_images(scenes.images, ["a", "b"], alt="Six scenes.")
    with pytest.raises(ValueError, match="columns=0"):
        show_images(scenes.images, columns=0, alt="Six scenes.")
    with pytest.raises(ValueError, match="expected the same shape"):
        show_perturbation(scenes.images[:1], scenes.images[:2])
    with pytest.raises(ValueError, match="magnify=0"):
        show_perturbation(scenes.images, scenes.images, magnify=0)
    with pytest.raises(ValueError, match="curve 'a' has 3 points, expected 2"):
        plot_curves([0, 1], {"a": [1, 2, 3]}, **CURVES)
    with pytest.raises(ValueError, match="interval for 'b'"):
        plot_curves([0], {"a": [1]}, intervals={"b": ([0], [1])}, **CURVES)
    with pytest.raises(ValueError, match="no curves"):
        plot_curves([0], {}, **CURVES)


def test_nearly_certain_is_not_called_certain():
    assert [percent(p) for p in (1.0, 0.999, 0.5, 0.001, 0.0)] == ["100 %", ">99 %", "50 %", "<1 %", "0 %"]


def test_no_figure_is_wider_than_the_page(every_figure):
    assert all(picture.figure.get_figwidth() <= WIDTH for picture in every_figure)


@pytest.mark.filterwarnings("error")
def test_dollars_are_dollars_and_letters_without_a_glyph_become_numbers_that_the_page_explains(scenes):
    from course_utils.figures.style import DescribedFigure, new_figure, styled

    @styled
    def drawn():
        figure = new_figure(3.0)
        axes = figure.add_subplot()
        axes.set_title(r"after “a $\foo$ b”: 猫 and 犬", wrap=True)
        axes.set_yticks([0, 1], ["猫", "a\x1cb"])
        return DescribedFigure(figure, alt="Two names.")

    picture = drawn()
    html = picture._repr_html_()
    labels = [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]
    if picture.numbers:  # there is a font for them on some computers
        assert picture.numbers == {"猫": "[1]", "犬": "[2]"} and "[1] 猫 · [2] 犬" in html
        assert labels == ["[1]", r"a\x1cb"]
    assert "[1]" not in show_images(scenes.images[:1], ["Größe, наука, ε ≤ 8/255"], alt="One.")._repr_html_()
