"""Was this checkpoint trained on the images it is about to be judged by, and were they prepared in the same way?

`facts` are a detector's (`DeepfakeDetector.facts`); their `split` is what `DeepfakeDataModule.split_facts` said of the
data it was trained on, and missing where that was none of ours. `data` that is None is none of ours either: nothing is
known of it, and nothing refused.
"""

from typing import Any, Literal

from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info

from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.seen import refusal
from dfdetect.errors import CheckpointError
from dfdetect.models.trainer import data_of

Facts = dict[str, Any]
Judged = Literal["val", "test", "predict"]


def changed_preprocessing(facts: Facts, data: DeepfakeDataModule) -> list[str]:
    """In words, what `data` does to an image in another way than the training did."""
    trained, used = facts.get("preprocessing"), data.preprocessing_facts()
    if not trained:
        return []
    known = {name: trained.get(name) for name in used}  # None of what there was not, then or for that crop
    return [f"{name}: trained with {known[name]}, now {used[name]}" for name in used if used[name] != known[name]]


def say_changed_preprocessing(facts: Facts, data: DeepfakeDataModule) -> None:
    """Say it aloud."""
    for change in changed_preprocessing(facts, data):
        rank_zero_info(f"Other preprocessing than in training: {change}")


def is_cross_dataset(facts: Facts, data: DeepfakeDataModule) -> bool:
    """Whether `data` is another set than training used: another root that holds other images.

    A root of the same relative paths and labels is taken for a copy of the training's data, wherever it lies.
    """
    trained = facts.get("split")
    return bool(trained and is_another_set(trained, data.split_facts()))


def is_another_set(trained: Facts, tested: Facts) -> bool:
    """Whether two `split_facts` are of different data sets, as `is_cross_dataset` has it."""
    return bool(trained["data_fingerprint"] != tested["data_fingerprint"] and trained["root"] != tested["root"])


def is_taken_for_a_copy(facts: Facts, data: DeepfakeDataModule) -> bool:
    """Whether `data` lies elsewhere than the training's data but has its file names and labels."""
    trained, tested = facts.get("split"), data.split_facts()
    return bool(trained and trained["root"] != tested["root"] and not is_another_set(trained, tested))


def is_another_part(facts: Facts, data: DeepfakeDataModule, part: Literal["val", "test"]) -> bool:
    """Whether this part of `data` holds other images than the training's part of that name."""
    trained = facts.get("split")
    if not trained:
        return False
    return bool(trained[f"{part}_fingerprint"] != data.split_facts()[f"{part}_fingerprint"])


def judge_another_set_whole(facts: Facts, trainer: Trainer) -> None:
    """Test on all images of another data set, none of which training saw, unless it comes with a test part."""
    data = data_of(trainer)
    if data is None or trainer.state.fn != TrainerFn.TESTING:
        return
    if is_cross_dataset(facts, data) and not data.has_given_test_part():
        data.test_on_everything()


def judged_images(data: DeepfakeDataModule, part: Literal["val", "test"]) -> str:
    """Which of a data set's images `part` holds now, and how many are left out."""
    everything, judged = len(data.division.samples), len(data.part(part))
    if judged == everything:
        return f"all its {everything:,} images"
    given = part == "test" and data.has_given_test_part()
    name = "the test part that comes with it" if given else f"its {'validation' if part == 'val' else 'test'} part"
    return f"{name}, {judged:,} of its {everything:,} images; the other {everything - judged:,} were left out"


def cross_dataset_note(facts: Facts, data: DeepfakeDataModule, part: Literal["val", "test"]) -> str:
    """On what a detector was trained, and on which images of what other data set it is judged."""
    trained = facts["split"]["root"]
    return f"cross-dataset: trained on {trained}, tested on {data.origin}: {judged_images(data, part)}"


def refuse_another_split(facts: Facts, data: DeepfakeDataModule | None) -> None:
    """Stop a fit that would go on with another split than it began with: it would train on its own test part.

    Raises:
        CheckpointError: the splits differ, and `data` does not allow it.
    """
    if data is None:
        return
    trained, continued = facts.get("split"), data.split_facts()
    if trained and trained["fingerprint"] != continued["fingerprint"] and not data.allow_new_split:
        raise CheckpointError(
            f"This checkpoint was trained on another split ({trained['root']}, {trained['fingerprint'][:12]}) than the "
            f"one to go on with ({continued['root']}, {str(continued['fingerprint'])[:12]}). Use the training's "
            "data.root, data.split_seed, manifest and files, or start afresh with --model.weights FILE"
        )


def refuse_untrained(untrained: bool) -> None:
    """Refuse to judge a detector that has random weights; raises `CheckpointError`."""
    if untrained:
        raise CheckpointError(
            "This detector was never trained: its scores would be those of random weights. Fit it first, or give "
            "a checkpoint: Trainer.test(..., ckpt_path=FILE)"
        )


def check_evaluation(facts: Facts, data: DeepfakeDataModule | None, part: Judged) -> None:
    """Refuse to judge a checkpoint by images that its training may have seen; say what else differs.

    What is only predicted may have been seen.

    Raises:
        CheckpointError: same data, but another part of that name, or other data that hold images it was trained on; and
            `data` does not allow it.
    """
    if data is None:
        return
    say_changed_preprocessing(facts, data)
    if part == "predict":  # what was trained on need not be at hand
        return
    trained, tested = facts.get("split"), data.split_facts()
    if not trained:
        return
    if is_cross_dataset(facts, data):
        if not data.allow_new_split and (refused := refusal(data.part(part), facts.get("images_seen"))):
            raise CheckpointError(f"{data.origin} is no other data: {refused}; or say --allow-new-split")
        rank_zero_info(cross_dataset_note(facts, data, part))
    elif is_another_part(facts, data, part) and not data.allow_new_split:
        manifest = trained["layout"] if trained["layout"].startswith("manifest ") else "manifest"  # its name too
        raise CheckpointError(
            f"This checkpoint was trained with another split of {tested['root']}: its {part} part had "
            f"{trained[f'n_{part}']} images (fingerprint {trained[f'{part}_fingerprint'][:12]}), this one has "
            f"{tested[f'n_{part}']} ({str(tested[f'{part}_fingerprint'])[:12]}), so training may have seen them. Use "
            f"the training's data.split_seed, {manifest} and files, or say --allow-new-split"
        )
    elif is_taken_for_a_copy(facts, data):
        rank_zero_info(f"{data.origin} has the file names of {trained['root']} and is taken for a copy of it")
