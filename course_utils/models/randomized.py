"""Randomised models: some weights are drawn anew, or shuffled. What a method still shows does not come from those.

    for layers in cascade(classifier):                  # ("head",), ("head", "layer3"), …
        visualize(randomized(classifier, layers), …)
    optimize_prompts(shuffled(lm), " girl")             # a language model that has learned nothing

Source: Adebayo et al. 2018, *Sanity Checks for Saliency Maps* (cascading randomisation, from the head down).
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from course_utils.models.classifier import Classifier
from course_utils.models.language_model import LanguageModel
from course_utils.utils import sample_generators
from course_utils.validation import check_known


def randomized(classifier: Classifier, layers: str | Sequence[str], *, seed: int = 0) -> Classifier:
    """A copy of a classifier in which everything that the named layers learned is replaced by chance.

    Args:
        classifier: stays as it is.
        layers: dotted names; all that lies inside them is drawn anew, as PyTorch initialises it
            (`reset_parameters`, which for a normalisation forgets its running statistics too). Parameters of modules
            that cannot do so become normal numbers of the same mean and spread.
        seed: a module's new weights depend on it and on the module's name alone, not on which others are drawn.

    Raises:
        ValueError: no layer, one that does not exist (offers close names), or layers without any weights.
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    result = copy.deepcopy(classifier)
    modules = dict(result.module.named_modules(remove_duplicate=False))
    known = [name for name in modules if name]
    if not names:
        raise ValueError(f"no layers given, expected names such as {', '.join(map(repr, known[-2:]))}.")
    for name in names:
        check_known("layer", name, known)
    inside = [name for name in known if any(name == each or name.startswith(f"{each}.") for each in names)]
    drawn = [_draw_anew(modules[name], name, seed) for name in inside]
    if not any(drawn):
        raise ValueError(f"{', '.join(map(repr, names))} hold no weights: nothing there can be drawn anew.")
    return result


def cascade(classifier: Classifier) -> Iterator[tuple[str, ...]]:
    """Layers for `randomized`, from the head down: first the last part of the net, then the last two, … all of it."""
    parts = [name for name, part in classifier.module.named_children() if any(True for _ in part.parameters())]
    for count in range(1, len(parts) + 1):
        yield tuple(reversed(parts[-count:]))


@torch.no_grad()
def _draw_anew(module: nn.Module, name: str, seed: int) -> bool:
    """Draws a module's own weights anew; False if it has none. The reader's random state stays as it was."""
    own = list(module.named_parameters(recurse=False))
    if not own:
        return False
    [generator] = sample_generators(seed, [0], f"weights of {name}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator.initial_seed())
        if callable(reset := getattr(module, "reset_parameters", None)):
            device, dtype = own[0][1].device, own[0][1].dtype
            module.cpu().float()  # where the same weights are drawn, whatever the device
            reset()
            module.to(device, dtype)
        else:
            for _, weight in own:
                spread = weight.std() if weight.numel() > 1 else torch.zeros(())
                weight.copy_(weight.mean() + spread.cpu().item() * torch.randn(weight.shape))
    return True


def shuffled(lm: LanguageModel, *, seed: int = 0) -> LanguageModel:
    """A copy of a language model in which everything that it learned is gone: each tensor's own numbers are permuted.

    Every tensor keeps its distribution of values, so that logits are of about the same size as before; unlike weights
    as before training, which make every next token equally probable.

    Args:
        lm: stays as it is; a template stays around its prompts.
        seed: of the permutations; a tensor's depends on it and on the tensor's name.
    """
    model = copy.deepcopy(lm.model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            [generator] = sample_generators(seed, [0], f"order of {name}")
            order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
            weight.copy_(weight.flatten()[order].view_as(weight))
    result = copy.copy(lm)
    result.model, result.name = model, f"{lm.name} with shuffled weights"
    return result
