"""What the README shows a practitioner runs as it stands there."""

import re
from pathlib import Path

import torch
from PIL import Image
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"## With a model of your own\n.*?```python\n(.*?)```", re.DOTALL)


def test_the_lines_of_the_readme_run_on_a_module_that_is_not_ours(tmp_path, monkeypatch):
    (code,) = SECTION.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (300, 260), "orange").save("photo.jpg")
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 16, stride=16), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 2)
    layers[-1].bias.data = torch.tensor([2.0, -2.0])  # the photograph is a cat
    exec(code, {"module": nn.Sequential(*layers)})
    for name in ("prototypes.png", "attack.png"):
        with Image.open(tmp_path / name) as image:
            assert min(image.size) > 100


def test_pictures_and_pages_that_the_readme_names_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert len(named) >= 5
    assert [link for link in named if not (ROOT / link).exists()] == []
