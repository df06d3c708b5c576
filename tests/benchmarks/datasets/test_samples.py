"""Every adapter on a small data set in its published layout. Media are empty files: adapters only look for them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from openpyxl import Workbook

from benchmarks.datasets import registry
from benchmarks.datasets.files import DataSetError, MediaFolder, clock, find_file, read_table, words
from benchmarks.datasets.shapes import (
    AnticipationSet,
    ClassificationSet,
    Clip,
    Event,
    QuestionSet,
    RetrievalSet,
    StateChangeSet,
    TimedSet,
    TripletSet,
)
from tests.conftest import REPOSITORY
from tests.media_factory import make_video


def lay_out(folder: Path, files: Mapping[str, object]) -> Path:
    """Write files: texts as they are, other documents as JSON, None as an empty file of media."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.touch()
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def load(task: str, name: str, folder: Path) -> object:
    return registry.find(task, name).load(folder)


def retrieval(name: str, folder: Path) -> RetrievalSet:
    data = load("retrieval", name, folder)
    assert isinstance(data, RetrievalSet)
    return data


def classification(name: str, folder: Path) -> ClassificationSet:
    data = load("classification", name, folder)
    assert isinstance(data, ClassificationSet)
    return data


def questions(name: str, folder: Path) -> QuestionSet:
    data = load("questions", name, folder)
    assert isinstance(data, QuestionSet)
    return data


def labelled(data: ClassificationSet) -> list[tuple[str, str]]:
    """(file, label) of each clip."""
    return [
        (clip.path.name, data.classes[label]) for clip, label in zip(data.clips, data.labels, strict=True)
    ]


# --- Retrieval ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";"])
def test_msrvtt_1ka_with_either_separator(tmp_path: Path, separator: str) -> None:
    rows = [("key", "vid_key", "video_id", "sentence"), ("ret0", "msr9", "video9", "a man; a dog, a cat")]
    quoted = separator.join(f'"{cell}"' for cell in rows[1])
    text = f"{separator.join(rows[0])}\r\n{quoted}\r\nret1{separator}msr7{separator}video7{separator}gone\r\n"
    lay_out(tmp_path, {"MSRVTT_JSFUSION_test.csv": text, "videos/all/video9.mp4": None})
    data = retrieval("msrvtt-1ka", tmp_path)
    assert data.clips == (Clip(tmp_path / "videos/all/video9.mp4"),)
    assert (data.captions, data.owners, data.named) == (("a man; a dog, a cat",), (0,), 2)


@pytest.mark.parametrize(
    ("name", "file"), [("msrvtt-full", "msrvtt_caption_test.json"), ("msvd", "msvd_caption_test.json")]
)
def test_captions_of_several_people(tmp_path: Path, name: str, file: str) -> None:
    rows = [{"video": "a_1_2.avi", "caption": ["one", "two "]}, {"video": "b.avi", "caption": ["three"]}]
    lay_out(tmp_path, {file: rows, "v/a_1_2.mp4": None, "v/b.avi": None})
    data = retrieval(name, tmp_path)
    assert [clip.path.name for clip in data.clips] == ["a_1_2.mp4", "b.avi"]
    assert (data.captions, data.owners) == (("one", "two", "three"), (0, 0, 1))


@pytest.mark.parametrize(("name", "file"), [("didemo", "test_data.json"), ("didemo-val", "val_data.json")])
def test_didemo_joins_the_descriptions_of_a_video(tmp_path: Path, name: str, file: str) -> None:
    rows = [
        {"video": "1@N01_2_ab.mov", "description": "a bird flies.", "times": [[0, 0]]},
        {"video": "3@N00_4_cd.3gp", "description": "rain"},
        {"video": "1@N01_2_ab.mov", "description": "it lands"},
    ]
    lay_out(tmp_path, {file: rows, "1@N01_2_ab.mp4": None, "3@N00_4_cd.3gp": None})
    data = retrieval(name, tmp_path)
    assert data.captions == ("a bird flies. it lands", "rain")
    assert data.clips[0] == Clip(tmp_path / "1@N01_2_ab.mp4", 0.0, 30.0)


