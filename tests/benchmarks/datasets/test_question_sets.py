"""Adapters of question sets on a small data set in its published layout; see `layouts`."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.datasets.layouts import lay_out, questions


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
