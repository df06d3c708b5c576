"""Adapters of classification sets, and of anticipation and timed events in the same layouts; see `layouts`."""

from pathlib import Path

import pytest
from openpyxl import Workbook

from benchmarks.datasets.files import DataSetError
from benchmarks.datasets.shapes import (
    AnticipationSet,
    Clip,
    Event,
    TimedSet,
)
from tests.benchmarks.datasets.layouts import classification, labelled, lay_out, load


def test_kinetics_finds_clips_by_id_and_times(tmp_path: Path) -> None:
    text = "label,youtube_id,time_start,time_end,split\nzumba,-ab_c,7,17,val\nabseiling,xyz,0,10,val\n"
    files = {
        "val.csv": text,
        "val/zumba/-ab_c_000007_000017.mp4": None,
        "val/abseiling/xyz_000000_000010.mp4": None,
    }
    data = classification("kinetics400", lay_out(tmp_path, files))
    assert labelled(data) == [
        ("-ab_c_000007_000017.mp4", "zumba"),
        ("xyz_000000_000010.mp4", "abseiling"),
    ]
    assert data.classes == ("abseiling", "zumba")


def test_ssv2_classes_are_templates_without_brackets(tmp_path: Path) -> None:
    files = {
        "labels/labels.json": {"Holding something": "1", "Closing something": "0"},
        "labels/validation.json": [
            {"id": "74225", "label": "holding a pen", "template": "Holding [something]"}
        ],
        "20bn-something-something-v2/74225.webm": None,
    }
    data = classification("ssv2", lay_out(tmp_path, files))
    assert data.classes == ("Closing something", "Holding something")
    assert labelled(data) == [("74225.webm", "Holding something")]


EPIC = {
    "EPIC_100_validation.csv": (
        "narration_id,video_id,start_timestamp,stop_timestamp,verb_class,noun_class\n"
        "P01_11_0,P01_11,00:00:00.50,00:00:01.89,0,1\n"
        "P01_11_1,P01_11,00:01:04.25,00:01:05.00,1,0\n"
    ),
    "EPIC_100_verb_classes.csv": "id,key,instances,category\r\n0,take,\"['take', 'get']\",x\r\n1,put-down,[],x\r\n",
    "EPIC_100_noun_classes.csv": "id,key,instances,category\r\n0,plate,[],x\r\n1,board:chopping,[],x\r\n",
    "P01/videos/P01_11.MP4": None,
}


def test_epic_kitchens_names_actions_verbs_and_nouns(tmp_path: Path) -> None:
    lay_out(tmp_path, EPIC)
    actions = classification("epic100", tmp_path)
    assert actions.classes == ("put down plate", "take chopping board")
    assert actions.clips[1] == Clip(tmp_path / "P01/videos/P01_11.MP4", 64.25, 65.0)
    assert labelled(actions)[0] == ("P01_11.MP4", "take chopping board")
    assert classification("epic100-verb", tmp_path).classes == ("take", "put down")
    assert classification("epic100-noun", tmp_path).labels == (1, 0)


def test_epic_anticipation_ends_before_the_action(tmp_path: Path) -> None:
    data = load("anticipation", "epic100-anticipation", lay_out(tmp_path, EPIC))
    assert isinstance(data, AnticipationSet)
    found = [(future.horizon, future.context.start, future.context.end) for future in data.futures]
    assert found == [
        ("1 s", 59.25, 63.25),
        ("2 s", 58.25, 62.25),
        ("4 s", 56.25, 60.25),
        ("10 s", 50.25, 54.25),
    ]
    assert {data.classes[future.label] for future in data.futures} == {"put down plate"}
    assert data.named == 8


TAKE = "takes/unc_1/frame_aligned_videos"