def test_activitynet_joins_the_sentences(tmp_path: Path) -> None:
    rows = {"v_a-b": {"duration": 9.0, "timestamps": [[0, 1], [1, 9]], "sentences": [" One.", "Two. "]}}
    lay_out(tmp_path, {"val_1.json": rows, "v_a-b.mkv": None})
    assert retrieval("activitynet", tmp_path).captions == ("One. Two.",)


def test_youcook2_has_parts_of_videos(tmp_path: Path) -> None:
    text = "end,start,task,text,video_id\n60,47,226,pick the ends off,xH-8\n89,67,226,mix,xH-8\n"
    lay_out(tmp_path, {"validation_youcook.csv": text, "validation/226/xH-8.webm": None})
    path = tmp_path / "validation/226/xH-8.webm"
    assert retrieval("youcook2", tmp_path).clips == (Clip(path, 47.0, 60.0), Clip(path, 67.0, 89.0))


def test_pvd_bench_takes_captions_by_humans(tmp_path: Path) -> None:
    files = {
        "test/0/1.json": {"human_caption": "a street", "model_caption": "x"},
        "test/0/1.mp4": None,
        "test/0/2.json": {"human_caption": None, "model_caption": "x"},
        "test/0/2.mp4": None,
    }
    data = retrieval("pvd-bench", lay_out(tmp_path, files))
    assert (data.captions, data.named) == (("a street",), 1)


def test_pvd_bench_asks_for_its_shards_to_be_unpacked(tmp_path: Path) -> None:
    lay_out(tmp_path, {"test/000000.tar": None})
    with pytest.raises(DataSetError, match=r"unpack the tar shards.*facebook/PE-Video"):
        retrieval("pvd-bench", tmp_path)


def test_dream_1k_takes_the_reference(tmp_path: Path) -> None:
    def part(reference: str | None) -> dict[str, object]:
        return {"content": [{"reference": reference, "text": "t"}]}

    lines = [json.dumps({"messages": [part(None), part(f"video {n}")], "vid": n}) for n in (1, 2)]
    lay_out(tmp_path, {"DREAM-1k.jsonl": "\n".join(lines), "video/1.mp4": None, "video/2.mp4": None})
    data = retrieval("dream-1k", tmp_path)
    assert [(clip.path.stem, text) for clip, text in zip(data.clips, data.captions, strict=True)] == [
        ("1", "video 1"),
        ("2", "video 2"),
    ]


def test_vdc_1k_takes_the_detailed_caption(tmp_path: Path) -> None:
    row = {"video_name": "x.1.mp4", "video_id": "x", "detailed_caption": "long", "short_caption": "s"}
    lay_out(tmp_path, {"VDC_1k.jsonl": json.dumps(row) + "\n\n", "videos/x.1.mp4": None})
    assert retrieval("vdc-1k", tmp_path).captions == ("long",)


def test_flickr8k_takes_the_split(tmp_path: Path) -> None:
    files = {
        "Flickr8k.token.txt": "1_a.jpg#0\tone\n1_a.jpg#1\tuno\n2_b.jpg#0\ttwo\n",
        "Flickr_8k.testImages.txt": "2_b.jpg\n",
        "Flickr_8k.devImages.txt": "1_a.jpg\n",
        "images/1_a.webp": None,
        "images/2_b.webp": None,
    }
    lay_out(tmp_path, files)
    assert retrieval("flickr8k", tmp_path).captions == ("two",)
    assert retrieval("flickr8k-dev", tmp_path).captions == ("one", "uno")


def test_panda70m_has_a_pool_without_games(tmp_path: Path) -> None:
    text = "file\tcaption\tcategory\na.1.mp4\ta rhino\tAnimal\nb.2.mp4\ta game\tGaming and 3D Rendering\n"
    lay_out(tmp_path, {"MANIFEST.tsv": text, "a.1.mp4": None, "b.2.mp4": None})
    data = retrieval("panda70m", tmp_path)
    assert data.subsets == {"without 'Gaming and 3D Rendering'": frozenset([0])}


