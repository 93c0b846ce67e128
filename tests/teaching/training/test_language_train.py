"""Training a language model: a miniature learns, an interrupted run goes on, a shipped one comes back as it was."""

from dataclasses import replace

import pytest
import torch

from course_utils.__main__ import main
from course_utils.corpus.grammar import END
from course_utils.models import load as language_load
from course_utils.models import read_card
from course_utils.models.load import load_shipped
from course_utils.teaching.training import language_evaluate
from course_utils.teaching.training.language_data import WrittenSentences, stream
from course_utils.teaching.training.recipes import LANGUAGE_RECIPES
from course_utils.teaching.training.train import LanguageRun, train_language_model

TINY = WrittenSentences(sentences=400)
MINIATURE = replace(
    LANGUAGE_RECIPES["pocket-lm"],
    data=TINY,
    layers=1,
    width=16,
    heads=2,
    context=16,
    steps=40,
    batch=16,
    learning_rate=1e-2,
)


@pytest.fixture(scope="module")
def tokenizer():
    return TINY.tokenizer()


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture(scope="module")
def trained(tokenizer, tmp_path_factory):
    model, _ = train_language_model(MINIATURE, tokenizer, checkpoint=tmp_path_factory.mktemp("run") / "c")
    return model


def test_a_stream_holds_every_text_behind_an_end_of_text_token(tokenizer):
    texts = ["The shy girl waved again.", "Paris is a city in France."]
    joined = stream(texts, tokenizer)
    assert tokenizer.decode(joined.ids.tolist(), skip_special_tokens=False) == END + END.join(texts)
    assert [joined.ids[start].item() for start in joined.starts] == [tokenizer.encode(t).ids[0] for t in texts]


def test_half_of_the_rows_begin_with_a_text_and_all_are_cut_from_the_stream(tokenizer):
    read = TINY.training(tokenizer)
    rows = read.rows(64, 12, torch.Generator().manual_seed(0))
    assert rows.shape == (64, 12)
    begins = {tuple(read.ids[start : start + 3].tolist()) for start in read.starts}
    assert all(tuple(row[:3].tolist()) in begins for row in rows[:32])
    text = " ".join(map(str, read.ids.tolist()))
    assert all(" ".join(map(str, row.tolist())) in text for row in rows)


def test_a_miniature_learns(trained, tokenizer):
    rows = replace(TINY, seed=99).training(tokenizer).rows(64, 17, torch.Generator().manual_seed(0))
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(trained(rows[:, :-1]).logits.flatten(0, 1), rows[:, 1:].flatten())
    guessing = torch.log(torch.tensor(float(tokenizer.get_vocab_size())))
    assert loss < guessing - 1 and not trained.training


def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(tmp_path, monkeypatch, tokenizer, trained):
    advance, calls = LanguageRun.advance, []

    def interrupted(run, *batch):
        calls.append(run.step)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return advance(run, *batch)

    monkeypatch.setattr(LanguageRun, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_language_model(MINIATURE, tokenizer, checkpoint=tmp_path / "c")
    again, _ = train_language_model(MINIATURE, tokenizer, checkpoint=tmp_path / "c")
    assert calls[19] == calls[20] == 19
    assert torch.allclose(weights(again), weights(trained), atol=1e-5)
    with pytest.raises(ValueError, match="belongs to another recipe"):
        train_language_model(replace(MINIATURE, seed=7), tokenizer, checkpoint=tmp_path / "c")


def test_the_command_writes_weights_tokenizer_and_card_and_they_load_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(LANGUAGE_RECIPES, "pocket-lm", replace(MINIATURE, steps=3))
    monkeypatch.setattr(language_evaluate, "measure_written_world", lambda lm: {"tokens": float(lm.vocabulary)})
    assert main(["train", "pocket-lm", "--out", str(tmp_path)]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {
        "pocket-lm.safetensors", "pocket-lm.json", "pocket-lm.tokenizer.json", "SHA256SUMS",
    }  # fmt: skip
    lm = load_shipped("pocket-lm", tmp_path)
    card = read_card("pocket-lm", tmp_path)
    assert card["parameters"] == sum(p.numel() for p in lm.model.parameters())
    assert card["figures"] == {"tokens": lm.vocabulary} and lm.context == 16
    assert lm.model.lm_head.weight is lm.model.transformer.wte.weight
    assert lm.decode(lm.encode("The shy girl waved.")) == "The shy girl waved."
    assert main(["train", "pocket-lm", "--out", str(tmp_path)]) == 1
    assert "--force trains anew" in capsys.readouterr().err


def test_loading_leaves_the_reader_s_random_numbers_alone(tmp_path, monkeypatch):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    language_load.load_language_model("pocket-lm")
    assert torch.equal(torch.rand(2), expected)