EGO = {
    "takes.json": [{"take_uid": "u-1", "take_name": "unc_1"}, {"take_uid": "u-2", "take_name": "unc_2"}],
    "annotations/keystep_val.json": {
        "annotations": {
            "u-1": {
                "take_name": "unc_1",
                "segments": [{"start_time": 0.8, "end_time": 3.2, "step_name": "Unbox", "step_unique_id": 3}],
            }
        },
        "vocabulary": {"2": "Read", "3": "Unbox"},
    },
    "annotations/atomic_descriptions_val.json": {
        "annotations": {
            "u-1": [
                {"rejected": True, "descriptions": [{"timestamp": 0.0, "text": "bad"}]},
                {
                    "rejected": False,
                    "descriptions": [
                        {"timestamp": 4.0, "text": "C lifts a pan."},
                        {"timestamp": 1.5, "text": "C opens a box."},
                    ],
                },
            ],
            "u-2": [{"rejected": False, "descriptions": [{"timestamp": 0.0, "text": "no video"}]}],
        }
    },
    f"{TAKE}/cam01.mp4": None,
    f"{TAKE}/aria01_214-1.mp4": None,
    f"{TAKE}/downscaled/448/aria01_214-1.mp4": None,
}


def test_egoexo4d_key_steps_are_seen_by_the_wearer(tmp_path: Path) -> None:
    data = classification("egoexo4d", lay_out(tmp_path, EGO))
    assert data.classes == ("Read", "Unbox")
    assert data.labels == (1,)
    assert data.clips == (Clip(tmp_path / TAKE / "downscaled/448/aria01_214-1.mp4", 0.8, 3.2),)


def test_egoexo4d_descriptions_are_timed_events(tmp_path: Path) -> None:
    data = load("selective-decoding", "egoexo4d-descriptions", lay_out(tmp_path, EGO))
    assert isinstance(data, TimedSet)
    assert data.videos[0].events == (Event(1.5, 1.5, "C opens a box."), Event(4.0, 4.0, "C lifts a pan."))
    assert (len(data.videos), data.named) == (1, 2)


@pytest.fixture
def coin(tmp_path: Path) -> Path:
    book = Workbook()
    sheet = book.create_sheet("target_action_mapping")
    sheet.append(["Target Id", "Target Label", "Action Id", "Action Label"])
    sheet.append([0, "UseNetiPot", 65, "wash the pot"])
    sheet.append([0, "UseNetiPot", 66, "pour  water"])
    sheet.append([1, "PerformCPR", 67, "press"])
    book.save(tmp_path / "taxonomy.xlsx")

    def video(subset: str) -> dict[str, object]:
        parts = [
            {"id": "66", "segment": [5.0, 9.0], "label": "pour"},
            {"id": "65", "segment": [1.0, 4.0], "label": "wash"},
        ]
        return {"class": "UseNetiPot", "subset": subset, "start": 0.5, "end": 9.5, "annotation": parts}

    database = {"database": {"yt-1": video("testing"), "yt-2": video("training")}}
    return lay_out(tmp_path, {"COIN.json": database, "videos/3/yt-1.mp4": None, "videos/3/yt-2.mp4": None})


def test_coin_has_steps_and_tasks(coin: Path) -> None:
    path = coin / "videos/3/yt-1.mp4"
    steps = classification("coin-step", coin)
    assert steps.classes == ("wash the pot", "pour water", "press")
    assert steps.clips == (Clip(path, 1.0, 4.0), Clip(path, 5.0, 9.0))
    assert steps.labels == (0, 1)
    tasks = classification("coin-task", coin)
    assert tasks.classes == ("use neti pot", "perform cpr")
    assert tasks.clips == (Clip(path, 0.5, 9.5),)


def test_coin_next_step_is_seen_from_the_step_before(coin: Path) -> None:
    data = load("anticipation", "coin-next-step", coin)
    assert isinstance(data, AnticipationSet)
    (future,) = data.futures
    assert (future.context.start, future.context.end) == (1.0, 4.0)
    assert data.classes[future.label] == "pour water"