# --- Classification -------------------------------------------------------------------------------------


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


# --- Questions ------------------------------------------------------------------------------------------


def test_gqa_takes_its_candidates_from_training(tmp_path: Path) -> None:
    def question(answer: str) -> dict[str, object]:
        return {
            "imageId": "n1",
            "question": "Is it red?",
            "answer": answer,
            "types": {"structural": "verify"},
        }

    files = {"testdev_balanced_questions.json": {"1": question("yes")}, "images/n1.jpg": None}
    lay_out(tmp_path, files)
    assert questions("gqa", tmp_path).candidates == ("yes",)
    lay_out(tmp_path, {"train_balanced_questions.json": {"2": question("no"), "3": question("yes")}})
    data = questions("gqa", tmp_path)
    assert data.candidates == ("no", "yes")
    assert (data.questions[0].answers, data.questions[0].kind) == (("yes",), "verify")


def test_tallyqa_counts_to_fifteen(tmp_path: Path) -> None:
    rows = [
        {"image": "VG_100K_2/1.jpg", "question": "How many?", "answer": 3, "issimple": False},
        {"image": "VG_100K/1.jpg", "question": "How many?", "answer": 0, "issimple": True},
    ]
    lay_out(tmp_path, {"test.json": rows, "VG_100K_2/1.jpg": None, "VG_100K/1.jpg": None})
    data = questions("tallyqa", tmp_path)
    assert len(data.candidates) == 16
    assert [(q.answers, q.kind) for q in data.questions] == [(("3",), "complex"), (("0",), "simple")]
    assert [clip.path.parent.name for clip in data.clips] == ["VG_100K_2", "VG_100K"]


@pytest.mark.parametrize(("name", "stem"), [("pope", "coco_pope"), ("repope", "coco_repope")])
def test_pope_reads_lines_and_arrays(tmp_path: Path, name: str, stem: str) -> None:
    row = {"question_id": 1, "image": "COCO_val2014_000000310196.jpg", "text": "Is it?", "label": "yes"}
    files: dict[str, object] = {
        f"{stem}_random.json": json.dumps(row) + "\r\n" + json.dumps(row) + "\r\n",
        f"{stem}_popular.json": [row],
        f"annotations/{stem}_adversarial.json": [row],
        "val2014/COCO_val2014_000000310196.jpg": None,
    }
    data = questions(name, lay_out(tmp_path, files))
    assert [q.kind for q in data.questions] == ["random", "random", "popular", "adversarial"]
    assert (data.candidates, data.scoring, len(data.clips)) == (("yes", "no"), "yes/no", 1)


def test_vqav2_has_ten_answers(tmp_path: Path) -> None:
    def annotation(number: int) -> dict[str, object]:
        answers = [{"answer": "net"}] * 9 + [{"answer": "mesh"}]
        return {
            "question_id": number,
            "answer_type": "other",
            "multiple_choice_answer": "net",
            "answers": answers,
        }

    asked = {"question_id": 7, "image_id": 42, "question": "What is it?"}
    files = {
        "v2_OpenEnded_mscoco_val2014_questions.json": {"questions": [asked]},
        "v2_mscoco_val2014_annotations.json": {"annotations": [annotation(7)]},
        "v2_mscoco_train2014_annotations.json": {"annotations": [annotation(8)]},
        "val2014/COCO_val2014_000000000042.jpg": None,
    }
    data = questions("vqav2", lay_out(tmp_path, files))
    assert data.questions[0].answers == ("net",) * 9 + ("mesh",)
    assert (data.candidates, data.scoring, data.known) == (("net",), "vqa", (("other", "net"),))


