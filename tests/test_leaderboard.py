"""benchmarks/leaderboard.py: what it keeps of tests is what they said, and its differences are those of `compare`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dfdetect.evaluation.comparison import compare
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.out_of_fold import read_folds
from dfdetect.evaluation.tables import write_json, write_predictions
from tests import fits

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch):
    """The two modules beside the script."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import leaderboard_page
    import leaderboard_results

    yield leaderboard_results, leaderboard_page
    for name in ("leaderboard_page", "leaderboard_results"):
        sys.modules.pop(name, None)


def predictions(skill, seed, start=0, n=120) -> Predictions:
    """Scores of the same images, the better the higher `skill`; three images a group."""
    label = np.arange(n) % 2
    noise = np.random.default_rng(seed).normal(size=n)
    p_fake = 1 / (1 + np.exp(-(skill * (2 * label - 1) + noise)))
    names = range(start, start + n)
    return Predictions(
        [f"{i:04}.jpg" for i in names],
        label,
        p_fake.astype(np.float32).astype(float),
        [f"g{i // 3}" for i in names],
        [""] * n,
    )


def judged(folder: Path, found: Predictions, threshold=0.4) -> Path:
    folder.mkdir(parents=True)
    write_predictions(folder / "predictions.csv", found)
    write_json(folder / "metrics.json", evaluate(found, threshold, resamples=0) | {"temperature": 1.5})
    return folder


def test_one_test_comes_back_as_it_was(scripts, tmp_path):
    results, _ = scripts
    found = predictions(1.0, 0)
    results.save_test(tmp_path / "saved", "row", "a", "a", [judged(tmp_path / "run", found)])
    (fold,) = results.read_test(tmp_path / "saved", "row", "a").folds
    assert (list(fold.predictions.path), list(fold.predictions.group)) == (list(found.path), list(found.group))
    np.testing.assert_array_equal(fold.predictions.label, found.label)
    np.testing.assert_allclose(fold.predictions.p_fake, found.p_fake, rtol=1e-6)
    assert (fold.threshold, fold.temperature) == (0.4, 1.5)
    assert results.read_test(tmp_path / "saved", "row", "b") is None


def test_folds_come_back_with_their_numbers(scripts, tmp_path):
    results, _ = scripts
    runs = [judged(tmp_path / f"repeat0-fold{k}", predictions(1.0, k, start=120 * k), 0.3 + k / 10) for k in range(3)]
    results.save_test(tmp_path / "saved", "row", "a", "a", runs)
    test = results.read_test(tmp_path / "saved", "row", "a")
    wanted = read_folds(runs)
    assert [(fold.name, fold.threshold) for fold in test.folds] == [(fold.name, fold.threshold) for fold in wanted]
    assert test.size == (360, 120)
    for mine, theirs in zip(test.folds, wanted, strict=True):
        assert list(mine.predictions.path) == list(theirs.predictions.path)


@pytest.mark.parametrize("tested_on", ["set", "all-of-set"])
def test_no_place_of_this_machine_is_kept(tested_on, scripts, tmp_path):
    results, _ = scripts
    found = predictions(1.0, 0)
    far = [f"../../home/me/set/real/{path}" for path in found.path]
    group = [path if i % 2 else f"fake/{i // 4}.jpg" for i, path in enumerate(far)]
    run = judged(tmp_path / "run", Predictions(far, found.label, found.p_fake, group, found.source))
    results.save_test(tmp_path / "saved", "row", "a", tested_on, [run])
    (fold,) = results.read_test(tmp_path / "saved", "row", "a").folds
    assert list(fold.predictions.path) == [f"real/{path}" for path in found.path]
    assert fold.predictions.group[:3] == ["fake/0.jpg", "real/0001.jpg", "fake/0.jpg"]


