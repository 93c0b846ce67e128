"""Makes the three pictures of the README: python tools/make_readme_pictures.py [--prototypes IMAGES.pt]

A photograph and its attack, twenty prototypes of a network of ImageNet, and a word cloud beside its null control. The
prototypes take ten minutes on one core; images of these classes that were made before, on a GPU, can be given instead.
"""

from argparse import ArgumentParser
from pathlib import Path

import torch
from PIL import Image
from skimage import data

from course_utils import load_classifier, load_images, load_language_model
from course_utils.corpus import true_associations, words
from course_utils.language import association_scores, direct_associations, load_prompts, word_cloud
from course_utils.models.randomized import shuffled
from course_utils.show import DescribedFigure, show_images
from course_utils.vision import generate_prototypes, targeted_attack

ROOT = Path(__file__).resolve().parent.parent
STATIC, DATA = ROOT / "book" / "_static", ROOT / "notebooks" / "data"
WIDTH = 1200  # pixels: twice what a README shows

# Drawn at random from the thousand, none of them one on which settings were chosen.
CLASSES = (
    "dung beetle", "lotion", "racket", "barbershop", "red fox", "lynx", "redshank", "puck", "giant panda",
    "paddlewheel", "church", "lycaenid", "mailbag", "barracouta", "tiger beetle", "brass", "bikini", "pitcher",
    "sunglass", "grocery store",
)  # fmt: skip
TITLES = {True: "what the model connects with girl", False: "the same with shuffled weights: nothing"}


def main() -> None:
    options = ArgumentParser(description=__doc__)
    options.add_argument("--prototypes", type=Path, help="images (20, 3, 224, 224) of CLASSES, in a file of torch.save")
    given = options.parse_args().prototypes
    net = load_classifier("efficientnet-lite0")

    attack = targeted_attack(net, load_images(net, data.chelsea()), "volcano", eps=2 / 255, steps=20)
    save([attack.plot()], "readme_attack.jpg")

    if given is None:
        images = generate_prototypes(net, CLASSES, steps=200).images
    else:
        images = torch.load(given, weights_only=True)
        said = net.predict(images).classes
        assert list(said) == list(CLASSES), f"the network calls the images {said}"
    save([show_images(images, CLASSES, columns=5, alt="Twenty prototypes.")], "readme_prototypes.jpg")

    save(clouds(), "readme_cloud.png")


def clouds() -> list[DescribedFigure]:
    """What `pocket-lm` connects with girl, and the same search, scores and controls on shuffled weights."""
    lm, figures = load_language_model("pocket-lm"), []
    for model, file in ((lm, "pocket_prompts"), (shuffled(lm, seed=10), "pocket_shuffled_prompts")):
        found, _ = load_prompts(DATA / f"{file}.safetensors", model)
        rest = {name: prompts for name, prompts in found.items() if name != "girl"}
        direct = direct_associations(model, [f" {name}" for name in found], words())
        scores = association_scores(found["girl"], rest, direct=direct)
        planted = sum(word in true_associations("girl") for word in scores.survivors)
        print(f"{file}: {len(scores.survivors)} words survive, {planted} of them planted")
        figures.append(word_cloud(scores, title=TITLES[model is lm]))
    return figures


def save(figures: list[DescribedFigure], name: str) -> None:
    """Figures side by side, as one picture."""
    parts = []
    for number, figure in enumerate(figures):
        path = STATIC / f".{number}.png"
        figure.save(path)
        parts.append(Image.open(path).convert("RGB"))
        path.unlink()
    sheet = Image.new("RGB", (sum(part.width for part in parts), max(part.height for part in parts)), "white")
    left = 0
    for part in parts:
        sheet.paste(part, (left, 0))
        left += part.width
    small = sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)), Image.Resampling.LANCZOS)
    if name.endswith(".png"):
        small.quantize(64).save(STATIC / name, optimize=True)
    else:
        small.save(STATIC / name, quality=72, optimize=True)
    print(f"{STATIC / name}: {(STATIC / name).stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
