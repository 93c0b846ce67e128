"""Paints the picture of the README and the introduction: python tools/make_contact_sheet.py"""

from pathlib import Path

from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from course_utils.world import PaintedWorld

SHEET = Path(__file__).resolve().parent.parent / "book" / "_static" / "contact_sheet.jpg"
ENLARGED = 2


def main() -> None:
    """Two rows of eight: each class once."""
    scenes = PaintedWorld().sample(16, seed=192)
    enlarged = scenes.images.repeat_interleave(ENLARGED, dim=2).repeat_interleave(ENLARGED, dim=3)
    to_pil_image(make_grid(enlarged, nrow=8, padding=6, pad_value=1.0)).save(SHEET, quality=92)
    print(f"{SHEET}: {', '.join(scenes.names)}")


if __name__ == "__main__":
    main()