def test_other_images_are_refused(scripts, tmp_path):
    results, _ = scripts
    found = predictions(1.0, 0)
    results.save_test(tmp_path / "saved", "row", "a", "a", [judged(tmp_path / "run", found)])
    turned = Predictions(found.path, 1 - found.label, found.p_fake, found.group, found.source)
    with pytest.raises(SystemExit, match="another label or group"):
        results.save_test(tmp_path / "saved", "other", "a", "a", [judged(tmp_path / "turned", turned)])


def test_differences_are_those_of_compare(scripts, tmp_path):
    results, page = scripts
    both = [predictions(0.6, 1), predictions(1.2, 2)]
    for name, found in zip(("first", "second"), both, strict=True):
        results.save_test(tmp_path / "saved", name, "a", "a", [judged(tmp_path / name, found)])
    wanted = compare(both, [0.4, 0.4])
    own, apart, n = page.measure(tmp_path / "saved", "second", "first", ["a"])
    assert n == 120
    assert own[0] == pytest.approx(wanted[1]["auroc"])
    against = wanted[1]["against_first"]["auroc"]
    assert apart[0] == pytest.approx(against["difference"])
    interval = page.percentile_interval(apart[1], apart[2])
    assert interval == pytest.approx(against["interval"], abs=0.02)  # other draws of the same groups
    assert page.measure(tmp_path / "saved", "first", "first", ["a"])[1] is None
    assert np.isnan(page.measure(tmp_path / "saved", "second", "first", ["a", "missing"])[0][0])


def test_the_page_ranks_marks_and_names_what_is_missing(scripts, tmp_path):
    results, page = scripts
    saved = tmp_path / "saved"
    assert fits.tiny_detector()  # of the tests' own network, which the page times
    for name, skill, pretrained in (("first", 0.6, True), ("better", 1.5, True), ("untaught", 2.0, False)):
        results.save_test(saved, name, "a", "a", [judged(tmp_path / name, predictions(skill, 1))])
        model = {"backbone": "tiny", "frontend": "rgb", "test_time_flip": False}
        facts = {"about": f"about {name}", "options": [], "pretrained": pretrained, "model": model, "image_size": 32}
        write_json(saved / name / "facts.json", facts | {"epochs": {"a": 3}, "robustness": {}})
    sets = [type("DataSet", (), {"name": name, "folds": 0})() for name in ("a", "c")]
    for name in ("first", "better"):
        results.save_test(saved, name, "c", "c", [judged(tmp_path / f"{name}-c", predictions(0.9, 2))])
    page.write_report("b", sets, ["first", "better", "untaught", "later"], saved, tmp_path / "b.md")
    text = (tmp_path / "b.md").read_text()
    order = [text.index(part) for part in ("`better`:", "`first`:", "From random weights", "`untaught`:")]
    assert order == sorted(order)
    assert "Not run yet: untaught (c), later." in text
    assert "| `untaught`: about untaught | 3, - |" in text
    assert "**+0." in text
    assert (tmp_path / "images" / "b.png").read_bytes().startswith(b"\x89PNG")


