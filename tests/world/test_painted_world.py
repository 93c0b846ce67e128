"""The painted world keeps its promises: same seed, same pixels; one factor changed, nothing else."""

import pytest
import torch

from course_utils.world import PaintedWorld, Scenes
from course_utils.world.factors import CLASSES, FACTORS, Amount

WORLD = PaintedWorld()
FAIR = PaintedWorld(secrets=())


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return FAIR.sample(48, seed=5)


def test_there_are_at_least_twelve_classes_and_those_of_the_notes_are_among_them():
    assert len(CLASSES) >= 12
    assert {"goldfish", "volcano", "pancakes", "waffle", "cheesecake", "apple_pie", "lorry", "empty_road"} <= set(
        CLASSES
    )


def test_images_are_8_bit_photographs_in_the_unit_range(scenes):
    assert scenes.images.shape == (48, 3, 64, 64) and scenes.images.dtype == torch.float32
    assert scenes.images.min() >= 0 and scenes.images.max() <= 1
    assert torch.equal(scenes.images * 255, (scenes.images * 255).round())


def test_same_seed_same_pixels_and_another_seed_other_pixels(scenes):
    assert torch.equal(scenes.images, FAIR.sample(48, seed=5).images)
    assert not torch.equal(scenes.images, FAIR.sample(48, seed=6).images)


def test_scene_i_does_not_depend_on_how_many_scenes_were_asked_for(scenes):
    few = FAIR.sample(7, seed=5)
    assert (few.images - scenes.images[:7]).abs().max() <= 1 / 255 + 1e-6  # rounding to 8 bits may tip
    assert all(torch.equal(few.factors[name], column[:7]) for name, column in scenes.factors.items())


def test_the_classes_take_turns():
    assert FAIR.sample(32, seed=1).labels.bincount().tolist() == [2] * 16


def test_labels_index_all_classes_also_when_only_some_are_picked():
    picked = WORLD.sample(6, seed=1, classes=("volcano", "toast"))
    assert picked.names == ["volcano", "toast"] * 3
    assert picked.labels.tolist() == [CLASSES.index("volcano"), CLASSES.index("toast")] * 3


def test_sampling_leaves_the_readers_own_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    WORLD.sample(4, seed=9)
    assert torch.equal(torch.rand(1), expected)


def test_sensor_noise_is_as_strong_as_its_factor_says_and_can_be_left_out():
    loud = WORLD.counterfactual(WORLD.sample(8, seed=2), noise=0.006)
    quiet = WORLD.counterfactual(WORLD.sample(8, seed=2, sensor_noise=False), noise=0.006)
    difference = loud.images - quiet.images
    inside = (quiet.images > 0.1) & (quiet.images < 0.9)  # where nothing is clipped
    assert difference[inside].std() == pytest.approx(0.006, abs=0.001)
    assert difference[inside].mean().abs() < 1e-3


def test_masks_say_which_pixels_show_which_part(scenes):
    masks = torch.stack(list(scenes.masks.values()))
    assert masks.min() >= -1e-6 and masks.max() <= 1 + 1e-6
    indoors = [
        i for i, name in enumerate(scenes.names) if "background" in scenes.masks and scenes.mask("background")[i].any()
    ]
    assert torch.allclose(masks.sum(0)[indoors], torch.ones(1), atol=1e-4)


def test_the_mask_of_the_berries_is_where_adding_them_changes_the_image():
    plain = WORLD.counterfactual(WORLD.sample(6, seed=3, classes="waffle", sensor_noise=False), berries=False)
    with_berries = WORLD.counterfactual(plain, berries=True)
    changed = (with_berries.images - plain.images).abs().amax(1) > 1 / 255
    reach = torch.nn.functional.max_pool2d(with_berries.mask("berries")[:, None], 3, stride=1, padding=1)[:, 0]
    assert changed.any() and (reach[changed] > 0).all()  # the camera blurs by one pixel


@pytest.mark.parametrize(
    ("cls", "change"),
    [
        ("waffle", {"berries": True}),
        ("pirate_ship", {"tag": True}),
        ("lorry", {"trailer": "white", "sky": "dusk"}),
        ("cheesecake", {"shape": "square"}),
        ("donut", {"plate_colour": "blue", "plate": True}),
        ("goldfish", {"mirrored": True, "x": 0.1}),
    ],
)
def test_a_counterfactual_changes_only_what_it_names_and_can_be_undone(cls, change):
    before = FAIR.sample(6, seed=11, classes=cls)
    after = FAIR.counterfactual(before, **change)
    assert not torch.equal(before.images, after.images)
    for name, column in before.factors.items():
        assert name in change or torch.equal(column, after.factors[name])
    undone = FAIR.counterfactual(after, **{name: before.factor(name) for name in change})
    assert torch.equal(undone.images, before.images)


def test_a_counterfactual_takes_one_value_for_each_scene():
    scenes = FAIR.counterfactual(FAIR.sample(4, classes="waffle"), berries=[True, False, True, False])
    assert scenes.factor("berries") == [True, False, True, False]


def test_scenes_can_be_picked_like_a_list(scenes):
    picked = scenes[scenes.labels == CLASSES.index("toast")]
    assert set(picked.names) == {"toast"} and len(picked) == 3
    assert torch.equal(picked.images, scenes.images[scenes.labels == CLASSES.index("toast")])
    assert len(scenes[3]) == 1 and len(scenes[:5]) == 5


def test_the_same_factor_values_come_back_in_words(scenes):
    assert set(scenes.factor("sky")) <= {"bright", "blue", "grey", "dusk"}
    assert all(isinstance(value, float) for value in scenes.factor("light"))


@pytest.mark.parametrize("name", [name for name, factor in FACTORS.items() if isinstance(factor, Amount)])
def test_amounts_stay_in_their_range(scenes, name):
    assert (scenes.factors[name] >= FACTORS[name].low).all() and (scenes.factors[name] <= FACTORS[name].high).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s: WORLD.sample(0), "at least one scene"),
        (lambda s: WORLD.sample(3, classes="pancake"), "did you mean 'pancakes'"),
        (lambda s: WORLD.sample(3, classes=()), "empty list of classes"),
        (lambda s: WORLD.counterfactual(s), "needs a factor to change"),
        (lambda s: WORLD.counterfactual(s, berry=True), "did you mean 'berries'"),
        (lambda s: WORLD.counterfactual(s, sky="brigt"), "did you mean 'bright'"),
        (lambda s: WORLD.counterfactual(s, berries=2), "unknown value for the factor 'berries'"),
        (lambda s: WORLD.counterfactual(s, light=3.0), "must lie between 0.86 and 1.14"),
        (lambda s: WORLD.counterfactual(s, light=[1.0, 1.0]), "2 values for 48 scenes"),
        (lambda s: s.mask("berry"), "did you mean 'berries'"),
        (lambda s: s.factor("colour"), "unknown factor 'colour'"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(scenes, call, says):
    with pytest.raises(ValueError, match=says):
        call(scenes)