def test_crosstask_has_steps_and_tasks(tmp_path: Path) -> None:
    release = "crosstask_release"
    files = {
        f"{release}/tasks_primary.txt": (
            "16815\nMake Jello Shots\nhttps://w\n2\npour water,stir\n\n"
            "23521\nMake Rice\nhttps://w\n2\npour water,add rice\n\n"
        ),
        f"{release}/videos_val.csv": "16815,abc,https://y\n23521,de-f,https://y\n99,other,https://y\n",
        f"{release}/annotations/16815_abc.csv": "2,10.5,12.0\n1,3.0,9.0\n",
        "videos/abc.mp4": None,
        "videos/de-f.mp4": None,
    }
    lay_out(tmp_path, files)
    steps = classification("crosstask-step", tmp_path)
    assert steps.classes == ("pour water", "stir", "add rice")  # one wording, one class
    assert [(clip.start, clip.end) for clip in steps.clips] == [(10.5, 12.0), (3.0, 9.0)]
    assert steps.labels == (1, 0)
    tasks = classification("crosstask-task", tmp_path)
    assert tasks.classes == ("Make Jello Shots", "Make Rice")
    assert [(clip.start, clip.end) for clip in tasks.clips] == [(3.0, 12.0), (None, None)]


@pytest.mark.parametrize(("name", "split"), [("ucf101", 1), ("ucf101-split2", 2), ("ucf101-split3", 3)])
def test_ucf101_takes_the_test_list(tmp_path: Path, name: str, split: int) -> None:
    files: dict[str, object] = {
        f"ucfTrainTestlist/testlist0{number}.txt": f"ApplyEyeMakeup/v_ApplyEyeMakeup_g0{number}_c01.avi\n"
        for number in (1, 2, 3)
    }
    files["ucfTrainTestlist/classInd.txt"] = "1 ApplyEyeMakeup\n2 YoYo\n"
    files |= {f"UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g0{number}_c01.avi": None for number in (1, 2, 3)}
    data = classification(name, lay_out(tmp_path, files))
    assert data.classes == ("apply eye makeup", "yo yo")
    assert labelled(data) == [(f"v_ApplyEyeMakeup_g0{split}_c01.avi", "apply eye makeup")]


@pytest.mark.parametrize(("name", "video"), [("hmdb51", "a#b(c)_1.avi"), ("hmdb51-split2", "x.avi")])
def test_hmdb51_takes_what_is_marked_as_test(tmp_path: Path, name: str, video: str) -> None:
    lists = "testTrainMulti_7030_splits"
    files = {
        f"{lists}/ride_bike_test_split1.txt": "a#b(c)_1.avi 2 \nx.avi 1 \ny.avi 0 \n",
        f"{lists}/ride_bike_test_split2.txt": "x.avi 2 \n",
        "ride_bike/a#b(c)_1.avi": None,
        "ride_bike/x.avi": None,
    }
    lay_out(tmp_path, files)
    assert labelled(classification(name, tmp_path)) == [(video, "ride bike")]
    with pytest.raises(DataSetError, match=r"has no lists \*_test_split3\.txt"):
        classification("hmdb51-split3", tmp_path)


def test_imagenet_samples_have_the_classes_in_order_of_their_ids(tmp_path: Path) -> None:
    prompts = "annotations/clip_prompts"
    files = {
        f"{prompts}/en_classnames.json": {"imagenet1k": ["tench", "missile", "missile"]},
        f"{prompts}/en_zeroshot_classification_templates.json": {"imagenet1k": ["a {c}.", "the {c}."]},
        "samples/images/n02_projectile.webp": None,
        "samples/images/n01_tench.webp": None,
        "samples/images/n03_missile.webp": None,
    }
    lay_out(tmp_path, files)
    data = classification("imagenet-samples", tmp_path / "samples")
    assert labelled(data) == [
        ("n01_tench.webp", "tench"),
        ("n02_projectile.webp", "missile"),
        ("n03_missile.webp", "missile"),
    ]
    assert (data.classes, data.templates) == (("tench", "missile"), ("a photo of a {}.",))
    assert classification("imagenet-samples-80", tmp_path / "samples").templates == ("a {}.", "the {}.")


def test_caltech101_leaves_the_background_out(tmp_path: Path) -> None:
    files = {
        "101_ObjectCategories/car_side/image_0001.jpg": None,
        "101_ObjectCategories/ant/image_0001.jpg": None,
        "101_ObjectCategories/BACKGROUND_Google/image_0001.jpg": None,
    }
    data = classification("caltech101", lay_out(tmp_path, files))
    assert data.classes == ("ant", "car side")
    assert [clip.path.parent.name for clip in data.clips] == ["ant", "car_side"]