def test_a_row_of_fewer_folds_is_held_against_the_same_folds(scripts, tmp_path):
    results, page = scripts
    saved = tmp_path / "saved"
    for name, skill, count in (("first", 0.6, 3), ("short", 1.5, 2), ("worse", 0.1, 2), ("untaught", 1.8, 2)):
        folds = [predictions(skill + k, k, start=120 * k) for k in range(count)]
        runs = [judged(tmp_path / name / f"repeat0-fold{k}", fold) for k, fold in enumerate(folds)]
        results.save_test(saved, name, "a", "a", runs)
        if name != "worse":
            results.save_test(saved, f"{name}-two", "a", "a", runs[:2])
        model = {"backbone": "tiny", "frontend": "rgb", "test_time_flip": False}
        known = {"about": f"about {name}", "options": [], "model": model, "image_size": 32}
        facts = known | {"pretrained": name != "untaught"}
        write_json(saved / name / "facts.json", facts | {"epochs": {"a": 3}, "robustness": {}})
    assert fits.tiny_detector()
    own, apart, n = page.measure(saved, "short", "first", ["a"])
    _, wanted, _ = page.measure(saved, "short-two", "first-two", ["a"])
    assert n == 240
    assert apart[0] == pytest.approx(wanted[0])
    np.testing.assert_allclose(apart[1], wanted[1])
    assert apart[0] != pytest.approx(own[0] - page.measure(saved, "first", "first", ["a"])[0][0])
    sets = [type("DataSet", (), {"name": "a", "folds": 3})()]
    page.write_report("b", sets, ["first", "worse", "short", "untaught"], saved, tmp_path / "b.md")
    text = (tmp_path / "b.md").read_text()
    assert "`short`: about short (2 of 3 folds of a, n 240)" in text
    parts = (
        "`first`:",
        "At reduced length,",
        "`short`:",
        "`worse`:",
        "At reduced length and from random",
        "`untaught`:",
    )
    order = [text.index(part) for part in parts]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Nothing is saved of recipe"),
        (["--against", "strong"], "Nothing is saved of strong, which all others are held against"),
        (["--against", "nobody"], "has no row nobody; there are: recipe, strong"),
    ],
)
def test_nothing_run_and_rows_that_there_are_not_are_said(options, said, tmp_path):
    command = [sys.executable, SCRIPTS / "leaderboard.py", "report", "--saved", tmp_path, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.parametrize("plan", ["leaderboard", "ablation"])
def test_every_row_of_a_plan_is_a_fit_that_is_understood(plan, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import leaderboard

    from dfdetect import ensemble
    from dfdetect.cli import DetectorCLI
    from dfdetect.runs import make_plan

    class Parsed(Exception):  # noqa: N818, it ends a program that has said enough
        pass

    def stop(self) -> None:
        raise Parsed

    monkeypatch.setattr(DetectorCLI, "before_instantiate_classes", stop)
    monkeypatch.setenv("DFDETECT_WEIGHTS", "weights")
    _, rows = leaderboard.read_plan(SCRIPTS / f"{plan}.yaml")
    assert rows[0].name == "recipe"
    for row in rows:
        if row.members:
            assert set(row.members) < {other.name for other in rows if not other.members}
            ensemble._parser("ensemble").parse_args([*row.members, *row.options])
            continue
        with pytest.raises(Parsed):
            DetectorCLI(make_plan("fit", row.options), Path())
    assert "weights/mobilenet_v2_imagenet.pth" in rows[0].options
    assert json.dumps(rows[0].written).count("$DFDETECT_WEIGHTS") == 1


def calls_of(leaderboard, monkeypatch, folder: Path) -> list[list[str]]:
    """What is asked of dfdetect, with paths within the folder; instead of doing it, what it would leave is left."""
    said: list[list[str]] = []

    def call(arguments):
        words = " ".join(arguments).replace(f"{folder}/", "").replace("--run=", "--run ").split()
        said.append(words)
        place = folder / words[words.index("--run") + 1]
        for name in ("metrics.json", "robustness.json") if words[0] == "test" else ("checkpoints/best.ckpt",):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).touch()

    monkeypatch.setattr(leaderboard, "call", call)
    return said


@pytest.mark.parametrize("folds", [0, 5])
def test_only_the_first_fold_is_trained_for_other_data_where_results_lie_without_runs(
    folds, scripts, tmp_path, monkeypatch
):
    import leaderboard

    monkeypatch.setenv("DFDETECT_DATA", str(tmp_path / "data"))
    said = calls_of(leaderboard, monkeypatch, tmp_path)
    one, row = leaderboard.DataSet("set", folds, "given"), leaderboard.Row("a", "one", ["--config", "demo"])
    both = leaderboard.Row("both", "a and a", [], ("a", "a"))
    name = "/repeat0-fold0" if folds else ""
    fold = "--data.folds=5 --data.fold=0 --data.split_seed=0 --seed_everything=0 " if folds else ""
    data = "--data.root data/set --data.download false --data.split given"
    for _ in range(2):  # the second time there is nothing to do
        assert leaderboard.first_run(row, one, tmp_path) == tmp_path / f"a/set{name}"
        assert leaderboard.first_run(both, one, tmp_path) == tmp_path / f"both/set{name}"
        assert [" ".join(words) for words in said] == [
            f"fit --config demo {data} {fold}--run a/set{name}",
            f"test --run a/set{name}",
            f"ensemble a/set{name} a/set{name} --run both/set{name}",
            f"test --run both/set{name}",
        ]


def test_at_reduced_length_only_the_first_folds_are_trained(scripts, tmp_path, monkeypatch):
    import leaderboard

    monkeypatch.setenv("DFDETECT_DATA", str(tmp_path / "data"))
    said = calls_of(leaderboard, monkeypatch, tmp_path)
    one, row = leaderboard.DataSet("set", 5, "given"), leaderboard.Row("a", "one", ["--config", "demo"])
    data = "--data.root data/set --data.download false --data.split given"
    for _ in range(2):  # the second time there is nothing to do
        folder = leaderboard.train(row, one, tmp_path, 2)
        assert sorted(run.name for run in folder.iterdir()) == ["repeat0-fold0", "repeat0-fold1"]
        assert [" ".join(words) for words in said] == [
            call
            for k in range(2)
            for call in (
                f"fit --config demo {data} --data.folds=5 --data.fold={k} --data.split_seed=0 --seed_everything=0 "
                f"--run a/set/repeat0-fold{k}",
                f"test --run a/set/repeat0-fold{k}",
            )
        ]


@pytest.mark.parametrize("kept", [2, 5])
def test_folds_that_are_missing_are_run(kept, scripts, tmp_path, monkeypatch):
    results, _ = scripts
    import leaderboard

    one, row = leaderboard.DataSet("set", 5), leaderboard.Row("a", "one", [])
    folds = [judged(tmp_path / f"repeat0-fold{k}", predictions(1.0, k, start=120 * k)) for k in range(5)]
    results.save_test(tmp_path / "saved", "a", "set", "set", folds[:kept])
    asked = []

    def train(row, one, out, wanted):
        asked.append(wanted)
        return tmp_path

    monkeypatch.setattr(leaderboard, "train", train)
    monkeypatch.setattr(leaderboard, "save_facts", lambda *_: None)
    leaderboard.run([one], [row], tmp_path / "out", tmp_path / "saved", 2)
    leaderboard.run([one], [row], tmp_path / "out", tmp_path / "saved")
    assert asked == ([5] if kept == 2 else [])
    assert len(results.read_test(tmp_path / "saved", "a", "set").folds) == 5


@pytest.mark.parametrize("folds", [0, 2])
def test_an_ensemble_joins_its_members_fold_by_fold(folds, scripts, tmp_path, monkeypatch):
    import leaderboard

    said = calls_of(leaderboard, monkeypatch, tmp_path)
    row, one = leaderboard.Row("both", "a and b", ["--method", "mean"], ("a", "b")), leaderboard.DataSet("set", folds)
    with pytest.raises(SystemExit, match="both joins a, which is not trained on set"):
        leaderboard.join(row, one, tmp_path)
    names = [f"/repeat0-fold{k}" for k in range(folds)] or [""]
    for name in names:
        for member in row.members:
            judged(tmp_path / f"{member}/set{name}", predictions(1.0, 0))
    assert leaderboard.join(row, one, tmp_path) == tmp_path / "both" / "set"
    wanted = []
    for name in names:
        wanted.append(["ensemble", f"a/set{name}", f"b/set{name}", "--run", f"both/set{name}", "--method", "mean"])
        wanted.append(["test", "--run", f"both/set{name}", *(["--robustness"] if name == names[0] else [])])
    assert said == wanted
    leaderboard.join(row, one, tmp_path)
    assert said == wanted, "what is done is not done again"
