"""Which tokens a prompt may be made of."""

import pytest
from tiny_models import tiny

from course_utils.language.vocabulary import allowed_tokens


@pytest.fixture(scope="module")
def lm():
    return tiny()


def left_out(lm, *rules, target=" girl"):
    allowed = allowed_tokens(lm, rules, target=target)
    return {lm.piece(token) for token in range(lm.vocabulary) if not allowed[token]}


def test_the_target_goes_in_every_spelling(lm):
    assert left_out(lm, "target") == {" girl", " Girl", "girl", "Girl"}


def test_a_target_of_several_tokens_loses_those(lm):
    assert left_out(lm, "target", target=" girl is") == {" girl", " is"}


def test_the_stem_takes_longer_forms_along(lm):
    assert left_out(lm, "stem") >= {" girl", " Girl", " girls"}
    assert left_out(lm, "stem") == left_out(lm, "stem", target="GIRL")


def test_short_words_share_no_stem(lm):
    assert "s" in {lm.piece(token) for token in range(lm.vocabulary)}
    assert left_out(lm, "stem", target=" is") == set()


def test_special_tokens_are_the_tokenizers(lm):
    assert left_out(lm, "special") == {"<s>"}


def test_control_tokens_are_special_whatever_the_tokenizer_lists(lm):
    """Some tokenizers list three of their control tokens as special, and mark seventeen."""
    from tokenizers import AddedToken

    other = tiny()
    other.tokenizer.add_tokens([AddedToken("<issue>", special=True), AddedToken(" sail", special=False)])
    assert other.tokenizer.convert_tokens_to_ids("<issue>") not in other.tokenizer.all_special_ids
    other = type(lm)(other.model, other.tokenizer, "more")
    assert left_out(other, "special") == {"<s>", "<issue>"}


def test_words_are_letters_after_a_space(lm):
    kept = allowed_tokens(lm, "non-words")
    words = {lm.piece(token) for token in kept.nonzero().flatten().tolist()}
    assert words >= {" girl", " ship", " is"} and not words & {"girl", ".", " ", "s", "<s>"}
    assert all(word[0] == " " and word[1:].isalpha() for word in words)


def test_readable_tokens_are_left(lm):
    out = left_out(lm, "unprintable")
    assert not out & {" girl", " ship", ".", "a", "Z", "7"}
    kept = allowed_tokens(lm, "unprintable")
    for token in kept.nonzero().flatten().tolist():
        text = lm.decode([token])
        assert text.strip() and text.isprintable() and text.encode().decode() == text
    assert not kept[lm.tokens("\n")[0]] and not kept[lm.tokens(" ")[0]]
    assert not kept[lm.tokens("é")[0]]  # half a character


def test_rules_and_ids_add_up(lm):
    ship = lm.token(" ship")
    assert left_out(lm, "special", ship, "target") == {"<s>", " ship", " girl", " Girl", "girl", "Girl"}
    assert left_out(lm) == set()


def test_somebody_has_to_be_left(lm):
    with pytest.raises(ValueError, match="leaves no token"):
        allowed_tokens(lm, list(range(lm.vocabulary)))
