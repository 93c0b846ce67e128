"""The report: one page that holds what was found, says what is missing, and refuses bad input before the work."""

import re
from html.parser import HTMLParser

import pytest
import torch
from torch import nn

from course_utils import Classifier
from course_utils.__main__ import main
from course_utils.vision import report as report_module
from course_utils.vision.report import build_report

CLASSES = ("red", "green & <b>bold</b>", "blue $x$")
QUICK = {"copies": 2, "steps": 4, "progress": False}


class Corner(nn.Module):
    """Tells three colours apart by the image, and says red wherever the upper left corner is bright."""

    def __init__(self, spatial=True, tag=1):
        super().__init__()
        self.tag = tag
        self.look = nn.Identity() if spatial else nn.Flatten()

    def forward(self, x):
        x = self.look(x).reshape(len(x), 3, 16, 16)
        logits = 12 * x.mean((2, 3))
        tag = 12 * self.tag * (x[:, :, :4, :4].mean((1, 2, 3)) - 0.2)
        return torch.stack([logits[:, 0] + tag, logits[:, 1], logits[:, 2]], 1)


def classifier(spatial=True, tag=1):
    return Classifier(Corner(spatial, tag), classes=CLASSES, size=16, name="<i>corner</i>")


def images():
    """Thirty faint images of each class; the red ones carry the bright corner."""
    generator = torch.Generator().manual_seed(0)
    pictures = 0.3 * torch.rand(90, 3, 16, 16, generator=generator)
    labels = torch.arange(3).repeat_interleave(30)
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        picture[label] += 0.1
    pictures[:30, :, :4, :4] = 1
    return pictures, labels


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    return build_report(classifier(), path, images=images(), beside=classifier(tag=0), **QUICK), path.read_text(
        encoding="utf-8"
    )


class Page(HTMLParser):
    """What a page refers to, which of its images have no words, and its tags."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.silent, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.sources += [values[key] for key in ("src", "href", "srcset", "data") if key in values]
        if tag == "img" and not (values.get("alt") or "").strip():
            self.silent.append(values)


def test_the_page_asks_nobody_for_anything_and_has_words_for_every_image(made):
    page = Page(made[1])
    assert page.sources and all(source.startswith("data:image/") for source in page.sources)
    assert not page.silent and "script" not in page.tags
    assert not re.search(r"url\(|@import|https?://", made[1])


def test_names_with_markup_stay_text(made):
    text = made[1]
    assert "<b>bold" not in text and "<i>corner" not in text
    assert "green &amp; &lt;b&gt;bold&lt;/b&gt;" in text and "&lt;i&gt;corner&lt;/i&gt;" in text
    assert "blue $x$" in text


def test_every_part_is_there_and_the_summary_holds_its_figures(made):
    report, text = made
    assert len(report.prototypes) == 6 and report.entanglement.matrix.shape == (3, 3)
    assert len(report.isolation) == 6 and report.shared is not None and not report.interrupted and not report.notes
    assert f"names {report.accuracy} of the 90 images" in text
    assert set(report.seconds) == {"prototypes", "entanglement", "isolation", "shared features", "shortcuts"}
    for heading in ("Summary", "Shortcuts", "Prototypes", "Entanglement", "Isolation", "Settings"):
        assert f">{heading}" in text
    assert "torch 2" in text and "6 classes" not in text


def test_the_planted_corner_is_found_and_its_evidence_drawn(made):
    report, text = made
    assert report.findings[0].carrier == "red" and report.findings[0].kind == "part"
    assert "suspect shortcut" in text and "goes on seeing what is there" in text and "red onto" in text


def test_without_a_second_network_a_part_is_causal_and_no_more(tmp_path):
    report = build_report(classifier(), tmp_path / "r.html", images=images(), classes=["red", CLASSES[1]], **QUICK)
    assert all(each.verdict.startswith("causal") for each in report.findings) and report.findings
    assert "may be the object itself" in report.html()


def test_an_interrupt_leaves_a_valid_page_of_what_is_done(tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(report_module, "entanglement_matrix", stopped)
    report = build_report(classifier(), tmp_path / "r.html", images=images(), **QUICK)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert report.interrupted and report.prototypes is not None and report.isolation is None
    assert (
        "Interrupted." in text
        and "Prototype of red" in text
        and "Not reached" in text
        and "interrupted" in repr(report)
    )
    assert text.rstrip().endswith("</html>") and [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_without_maps_or_images_the_rest_is_there(tmp_path):
    report = build_report(classifier(spatial=False), tmp_path / "r.html", **QUICK)
    assert any("no layer" in note for note in report.notes)
    assert report.entanglement is not None and report.isolation is not None and report.accuracy is None
    assert report.isolation.targets == list(CLASSES) and "no images were given" in report.html()


def test_a_single_class_has_no_entanglement_and_given_prototypes_are_used(made, tmp_path):
    report = build_report(classifier(), tmp_path / "r.html", classes=["red"], prototypes=made[0].prototypes)
    assert torch.equal(report.prototypes.images, made[0].prototypes.of("red"))
    assert report.entanglement is None and "at least two classes" in report.notes[0]


def test_bad_input_is_refused_before_the_work(tmp_path, monkeypatch, made):
    def worked(*_, **__):
        raise AssertionError("the work had begun")

    monkeypatch.setattr(report_module, "generate_prototypes", worked)
    page, (pictures, labels) = tmp_path / "r.html", images()
    with pytest.raises(ValueError, match="did you mean 'red'"):
        build_report(classifier(), page, classes=["redd"])
    with pytest.raises(ValueError, match="classes="):
        build_report(classifier(), page, classes=[])
    with pytest.raises(ValueError, match=r"none of class 'blue \$x\$'"):
        build_report(classifier(), page, images=(pictures[:60], labels[:60]))
    with pytest.raises(ValueError, match="4 images of class 'red'"):
        build_report(classifier(), page, reference=(pictures[26:], labels[26:]))
    with pytest.raises(ValueError, match="steps=0"):
        build_report(classifier(), page, steps=0)
    with pytest.raises(ValueError, match="show no"):
        given = made[0].prototypes.subset(["red"])
        build_report(classifier(), page, classes=[CLASSES[1]], prototypes=given)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        build_report(classifier(), tmp_path / "nowhere" / "r.html")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        build_report(classifier(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_page_and_refuses_in_a_sentence(tmp_path, capsys):
    page = tmp_path / "r.html"
    some = ["--classes", "sailboat", "pirate_ship", "--copies", "1", "--steps", "2"]
    assert main(["report", "pocket", "--out", str(page), *some]) == 0
    assert "Report on pocket, 2 classes" in capsys.readouterr().out and page.exists()
    assert main(["report", "pocket", "--out", str(tmp_path / "no" / "r.html")]) == 1
    assert main(["report", "poket", "--out", str(page)]) == 1
    said = capsys.readouterr().err
    assert "there is no folder" in said and "did you mean 'pocket'" in said