def test_daquar_leaves_longer_answers_out(tmp_path: Path) -> None:
    heading = "question,answer,image_id\n"
    files = {
        "data_eval.csv": heading + 'what,table,image1\nwhat,"cup, pen",image1\n',
        "data_train.csv": heading + "what,chair,image2\nwhat,chair,image2\n",
        "images/image1.webp": None,
    }
    data = questions("daquar", lay_out(tmp_path, files))
    assert [question.answers for question in data.questions] == [("table",)]
    assert data.candidates == ("chair",)
    assert data.note.startswith("1 questions with longer answers are left out")


def test_coco5k_asks_about_held_out_pictures_alone(tmp_path: Path) -> None:
    rows = [
        {
            "image": f"COCO_train2014_{n:012d}.jpg",
            "question": "what",
            "answer": str(n),
            "answer_type": "other",
        }
        for n in range(60)
    ]
    files: dict[str, object] = {"vqav2_on_coco5k.jsonl": "\n".join(map(json.dumps, rows))}
    files |= {f"images/COCO_train2014_{n:012d}.webp": None for n in range(60)}
    data = questions("coco5k", lay_out(tmp_path, files))
    assert 3 < len(data.questions) < 25
    assert not {q.answers[0] for q in data.questions} & set(data.candidates)
    assert len(data.questions) + len(data.candidates) == 60


# --- Texts, states, times -------------------------------------------------------------------------------


