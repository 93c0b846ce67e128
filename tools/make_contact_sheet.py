"""Makes the two pictures of the README and the introduction: python tools/make_contact_sheet.py"""

from pathlib import Path

from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize, to_pil_image
from torchvision.utils import make_grid

from course_utils import load_classifier
from course_utils.vision import visualize
from course_utils.world import PaintedWorld

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"


def main() -> None:
    """The painted world: each class once. Photographs: what each class is to `photo-robust`, as chapter 4 makes it."""
    scenes = PaintedWorld().sample(16, seed=192)
    save(scenes.images, "contact_sheet.jpg", columns=8, enlarged=2)
    robust = load_classifier("photo-robust")
    classes = [f"logits:{name}" for name in robust.classes]
    sheet = visualize(robust, classes, seed=1)
    save(sheet.images, "photo_classes.jpg", columns=5, enlarged=5)


def save(images: Tensor, name: str, *, columns: int, enlarged: int) -> None:
    size = [side * enlarged for side in images.shape[2:]]
    large = resize(images, size, interpolation=InterpolationMode.BICUBIC).clamp(0, 1)
    to_pil_image(make_grid(large, nrow=columns, padding=6, pad_value=1.0)).save(STATIC / name, quality=92)
    print(f"{STATIC / name}: {len(images)} pictures")


if __name__ == "__main__":
    main()
