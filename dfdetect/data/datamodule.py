"""DeepfakeDataModule: from a data root to loaders for training, validation, test and prediction."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import albumentations as A
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.utils.data import DataLoader

from dfdetect.data.blending.masks import MaskName
from dfdetect.data.cache import CacheMode, Decoder, open_store, pixel_folder
from dfdetect.data.codec import native_notes
from dfdetect.data.dataset import DeepfakeDataset, Sample, Unreadable
from dfdetect.data.division import Division, divide
from dfdetect.data.download import download_kaggle, is_missing
from dfdetect.data.face_crop import DEFAULT_MARGIN
from dfdetect.data.faces_of_pictures import FoundFaces, face_cutter, find_faces
from dfdetect.data.loader import (
    EpochBatchSampler,
    ResumableLoader,
    from_the_start,
    position_of,
    prediction_loader,
    resumable_loader,
    workers_of_one_process,
)
from dfdetect.data.own_layout import list_samples
from dfdetect.data.pairs import PairDataset
from dfdetect.data.resize import METHOD, Crop
from dfdetect.data.samples import FAKE, Samples, list_images
from dfdetect.data.settings import ClassBalance, check_settings
from dfdetect.data.splits import Split
from dfdetect.data.summary import summarise
from dfdetect.data.synthetic import generate_faces, is_generated
from dfdetect.data.training_set import TrainingSet
from dfdetect.data.transforms import Augmentation, default_augmentation
from dfdetect.errors import UsageError
from dfdetect.files import sha256_of
from dfdetect.words import counted

_USUAL_SIZE = 224
"""Side of the input in pixels, where nobody names one."""


class DeepfakeDataModule(LightningDataModule):
    """Real and fake face photos, split without leaks, cached, augmented and batched.

    Batches are `dfdetect.data.dataset.Batch`: uint8 RGB images (B, 3, S, S), labels 0 real / 1 fake.

    Args:
        root: folder with the images, or a manifest CSV; see `dfdetect.data.layouts` for the layouts.
        manifest: CSV with path,label[,group,split,source,...] that replaces the folder layout.
        layout: import path of a `dfdetect.data.own_layout.Layout` that lists what lies in `root` in a way of its own,
            see docs/extend.md; null for those that are known.
        download: fetch the Kaggle set uditsharma72/real-vs-fake-faces into `root` when `root` is missing.
        generate: draw this many generated demo faces into `root` when `root` is missing; 0 for none.
        image_size: side of the network's input in pixels; null for the backbone's own.
        crop: `resize` squeezes the whole picture into the square, `center` cuts the largest centred square first,
            `face` the square around the largest face; `native` cuts the centred square of `image_size` pixels and
            resizes nothing, unless the picture is smaller.
        face_margin: room on each side of a face for the crop `face`, as a share of the face's longer side.
        normalise_encoding: re-encode every picture in memory as JPEG of this quality, 1 to 100, before it is resized,
            so that both classes come from one encoder; null leaves them as they are.
        zoom_room: keep training pixels this much larger than `image_size`, for an augmentation that crops or zooms;
            what it leaves larger is resized at the end, or for the crop `native` cut at random.
        augment: Albumentations transforms of the training images; null for the recipe's flips, rotation and zoom,
            [] for none.
        blending: train on real photos alone, each in a pair with a fake made by blending it with a changed copy of
            itself within one of these masks, drawn from face, eyes, nose, mouth; null to train on the data's fakes.
            Data without a fake is taken too, and validation then makes its own.
        own_fakes: with `blending`, share of the pairs whose fake is one of the data's own in place of a blended one.
        landmarks: npz file of landmarks for `blending`, `erase_parts` and `model.localisation`, see docs/blending.md;
            null to find them with $DFDETECT_FACE_MODEL, or the face model that is downloaded once.
        erase_parts: share of the training pictures in which one part of the face is blurred beyond recognition: eyes,
            nose or mouth.
        batch_size: images a step and process.
        num_workers: loader processes; `auto` is one a core, shared with the other processes that torchrun started on
            this machine, 8 at most; but none for cached pixels on a CPU, whose cores the training step needs itself.
        cache: keep decoded, resized pixels on `disk`, in `ram`, or not at all (`off`).
        cache_dir: folder of the disk cache; null for the user's cache folder.
        class_balance: `weighted_loss` weighs the rarer class up, `sampler` draws both classes equally often, and
            `source_sampler` within each of them its sources too.
        split: `given` takes the folders' or the manifest's split, `grouped` divides so that no group crosses parts,
            `random` takes no notice of groups; `auto` is given where there is a split, else grouped where groups are
            known, else random.
        split_ratios: shares of training, validation and test part.
        split_seed: another seed, another split.
        folds: cross-validation: so many equal test parts, which together are all images; 0 for one test part.
        fold: which of them is the test part, from 0.
        seed: order and augmentation of the training images. The command line sets it to `seed_everything`.
        allow_new_split: test a checkpoint on a test part that its training did not leave out.
        predict_root: folder of unlabelled images for `predict`.

    Attributes:
        datasets: by part, as far as they are set up.
        faces_found: for the crop `face`, those of each of them.
        face_model: file of YuNet that finds them; None for `$DFDETECT_FACE_MODEL`, or the one that is downloaded once.

    Raises:
        UsageError: a value out of its range.
    """

    def __init__(
        self,
        root: str = "data/real-vs-fake-faces",
        manifest: str | None = None,
        layout: str | None = None,
        download: bool = False,
        generate: int = 0,
        image_size: int | None = None,
        crop: Crop = "resize",
        face_margin: float = DEFAULT_MARGIN,
        normalise_encoding: int | None = None,
        zoom_room: float = 1.0,
        augment: list[A.BasicTransform] | None = None,
        blending: list[MaskName] | None = None,
        own_fakes: float = 0.0,
        landmarks: str | None = None,
        erase_parts: float = 0.0,
        batch_size: int = 32,
        num_workers: int | Literal["auto"] = "auto",
        cache: CacheMode = "disk",
        cache_dir: str | None = None,
        class_balance: ClassBalance = "none",
        split: Split = "auto",
        split_ratios: tuple[float, float, float] = (0.70, 0.15, 0.15),
        split_seed: int = 0,
        folds: int = 0,
        fold: int = 0,
        seed: int = 0,
        allow_new_split: bool = False,
        predict_root: str | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["augment", "seed"])
        check_settings(self.hparams, seed)
        self.root, self.manifest, self.layout = Path(root), manifest, layout
        self.download, self.generate = download, generate
        self.crop, self.face_margin = crop, face_margin
        self.normalise_encoding, self.zoom_room = normalise_encoding, zoom_room
        self.augmentation = Augmentation(default_augmentation() if augment is None else augment)
        self.blending, self.own_fakes, self.landmarks, self.erase_parts = blending, own_fakes, landmarks, erase_parts
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.cache, self.cache_dir = cache, Path(cache_dir) if cache_dir else None
        self.class_balance = class_balance
        self.split, self.split_ratios, self.split_seed, self.seed = split, split_ratios, split_seed, seed
        self.folds, self.fold = folds, fold
        self.allow_new_split = allow_new_split
        self.predict_root = predict_root
        self._division: Division | None = None
        self.datasets: dict[str, DeepfakeDataset] = {}
        self.faces_found: dict[str, FoundFaces] = {}
        self.face_model: str | None = None
        self._tests_everything = False

    def prepare_data(self) -> None:
        """Fetch or draw the data where it is missing and that was asked for; one process a machine.

        Unlabelled images need none of it, and only a fit draws faces.
        """
        purpose = self.trainer.state.fn if self.trainer is not None else TrainerFn.FITTING
        if self.manifest is not None or purpose == TrainerFn.PREDICTING or not is_missing(self.root):
            return
        if self.generate and purpose == TrainerFn.FITTING:
            rank_zero_info(
                f"Drawing {self.generate} generated faces into {self.root}. They demonstrate the tool; results on "
                "them are no evidence about real fakes."
            )
            generate_faces(self.root, self.generate, size=max(32, self.training_size))
        elif self.download:
            download_kaggle(self.root)

    def setup(self, stage: str) -> None:
        """Index and split the images; `stage` is fit, validate, test or predict."""
        self._tests_everything = False
        self.hparams["image_size"] = self.image_size  # for the checkpoint, which is used without this network too
        if stage == "predict":
            if self.predict_root is None:
                raise UsageError("predict needs a folder of images: --data.predict_root DIR")
            self.datasets["predict"] = self._dataset(list_images(self.predict_root), "predict", cached=False)
            return
        n = len(self.division.samples)
        if self.generate not in (0, n) and self.manifest is None and is_generated(self.root):
            rank_zero_info(
                f"{self.root} holds {n} generated faces, not the {self.generate} of data.generate; "
                "delete the folder to have them drawn"
            )
        needed = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}[stage]
        for name in needed:
            part = self.part(name)
            if name != "test":  # which may yet become all images: of another data set than the checkpoint's
                self._refuse_empty(name)
            self.datasets[name] = self._training_set(part) if name == "train" else self._judged_set(part, name)
        if stage == "fit":
            self._check_training()

    def _refuse_empty(self, name: str) -> None:
        if len(self.part(name)) == 0:
            samples = self.division.samples
            raise UsageError(
                f"The {name} part of {self.origin} is empty: {self.summary()}\n{counted(len(samples), 'image')} in "
                f"{counted(len(set(samples.groups())), 'group')}: too few to divide, or a split without it. "
                "Say in a manifest's column `split` which are which, or give more"
            )

    def _check_training(self) -> None:
        self.augmentation.check(self.training_size, masks=self.datasets["train"].forged is not None)
        if self.crop == "native":
            for note in native_notes(self.normalise_encoding, self.origin, self.image_size, self.training_size):
                rank_zero_info(note)
        samples = self.datasets["train"].samples
        if self.datasets["train"].together > 1:
            return  # pairs are balanced as they are
        if "sampler" in self.class_balance and len(set(samples.labels.tolist())) < 2:
            raise UsageError(f"data.class_balance: {self.class_balance} needs both classes in the training part")
        if self.class_balance == "source_sampler" and not any(samples.column("source")):
            raise UsageError(
                "data.class_balance: source_sampler needs sources: a column `source` in the manifest, or folders below "
                "real and fake; with none use sampler"
            )

    @property
    def image_size(self) -> int:
        """Side of the network's input in pixels: as given, else as the trainer's network wants it."""
        return int(self.hparams["image_size"] or getattr(self._network, "input_size", _USUAL_SIZE))

    @property
    def _network(self) -> LightningModule | None:
        """The trainer's."""
        return getattr(self.trainer, "lightning_module", None)

    @property
    def training_size(self) -> int:
        """Side in pixels of the pictures that augmentation gets."""
        return round(self.image_size * max(1.0, self.zoom_room))

    @property
    def origin(self) -> Path:
        """What the images are listed in, for people: the manifest, or the root."""
        return Path(self.manifest) if self.manifest is not None else self.root

    @property
    def title(self) -> str:
        """The data in a word, for titles and folders: the root's or the manifest's, or what `manifest.csv` lists."""
        stem = self.origin.resolve().stem
        return self.division.samples.folder().name if stem == "manifest" else stem

    @property
    def division(self) -> Division:
        """The images and their parts, listed when first asked for."""
        if self._division is None:
            self.prepare_data()
            fakes_needed = not self.blending or self.own_fakes > 0
            samples = list_samples(self.root, self.manifest, self.layout, fakes_needed=fakes_needed)
            self._division = divide(samples, self.split_seed, self.split_ratios, self.split, self.folds, self.fold)
        return self._division

    def is_generated(self) -> bool:
        """Whether these are generated faces, however they are listed."""
        first = Path(self.division.samples.file(0))
        return any(is_generated(folder) for folder in first.parents[:3])

    def part(self, name: str) -> Samples:
        """Samples of `train`, `val` or `test`."""
        whole = name == "test" and self._tests_everything
        return self.division.samples if whole else self.division.part(name)

    def class_weights(self) -> Tensor | None:
        """(2,) loss weights that make both classes count alike, mean 1 over the images; None unless asked for."""
        if self.class_balance != "weighted_loss":
            return None
        labels = torch.from_numpy(self.datasets["train"].samples.labels).long()
        counts = torch.bincount(labels, minlength=2).clamp(min=1)
        return len(labels) / (2.0 * counts)

    def split_facts(self) -> dict[str, str | int]:
        """What a checkpoint remembers of the data it was trained on: primitives only."""
        return dict(self.division.facts)

    def preprocessing_facts(self) -> dict[str, str | int | float | None]:
        """How a file becomes the network's input: primitives only; by the crop `face` also its margin and model."""
        facts: dict[str, str | int | float | None] = {
            "image_size": self.image_size,
            "crop": self.crop,
            "interpolation": METHOD,
            "normalise_encoding": self.normalise_encoding,
        }
        if (cutter := self.decoder().faces) is not None:
            facts |= {"face_margin": self.face_margin, "face_model": sha256_of(cutter.model)[:12]}
        return facts

    def has_given_test_part(self) -> bool:
        """Whether the data itself says which images are for testing."""
        return "test" in self.division.samples.column("split")

    def test_on_everything(self) -> None:
        """Make all images the test part: for a detector that was trained on another data set."""
        self._tests_everything = True
        self.datasets["test"] = self._dataset(self.part("test"), "test")

    def part_fingerprint(self, name: Literal["val", "test"]) -> str:
        """Which images `part` has now; the whole data set's where it is tested whole."""
        whole = name == "test" and self._tests_everything
        return str(self.split_facts()["data_fingerprint" if whole else f"{name}_fingerprint"])

    def summary(self) -> str:
        """A table of images, classes, groups and sources in each part, and what deserves to be known about them."""
        lines = [summarise(self.origin, self.division)]
        train, val = (self.datasets.get(name) for name in ("train", "val"))
        if isinstance(train, PairDataset):
            lines.append(f"Training on {train.photos.note(self.own_fakes)}")
        if isinstance(val, PairDataset):
            lines.append(f"Validating on {val.photos.note()}, for there are no others")
        return "\n".join(lines)

    def train_dataloader(self) -> ResumableLoader:
        """Training batches; the order depends on (seed, epoch) and continues where a checkpoint stopped."""
        return self._loader("train")

    def val_dataloader(self) -> ResumableLoader:
        """Validation batches, in one fixed, class-mixed order."""
        return self._loader("val")

    def test_dataloader(self) -> ResumableLoader:
        """Test batches, in one fixed, class-mixed order; raises `UsageError` where there is nothing to test on."""
        self._refuse_empty("test")
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Sample | Unreadable]:
        """Batches of the unlabelled images below `predict_root`; each rank has its share."""
        return prediction_loader(self.datasets["predict"], self.batch_size, self.workers(cached=False), *self._rank())

    def decoder(self, training: bool = False) -> Decoder:
        """What turns a file into pixels of the network's size, or for training of the size to augment."""
        size = self.training_size if training else self.image_size
        faces = face_cutter(self.face_margin, self.face_model) if self.crop == "face" else None
        return Decoder(size, self.crop, self.normalise_encoding, faces)

    def _dataset(self, samples: Samples, name: str, cached: bool = True) -> DeepfakeDataset:
        decoder = self._knowing_faces(self.decoder(), samples, name)
        store = open_store(self.cache if cached else "off", decoder, len(samples), self.cache_dir)
        return DeepfakeDataset(samples, store, self.image_size, crop=self.crop)

    def _knowing_faces(self, decoder: Decoder, samples: Samples, name: str) -> Decoder:
        """For the crop `face`, one that knows the faces of these pictures; says in how many there is none."""
        if decoder.faces is None:
            return decoder
        found = find_faces(decoder.faces, samples, pixel_folder(self.cache_dir) if self.cache == "disk" else None)
        self.faces_found[name] = found
        rank_zero_info(found.note(name))
        return replace(decoder, faces=found.cutter)

    def _judged_set(self, part: Samples, name: str) -> DeepfakeDataset:
        """A part as it is; of real photos alone, validation makes its own fakes, in every epoch and run the same."""
        if name == "test" or not self.blending or (part.labels == FAKE).any():
            return self._dataset(part, name)
        return self._maker(part, name).build(part, name)

    def _training_set(self, part: Samples) -> DeepfakeDataset:
        return replace(
            self._maker(part, "train"),
            augmentation=self.augmentation,
            seed=self.seed,
            erase_parts=self.erase_parts,
            own_fakes=self.own_fakes,
            localises=bool(getattr(self._network, "localises", False)),
        ).build(part, "train")

    def _maker(self, part: Samples, name: str) -> TrainingSet:
        """What makes a part's data set, blended where that is asked for, without what only training does."""
        return TrainingSet(
            decoder=self._knowing_faces(self.decoder(training=name == "train"), part, name),
            augmentation=None,
            size=self.image_size,
            seed=self.split_seed,
            cache=self.cache,
            cache_dir=self.cache_dir,
            blending=self.blending,
            landmarks=self.landmarks,
        )

    def _loader(self, name: str) -> ResumableLoader:
        training = name == "train"
        dataset, (rank, world_size) = self.datasets[name], self._rank()
        samples = dataset.samples
        sampler = EpochBatchSampler(
            samples.labels,
            self.batch_size,
            self.seed,
            balanced=training and "sampler" in self.class_balance and dataset.together == 1,  # pairs are balanced
            sources=samples.column("source") if self.class_balance == "source_sampler" else None,
            shuffle_epochs=training,
            rank=rank,
            world_size=world_size,
            position=partial(position_of, self.trainer) if training else from_the_start,
            together=dataset.together,
        )
        return resumable_loader(dataset, sampler, self.workers(cached=self.cache != "off"))

    def workers(self, cached: bool) -> int:
        """Number of loader processes: as asked for, or what `auto` comes to, where pixels are cached or not."""
        if self.num_workers != "auto":
            return self.num_workers
        on_cpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cpu"
        return 0 if cached and on_cpu else workers_of_one_process()

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
