"""Decision trees in TOML files: what is written is read, and bad files are refused by name."""

import pytest

from skgalaxy.votes import GZ2, GZ_DECALS, DecisionTree, read_tree, write_tree

TEXTS = {
    "disc": {
        "text": 'A "disc"?\n',
        "help": "Ünïcode \\ \x7f \x01 \u2028",
        "translations": {"de": {"text": "Scheibe?"}, "pt-br": {"text": "Disco?", "help": "Ajuda"}},
        "answers": {"yes": {"text": "Yes", "translations": {"de": {"text": "Ja"}}}},
    },
    "arms": {"answers": {"2": {"help": "Two."}}},
}
TREE = DecisionTree(
    {"disc": ["yes", "no"], "arms": ["1", "2"], "odd": ["a'b", '"c"']},
    asked_after={"arms": ["disc_yes"], "odd": ["disc_yes", "disc_no"]},
    name="A [tree] = #1",
    texts=TEXTS,
)


@pytest.mark.parametrize("tree", [TREE, GZ2, GZ_DECALS], ids=lambda tree: tree.name)
def test_what_is_written_is_read(tree, tmp_path):
    write_tree(tree, tmp_path / "tree.toml")
    again = read_tree(tmp_path / "tree.toml")
    assert again == tree
    assert again.to_dict() == tree.to_dict()
    assert DecisionTree(**tree.to_dict()).to_dict() == tree.to_dict()


def test_texts():
    assert TREE.text("disc", language="de") == "Scheibe?"
    assert TREE.text("disc", language="fr") == 'A "disc"?\n'
    assert TREE.text("disc", "yes", language="de") == "Ja"
    assert TREE.text("disc", "no", language="de") == "no"
    assert TREE.text("arms") == "arms"
    assert TREE.help("disc", language="pt-br") == "Ajuda"
    assert TREE.help("disc", language="de") == TEXTS["disc"]["help"]
    assert (TREE.help("arms", "2"), TREE.help("arms", "1")) == ("Two.", "")


def test_questions_in_any_order(tmp_path):
    (tmp_path / "tree.toml").write_bytes(
        b'\xef\xbb\xbfname = "T"\n[[questions]]\nname = "b"\nasked_after = ["a_y"]\n'
        b'answers = ["1", "2"]\n[[questions]]\nname = "a"\nanswers = ["y", "n"]\n'
    )
    assert read_tree(tmp_path / "tree.toml").questions == ("a", "b")


def questions(*tables):
    return 'name = "T"\n' + "\n".join(f"[[questions]]\n{table}" for table in tables)


A, AB = 'name = "a"\nanswers = ["y", "n"]', 'name = "b"\nanswers = ["y", "n"]\nasked_after = '


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "T"\nquestions = \n', r"must be a TOML file. Got '.*tree.toml': .*line 2"),
        ('name = "T"\nname = "U"', "must be a TOML file"),
        ("name = 7", "`questions` of the file must be tables"),
        (questions(A).replace('"T"', "7"), "`name` of the file must be text. Got 7"),
        (questions(A) + "\n[tree]", "keys of the file must be among name, questions. Got 'tree'"),
        (questions(A + "\nanswer = 1"), "keys of question 'a' must be among .* Got 'answer'"),
        (questions('answers = ["y"]'), "`name` of questions 1 must be text. Got None"),
        (questions('name = "a"'), "`answers` of question 'a' must be a list of them. Got None"),
        (questions('name = "a"\nanswers = []'), "`answers` of question 'a' must be a list"),
        (questions('name = "a"\nanswers = ["y", 1]'), "Answer 2 of question 'a' must be a name"),
        (questions('name = "a"\nanswers = ["y", "y"]'), "each answer once. Got 'y' twice"),
        (questions('name = "a"\nanswers = ["y", "y "]'), "answer 2 .* with a blank. Got 'y '"),
        (questions('name = " a"\nanswers = ["y"]'), "questions 1 must .* with a blank. Got ' a'"),
        (
            questions('name = "a"\nanswers = [{name = "y", hint = "?"}]'),
            "keys of answer 'y' of question 'a' must be among name, text.* Got 'hint'",
        ),
        (questions(A, A), "question 'a' must be there once. Got it twice"),
        (questions(A, AB + '["a_x"]'), "of question 'b' must name answers in the file.* Got 'a_x'"),
        (questions(A, AB + "[]"), "or left out if everyone is asked. Got "),
        (questions(A, AB + '"a_y"'), "`asked_after` of question 'b' must be a list"),
        (questions(A + '\nasked_after = ["b_y"]', AB + '["a_y"]'), "in a circle.* questions a, b"),
        (questions(A + '\nasked_after = ["a_y"]'), "in a circle"),
        (questions(A + "\ntext = 7"), r"`texts\['a'\]\['text'\]` must be text.* Got 7"),
        (questions(A + '\ntranslations.de = "x"'), r"\['translations'\]\['de'\]` must be a dict"),
        (questions(A + '\ntranslations.de.txt = "x"'), "may have the keys text, help. Got 'txt'"),
        (
            questions('name = "a"\nanswers = ["b_c"]', 'name = "a_b"\nanswers = ["c"]'),
            "Got 'a_b_c' for 'a_b' and for 'a'",
        ),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    (tmp_path / "tree.toml").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_tree(tmp_path / "tree.toml")
    assert "tree.toml" in str(error.value)


def test_bad_paths_and_encodings_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="`path` must be an existing file"):
        read_tree(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes('name = "é"'.encode("latin-1"))
    with pytest.raises(ValueError, match="must be text in UTF-8"):
        read_tree(tmp_path / "latin.toml")
    with pytest.raises(TypeError, match="`tree` must be a DecisionTree"):
        write_tree({"a": ["y"]}, tmp_path / "tree.toml")
    assert not (tmp_path / "tree.toml").exists()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"bars": {}}, "`texts` may have the keys disc. Got 'bars'"),
        ({"disc": {"answers": {"perhaps": {}}}}, "may have the keys yes, no. Got 'perhaps'"),
        ({"disc": "A disc?"}, r"`texts\['disc'\]` must be a dict"),
        ({"disc": {"text": " "}}, "must be text that can be read"),
    ],
)
def test_bad_texts_are_refused(texts, message):
    with pytest.raises((TypeError, ValueError), match=message):
        DecisionTree({"disc": ["yes", "no"]}, texts=texts)


def test_unknown_answers_have_no_text():
    with pytest.raises(ValueError, match="`answer` to 'disc' must be one of yes, no"):
        TREE.text("disc", "perhaps")
    with pytest.raises(ValueError, match="`question` must be one of"):
        TREE.help("bars")