def test_sugarcrepe_pp_has_five_subsets(tmp_path: Path) -> None:
    row = {"id": 0, "caption": "a", "caption2": "b", "negative_caption": "c"}
    names = ("replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
    data = load(
        "hard-negatives", "sugarcrepe-pp", lay_out(tmp_path, {f"{name}.json": [row] for name in names})
    )
    assert isinstance(data, TripletSet)
    assert len({triplet.subset for triplet in data.triplets}) == len(data.triplets) == 5
    assert (data.triplets[0].first, data.triplets[0].second, data.triplets[0].negative) == ("a", "b", "c")


def test_visla_reads_both_kinds_of_columns(tmp_path: Path) -> None:
    close, far = "Best reference (Semantically close)", "Reference-2 (Completely irrelevant)"
    files = {
        "Generic_VISLA.tsv": "filename\tcaption\tsecond positive\tnegative_caption\r\n1.jpg\ta\tb\tc\r\n",
        "Spatial_VISLA.tsv": f'image\tsent1\tsent2\t{close}\t{far}\r\n1.jpg\td\te"\tf\tg\r\n',
    }
    data = load("hard-negatives", "visla", lay_out(tmp_path, files))
    assert isinstance(data, TripletSet)
    assert [(t.first, t.second, t.negative, t.subset) for t in data.triplets] == [
        ("a", "b", "c", "generic"),
        ("d", 'e"', "f", "spatial"),
    ]


def test_world_prediction_needs_every_segment(tmp_path: Path) -> None:
    def row(*actions: str) -> dict[str, object]:
        candidates = [{"segment_uid": f"segment|COIN|{name}"} for name in actions]
        return {"states": {"segment_uid": "segment|COIN|s_000"}, "candidates": candidates, "answer": 1}

    make_video(tmp_path / "segment_COIN_s_000.mp4", seconds=2.0, gop=10)
    files = {"worldprediction_wm.json": [row("a_1", "b_2"), row("a_1", "gone")], "a_1.mp4": None}
    lay_out(tmp_path, {**files, "segment|COIN|b_2.mp4": None})
    data = load("world-prediction", "worldprediction-wm", tmp_path)
    assert isinstance(data, StateChangeSet)
    (change,) = data.changes
    assert (change.initial.start, change.initial.end) == (0.0, 0.5)
    assert change.final.start == pytest.approx(1.5, abs=0.05)
    assert [clip.path.name for clip in change.actions] == ["a_1.mp4", "segment|COIN|b_2.mp4"]
    assert (change.answer, data.named) == (1, 2)


def test_world_prediction_must_say_what_is_right(tmp_path: Path) -> None:
    row = {"states": {"segment_uid": "s"}, "candidates": [{"segment_uid": "a"}]}
    lay_out(tmp_path, {"worldprediction_wm.json": [row]})
    with pytest.raises(DataSetError, match="question 1 does not say which candidate is right"):
        load("world-prediction", "worldprediction-wm", tmp_path)


def test_long_timed_sorts_events(tmp_path: Path) -> None:
    heading = "file\tstart_s\tend_s\tcaption\n"
    text = f"{heading}a.mp4\t5\t6.5\t(2nd annotator) later\na.mp4\t0\t5\tsooner\n"
    data = load("selective-decoding", "long-timed", lay_out(tmp_path, {"MANIFEST.tsv": text, "a.mp4": None}))
    assert isinstance(data, TimedSet)
    assert data.videos[0].events == (Event(0.0, 5.0, "sooner"), Event(5.0, 6.5, "later"))
    assert data.videos[0].events[1].middle == 5.75


# --- What they share ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [entry for entry in registry.ENTRIES if not entry.made],
    ids=lambda entry: f"{entry.task}:{entry.name}",
)
def test_a_missing_file_is_named_with_its_source(entry: registry.Entry, tmp_path: Path) -> None:
    with pytest.raises(DataSetError) as caught:
        entry.load(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message
    source = entry.source if "prompts" not in message and "classnames" not in message else "perception_models"
    assert source in message


def test_every_data_set_is_documented() -> None:
    page = (REPOSITORY / "docs" / "datasets.md").read_text(encoding="utf-8")
    missing = [entry.name for entry in registry.ENTRIES if f"`{entry.name}`" not in page]
    assert not missing


def test_annotation_files_are_found_a_little_further_down(tmp_path: Path) -> None:
    lay_out(tmp_path, {"b/c/d/list.csv": "deep", "b/a/list.csv": "nearer", "b/c/d/e/other.csv": "too deep"})
    assert find_file(tmp_path, "list.csv") == tmp_path / "b/a/list.csv"
    assert find_file(tmp_path, "none.csv", "list.csv") == tmp_path / "b/a/list.csv"
    assert find_file(tmp_path, "other.csv") is None
    lay_out(tmp_path, {"annotations/list.csv": "usual"})
    assert find_file(tmp_path, "list.csv") == tmp_path / "annotations/list.csv"


def test_media_are_found_by_path_then_by_stem(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a/x.mp4": None, "b/x.mp4": None, "a/only.webp": None, "a/only.txt": "no medium"})
    media = MediaFolder(tmp_path, source="s")
    assert media.find("b/x.mp4") == tmp_path / "b/x.mp4"
    assert media.find("x.mp4") is None  # two files have that name
    assert media.find("only.jpg") == media.find("only") == tmp_path / "a/only.webp"
    assert media.find("gone.jpg") is None


def test_no_media_at_all_is_an_error(tmp_path: Path) -> None:
    lay_out(tmp_path, {"msvd_caption_test.json": [{"video": "a.avi", "caption": ["x"]}]})
    with pytest.raises(DataSetError, match=r"none of the media is here, such as a\.avi; they come from MSVD"):
        retrieval("msvd", tmp_path)


def test_a_damaged_annotation_file_is_named(tmp_path: Path) -> None:
    lay_out(tmp_path, {"msvd_caption_test.json": "[{", "MSRVTT_JSFUSION_test.csv": "a,b\n1,2\n"})
    with pytest.raises(DataSetError, match=r"msvd_caption_test\.json: not valid JSON"):
        retrieval("msvd", tmp_path)
    with pytest.raises(DataSetError, match=r"has no column 'sentence'"):
        retrieval("msrvtt-1ka", tmp_path)


def test_small_readers(tmp_path: Path) -> None:
    assert words("BlowDryHair") == words("blow_dry_hair") == "blow dry hair"
    assert words("PerformCPR") == "perform cpr"
    assert clock("00:01:02.45") == pytest.approx(62.45)
    path = tmp_path / "t.csv"
    path.write_text("\ufeffa;b\n1;2\n", encoding="utf-8")
    assert read_table(path, ("a", "b"), separators=",;") == [{"a": "1", "b": "2"}]
