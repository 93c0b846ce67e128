"""Looking vectors up in the embedding dictionary."""

import pytest
import torch
from scipy.spatial.distance import cdist
from tiny_models import tiny

from course_utils.language import TokenTable, nearest_tokens
from course_utils.language import vocabulary as token_table_module


@pytest.fixture(scope="module")
def lm():
    return tiny()


def vectors(lm, *shape):
    return torch.randn(*shape, lm.width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_are_those_that_scipy_finds(lm, metric):
    given = vectors(lm, 40)
    found = nearest_tokens(lm, given, k=7, metric=metric)
    far = torch.from_numpy(cdist(given.double().numpy(), lm.embeddings.double().numpy(), metric))
    expected, order = far.sort(dim=1)
    assert torch.equal(found.ids, order[:, :7])
    assert torch.allclose(found.distance.double(), expected[:, :7], atol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_tokens_own_embedding_is_nearest_to_itself(lm, metric):
    found = nearest_tokens(lm, lm.embeddings, k=1, metric=metric)
    assert torch.equal(found.ids[:, 0], torch.arange(lm.vocabulary))
    assert found.distance.abs().max() < 1e-5


def test_the_cosine_is_blind_to_length_and_the_euclidean_distance_is_not(lm):
    given = vectors(lm, 30)
    short, long = (nearest_tokens(lm, scale * given, k=3) for scale in (0.01, 100.0))
    assert torch.equal(short.ids, long.ids)
    short, long = (nearest_tokens(lm, scale * given, k=3, metric="euclidean") for scale in (0.01, 100.0))
    assert not torch.equal(short.ids, long.ids)


def test_the_shape_is_that_of_the_vectors(lm):
    found = nearest_tokens(lm, vectors(lm, 2, 3), k=4)
    assert found.ids.shape == found.distance.shape == (2, 3, 4)
    assert len(found) == 6 and [len(row) for row in found.pieces] == [4] * 6
    alone = nearest_tokens(lm, vectors(lm, 2, 3)[1, 2], k=4)
    assert torch.equal(alone.ids, found.ids[1, 2])


def test_chunks_change_nothing(lm, monkeypatch):
    given = vectors(lm, 50)
    whole = nearest_tokens(lm, given, k=3)
    monkeypatch.setattr(token_table_module, "AT_ONCE", 2 * lm.vocabulary + 1)
    assert torch.equal(nearest_tokens(lm, given, k=3).ids, whole.ids)


def test_the_largest_gpt2s_dictionary_is_searched_without_a_table_of_all_distances(monkeypatch):
    monkeypatch.setattr(token_table_module, "AT_ONCE", 2**20)
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(50_257, 1_600, generator=generator)
    wanted = torch.randint(50_257, (40,), generator=generator)
    nearness = []

    class Watched(TokenTable):
        def _nearness(self, vectors):
            nearness.append(len(vectors) * len(self.tokens))
            return super()._nearness(vectors)

    words = Watched(table, "cosine")
    assert torch.equal(words.nearest(3 * table[wanted] + 0.1)[:, 0], wanted)
    assert max(nearness) <= 2**20 < 40 * 50_257 == sum(nearness)


def test_excluded_tokens_are_not_found(lm):
    girl = lm.token(" girl")
    given = lm.embeddings[girl][None]
    assert nearest_tokens(lm, given, k=1).ids.item() == girl
    without = nearest_tokens(lm, given, k=1, exclude=[girl])
    assert without.ids.item() == nearest_tokens(lm, given, k=2).ids[0, 1]


def test_the_distance_pulls_a_vector_toward_its_token(lm):
    for metric in ("cosine", "euclidean"):
        words = TokenTable(lm.embeddings, metric)
        at = vectors(lm, 5).requires_grad_()
        ids = words.nearest(at)[:, 0]
        before = words.distance(at, ids)
        gradient = torch.autograd.grad(before.sum(), at)[0]
        assert (words.distance(at - 1e-3 * gradient, ids) < before).all()


def test_it_shows_itself(lm):
    found = nearest_tokens(lm, lm.embeddings[[lm.token(" girl"), lm.token(" ship")]], k=2)
    assert "' girl' at" in repr(found) and "' ship' at" in repr(found)
    assert "<code" in found._repr_html_() and " girl" in found._repr_html_()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"k": 0}, "k=0 given, expected 1 …"),
        ({"k": 10_000}, "k=10000 given, expected 1 …"),
        ({"metric": "cosin"}, "did you mean 'cosine'"),
        ({"exclude": "steam"}, "did you mean 'stem'"),
        ({"exclude": [99_999]}, "token id 99999"),
    ],
)
def test_settings_are_checked(lm, options, says):
    with pytest.raises(ValueError, match=says):
        nearest_tokens(lm, vectors(lm, 2), **options)


def test_vectors_of_another_width_or_without_a_place_are_refused(lm):
    with pytest.raises(ValueError, match=r"expected \(…, 16\)"):
        nearest_tokens(lm, torch.zeros(3, 15))
    with pytest.raises(ValueError, match="NaN or infinity"):
        nearest_tokens(lm, torch.full((3, 16), torch.nan))
