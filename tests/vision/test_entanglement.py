"""Entanglement: classes that share features come out as a pair, in the order of the model's own confusions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr
from torch import nn
from torchvision.transforms.v2.functional import gaussian_blur

from course_utils import Classifier, load_classifier
from course_utils.transforms import RandomBlur
from course_utils.transforms import gaussian_blur as blurred
from course_utils.vision.entanglement import (
    entangled,
    entanglement_matrix,
    image_similarity,
    shared_features,
    soft_confusions,
)
from course_utils.vision.layer_table import outputs_of
from course_utils.vision.prototypes import Prototypes
from course_utils.world import PaintedWorld

NAMES = ["cheesecake", "apple_pie", "volcano", "lorry", "balloon"]


class Colours(nn.Module):
    """Says red, orange or blue: orange is half of what red is, and blue is another thing."""

    def forward(self, x):
        red, green, blue = x.mean((2, 3)).unbind(1)
        return 6 * torch.stack([red - green, red - (green - 0.5).abs(), 2 * blue], 1)


@pytest.fixture
def colours():
    return Classifier(Colours(), classes=("red", "orange", "blue"), size=8, name="colours")


def flat(*colours):
    return torch.tensor(colours)[:, :, None, None].expand(-1, -1, 8, 8).clone()


def made(images, classes, name="colours"):
    """Prototypes with these images; what else they hold does not matter here."""
    none = torch.zeros(len(images))
    return Prototypes(images, classes, none, none, None, [], name, torch.empty(0), [], False)


@pytest.fixture
def prototypes():
    return made(flat((1.0, 0.0, 0.0), (1.0, 0.5, 0.0), (0.0, 0.0, 1.0)), ["red", "orange", "blue"])


@pytest.fixture(scope="module")
def robust():
    return load_classifier("pocket-robust")


@pytest.fixture(scope="module")
def scenes():
    return PaintedWorld().sample(5 * 8, seed=71, classes=NAMES)


@pytest.fixture(scope="module")
def of_scenes(robust, scenes):
    """Natural scenes in the place of prototypes: for these the answer is known without any optimisation."""
    return entanglement_matrix(
        robust, made(scenes.images, scenes.names), images=scenes, transforms=[RandomBlur(6.0)], draws=3, progress=False
    )


def test_the_first_part_is_the_mean_probability_that_prototypes_give_to_other_classes(colours, prototypes):
    found = entanglement_matrix(colours, prototypes, transforms=(), draws=1)
    expected = colours.predict(prototypes.images).probabilities
    off = ~torch.eye(3, dtype=torch.bool)
    assert torch.allclose(found.probability[off], expected[off]) and found.matrix.diagonal().isnan().all()
    assert found.pairs(1)[0][:2] == ("red", "orange")
    assert [pair.value for pair in found.pairs(3)] == pytest.approx([1, 2 / 3, 1 / 3])  # no maps: the first part alone
    assert found.match is None


def test_the_second_part_is_the_correlation_of_activations_less_what_all_classes_share(robust, scenes):
    some = made(scenes.images[:10], scenes.names[:10])
    found = entanglement_matrix(robust, some, layers=["layer2", "layer3"], transforms=(), draws=1, progress=False)
    tables = []
    for layer in ("layer2", "layer3"):
        maps = outputs_of(robust, some.images, [layer])[layer].flatten(1).numpy()
        means = np.stack([maps[[i for i in range(10) if some.classes[i] == name]].mean(0) for name in NAMES])
        tables.append(np.corrcoef(means - means.mean(0)))
    off = ~np.eye(5, dtype=bool)
    assert np.allclose(found.match.numpy()[off], np.mean(tables, 0)[off], atol=1e-4)


def test_the_matrix_is_a_mean_of_a_pairs_places_in_both_parts_and_the_answer_counts_twice(of_scenes):
    upper = np.triu_indices(5, 1)
    parts = [(part + part.T).numpy()[upper] for part in (of_scenes.probability, of_scenes.match)]
    places = [rankdata(part) / len(part) for part in parts]
    assert of_scenes.matrix.numpy()[upper] == pytest.approx((2 * places[0] + places[1]) / 3)
    assert torch.equal(of_scenes.matrix.nan_to_num(), of_scenes.matrix.T.nan_to_num())


def test_a_pair_that_speaks_for_each_other_but_looks_different_inside_does_not_lead(of_scenes):
    """Probabilities alone would be led by any class that a net falls back on when it sees little."""
    unlike = torch.where(of_scenes.probability == of_scenes.probability[0, 1], -1.0, 0.1 + 0 * of_scenes.match)
    assert entangled(of_scenes.probability, unlike)[0, 1] < of_scenes.matrix[0, 1] == 1


def test_copies_of_a_class_are_averaged_and_a_subset_keeps_its_probabilities(colours, prototypes):
    two = made(prototypes.images[[0, 1, 2]], ["red", "red", "blue"])
    found = entanglement_matrix(colours, two, transforms=(), draws=1)
    said = colours.predict(two.images).probabilities
    assert found.classes == ["red", "blue"] and found.matrix.shape == (2, 2) and found.matrix[0, 1] == 1
    assert found.probability[0, 1].item() == pytest.approx(said[:2, 2].mean().item())
    assert found.order == [0, 1]


def test_the_planted_pair_leads_where_its_feature_is_all_that_is_left(of_scenes):
    assert set(of_scenes.pairs(1)[0][:2]) == {"cheesecake", "apple_pie"}
    places = [of_scenes.order.index(of_scenes.classes.index(name)) for name in ("cheesecake", "apple_pie")]
    assert abs(places[0] - places[1]) == 1  # clustering puts them side by side


def test_the_rank_correlation_is_scipys_and_its_interval_holds_it(of_scenes):
    agreement = of_scenes.rank_correlation(resamplings=100)
    upper = np.triu_indices(5, 1)
    tables = [(table + table.T) / 2 for table in (of_scenes.matrix, of_scenes.confusions, of_scenes.similarity)]
    mine, truth, pictures = (table.numpy()[upper] for table in tables)
    assert agreement.value == pytest.approx(spearmanr(mine, truth).statistic, abs=1e-6)
    assert agreement.images.value == pytest.approx(spearmanr(pictures, truth).statistic, abs=1e-6)
    assert agreement.ahead.value == pytest.approx(agreement.value - agreement.images.value, abs=1e-6)
    assert agreement.entanglement.low <= agreement.value <= agreement.entanglement.high and agreement.pairs == 10
    assert "95 %" in str(agreement)


def test_a_matrix_without_relation_to_the_confusions_has_none(of_scenes):
    generator = torch.Generator().manual_seed(0)
    values = [
        replace(of_scenes, matrix=torch.rand(5, 5, generator=generator)).rank_correlation(resamplings=2).value
        for _ in range(40)
    ]
    assert abs(np.mean(values)) < 0.15
    assert replace(of_scenes, matrix=-of_scenes.confusions).rank_correlation(resamplings=2).value == pytest.approx(-1)


def test_confusions_are_means_of_probabilities_and_grow_with_the_blur(robust, scenes):
    labels = torch.arange(5).repeat(8)
    soft = soft_confusions(robust, scenes.images, labels)
    assert torch.allclose(soft.sum(1), torch.ones(5))
    clean = torch.stack([robust.predict(scenes.images[labels == i]).probabilities.mean(0) for i in range(5)])
    pie = robust.index("apple_pie")
    assert soft[0, pie] > clean[0, pie] + 0.1
    some = torch.where(labels == 3, -1, labels)[labels != 4]
    with_less = soft_confusions(robust, scenes.images[labels != 4], some.clamp_max(3))
    assert with_less[0].shape == soft[0].shape


def test_image_similarity_is_a_correlation(scenes):
    similarity = image_similarity(scenes.images, torch.arange(5).repeat(8))
    assert torch.allclose(similarity.diagonal(), torch.ones(5), atol=1e-5) and torch.allclose(similarity, similarity.T)


def test_draws_are_reproducible_and_independent_of_the_neighbours(robust, scenes):
    some = made(scenes.images[:4], scenes.names[:4])
    one, again = (entanglement_matrix(robust, some, draws=2, seed=3, progress=False).probability for _ in range(2))
    other = entanglement_matrix(robust, some, draws=2, seed=4, progress=False).probability
    three = made(some.images[:3], some.classes[:3])
    fewer = entanglement_matrix(robust, three, draws=2, seed=3, progress=False).probability
    assert torch.equal(one.nan_to_num(), again.nan_to_num()) and not torch.equal(one.nan_to_num(), other.nan_to_num())
    assert torch.allclose(one[:3, :3].nan_to_num(), fewer.nan_to_num(), atol=1e-5)


def test_a_random_blur_lies_between_none_and_the_strongest():
    pictures = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    soft = RandomBlur(2.0)(pictures, [torch.Generator().manual_seed(i) for i in range(6)])
    spread = [part.std((1, 2, 3)) for part in (blurred(pictures, 2.0), soft, pictures)]
    assert (spread[0] - 1e-4 <= spread[1]).all() and (spread[1] <= spread[2] + 1e-6).all()
    assert len(set(spread[1].tolist())) == 6
    assert torch.equal(blurred(pictures, 0.0), pictures)
    assert torch.allclose(blurred(pictures, 2.0), gaussian_blur(pictures, [11, 11], [2.0, 2.0]), atol=1e-5)
    with pytest.raises(ValueError, match="at least 0"):
        RandomBlur(-1.0)


def test_shared_features_of_a_pair_lie_where_the_other_class_is(colours):
    image = torch.zeros(1, 3, 8, 8)
    image[:, 0, :, :4] = 1  # red on the left,
    image[:, 2, :, 4:] = 1  # blue on the right
    mask = shared_features(colours, made(image, ["red"]), "red", "blue", steps=60, progress=False).masks[0]
    assert mask[:, 4:].mean() > 2 * mask[:, :4].mean()


def test_the_figure_and_the_line_name_the_pairs(of_scenes):
    picture = of_scenes.plot()
    assert "cheesecake and apple_pie" in picture.alt and "cheesecake and apple_pie" in repr(of_scenes)
    assert "<img" in of_scenes._repr_html_()


def test_bad_input_is_answered_in_a_sentence(colours, prototypes, robust, scenes):
    with pytest.raises(ValueError, match="at least two classes"):
        entanglement_matrix(colours, made(flat((1.0, 0.0, 0.0)), ["red"]))
    with pytest.raises(ValueError, match="unknown class"):
        entanglement_matrix(colours, made(flat((1.0, 0.0, 0.0)), ["rot"]))
    with pytest.raises(ValueError, match="none of class 'blue'"):
        entanglement_matrix(colours, prototypes, images=(flat((1.0, 0.0, 0.0), (1.0, 0.5, 0.0)), ["red", "orange"]))
    with pytest.raises(ValueError, match="draws=0"):
        entanglement_matrix(colours, prototypes, draws=0)
    with pytest.raises(ValueError, match="did you mean 'layer3'"):
        entanglement_matrix(robust, made(scenes.images[:2], scenes.names[:2]), layers=["layer33"])
    found = entanglement_matrix(colours, prototypes, draws=1)
    with pytest.raises(ValueError, match="images="):
        found.rank_correlation()
    with pytest.raises(ValueError, match="n=0"):
        found.pairs(0)
    with pytest.raises(ValueError, match="no prototype of 'green'"):
        shared_features(colours, prototypes, "green", "red")
    with pytest.raises(ValueError, match="two different"):
        shared_features(colours, prototypes, "red", "red")
