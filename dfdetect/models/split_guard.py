"""Was this checkpoint trained on the images it is about to be tested on?"""

from typing import Any

from dfdetect.errors import CheckpointError

SplitFacts = dict[str, Any]
"""See `DeepfakeDataModule.split_facts`."""


def is_cross_dataset(trained: SplitFacts | None, tested: SplitFacts) -> bool:
    """Whether the tested data is another set than training used: another root that holds other images.

    A root of the same relative paths and labels is taken for a copy of the training's data, wherever it lies.
    """
    if not trained or trained["data_fingerprint"] == tested["data_fingerprint"]:
        return False
    return bool(trained["root"] != tested["root"])


def refuse_another_split(trained: SplitFacts | None, continued: SplitFacts) -> None:
    """Stop a fit that would go on with another split than it began with: it would train on its own test part.

    Raises:
        CheckpointError: the splits differ.
    """
    if trained and trained["fingerprint"] != continued["fingerprint"]:
        raise CheckpointError(
            f"This checkpoint was trained on another split ({trained['root']}, {trained['fingerprint'][:12]}) than the "
            f"one to go on with ({continued['root']}, {continued['fingerprint'][:12]}). Use the training's data.root, "
            "data.split_seed, manifest and files, or start afresh with --model.weights FILE"
        )


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
