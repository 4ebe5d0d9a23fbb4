"""Was this checkpoint trained on the images it is about to be tested on?"""

from typing import Any

from dfdetect.errors import CheckpointError

SplitFacts = dict[str, Any]
"""See `DeepfakeDataModule.split_facts`."""


def is_cross_dataset(trained: SplitFacts | None, tested: SplitFacts) -> bool:
    """Whether the tested root is another one than training used, with other images in its test part."""
    if not trained or trained["test_fingerprint"] == tested["test_fingerprint"]:
        return False
    return bool(trained["root"] != tested["root"])


def refuse_seen_images(trained: SplitFacts | None, tested: SplitFacts) -> None:
    """Stop a test on a test part that training did not leave out.

    Raises:
        CheckpointError: same data root, another test part.
    """
    if not trained or trained["test_fingerprint"] == tested["test_fingerprint"] or is_cross_dataset(trained, tested):
        return
    raise CheckpointError(
        f"This checkpoint was trained with another split of {tested['root']}: its test part had {trained['n_test']} "
        f"images (fingerprint {trained['test_fingerprint'][:12]}), this one has {tested['n_test']} "
        f"({tested['test_fingerprint'][:12]}), so training may have seen them. Use the training's data.split_seed, "
        "manifest and files, or say --allow-new-split"
    )
