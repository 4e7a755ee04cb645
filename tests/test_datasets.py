"""Galaxies with votes: a folder of files."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skgalaxy.datasets import load_galaxy_zoo

BIG_ID = 587722981746540704  # odd in its last bits: a float64 cannot hold it


# load_galaxy_zoo


def table():
    """Return three galaxies' votes on two questions."""
    return pd.DataFrame(
        {
            "asset_id": [f"{BIG_ID + 1 + i}" for i in range(3)],
            "smooth-or-featured_smooth": [10, 3, 30],
            "smooth-or-featured_featured-or-disk": [30, 36, 4],
            "smooth-or-featured_artifact": [0, 1, 6],
            "smooth-or-featured_total-votes": [40, 40, 40],
            "bar_yes": [7, 0, 1],
            "bar_no": [2, 30, 1],
            "bar_total-votes": [9, 30, 2],
            "petro_r": [14.2, 15.1, 16.9],
        }
    )


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three galaxies, grey levels 0, 80 and 160."""
    return write_folder(tmp_path, table())


def write_folder(path, frame, id_column="asset_id", suffix="png"):
    (path / "images").mkdir(exist_ok=True)
    frame.to_csv(path / "votes.csv", index=False)
    for i, name in enumerate(frame[id_column].astype(str)):
        image = Image.new("RGB", (300, 300), (80 * i,) * 3)
        image.putpixel((150, 150), (255, 255, 255))  # a star: without it nothing is to be seen
        image.save(path / "images" / f"{name}.{suffix}")
    return path


def test_each_row_has_its_own_image_votes_and_id(folder):
    galaxies = load_galaxy_zoo(folder, image_size=8)
    assert galaxies.images.shape == (3, 8, 8)
    np.testing.assert_array_equal(galaxies.images[:, 4, 4], [0, 80, 160])
    np.testing.assert_array_equal(galaxies.votes, [[30, 40], [36, 40], [4, 40]])
    assert galaxies.votes.dtype == np.int64
    assert [path.stem for path in galaxies.paths] == list(galaxies.ids)
    assert (galaxies.question, galaxies.answer) == ("smooth-or-featured", "featured-or-disk")
    assert galaxies.column == "smooth-or-featured_featured-or-disk"
    assert str(folder) in galaxies.DESCR


def test_ids_are_text_to_the_last_digit(folder):
    galaxies = load_galaxy_zoo(folder, image_size=8)
    assert list(galaxies.ids) == [f"{BIG_ID + 1 + i}" for i in range(3)]
    assert list(galaxies.frame["asset_id"]) == list(galaxies.ids)


def test_return_X_y_and_grey(folder):
    images, votes = load_galaxy_zoo(folder, image_size=8, color=False, return_X_y=True)
    assert images.shape == (3, 8, 8)
    np.testing.assert_array_equal(votes[:, 1], 40)


@pytest.mark.parametrize(
    ("answer", "column"),
    [
        ("bar_yes", "bar_yes"),
        ("yes", "bar_yes"),
        ("featured-or-disk", "smooth-or-featured_featured-or-disk"),
        ("smooth", "smooth-or-featured_smooth"),
        ("art", "smooth-or-featured_artifact"),
    ],
)
def test_answer_by_column_name_or_beginning(folder, answer, column):
    galaxies = load_galaxy_zoo(folder, answer=answer, image_size=8)
    assert galaxies.column == column
    np.testing.assert_array_equal(galaxies.votes[:, 0], table()[column])


def test_exact_answer_beats_a_beginning(tmp_path):
    frame = table().rename(columns={"bar_yes": "bar_no-idea"})
    galaxies = load_galaxy_zoo(write_folder(tmp_path, frame), answer="no", image_size=8)
    assert galaxies.column == "bar_no"


def test_total_is_the_questions_own(folder):
    votes = load_galaxy_zoo(folder, answer="yes", image_size=8).votes
    np.testing.assert_array_equal(votes[:, 1], [9, 30, 2])


def test_total_is_the_sum_of_answers_if_there_is_no_column(tmp_path):
    folder = write_folder(tmp_path, table().drop(columns="bar_total-votes"))
    votes = load_galaxy_zoo(folder, answer="yes", image_size=8).votes
    np.testing.assert_array_equal(votes, [[7, 9], [0, 30], [1, 2]])


def test_images_without_a_row_are_ignored(folder):
    Image.new("RGB", (300, 300)).save(folder / "images" / "stranger.jpg")
    assert len(load_galaxy_zoo(folder, image_size=8).ids) == 3


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "JPG", "tif", "webp", "gif", "bmp"])
def test_suffixes(tmp_path, suffix):
    folder = write_folder(tmp_path, table(), suffix=suffix)
    assert len(load_galaxy_zoo(folder, image_size=8).images) == 3


@pytest.mark.parametrize("suffix", ["fits", "fit.gz"])
def test_fits_in_nested_folders(folder, suffix):
    fits = pytest.importorskip("astropy.io.fits")
    for path in list((folder / "images").iterdir()):
        below = folder / "images" / path.stem[-1]
        below.mkdir()
        fits.writeto(below / f"{path.stem}.{suffix}", np.asarray(Image.open(path).convert("L")))
        path.unlink()
    galaxies = load_galaxy_zoo(folder, image_size=8)
    assert list(galaxies.ids) == list(table()["asset_id"])
    assert [path.parent.name for path in galaxies.paths] == [id_[-1] for id_ in galaxies.ids]


def test_two_images_of_one_galaxy(folder):
    name = f"{BIG_ID + 1}"
    Image.new("RGB", (300, 300)).save(folder / "images" / f"{name}.jpg")
    with pytest.raises(ValueError, match=rf"`image_folder` must .* Got '{name}.jpg' and '{name}.p"):
        load_galaxy_zoo(folder)


def test_id_column_is_the_first_that_names_files(tmp_path):
    frame = table()
    frame["dr7objid"] = ["007", "008", "009"]
    galaxies = load_galaxy_zoo(write_folder(tmp_path, frame, "dr7objid"), image_size=8)
    assert list(galaxies.ids) == ["007", "008", "009"]


@pytest.mark.parametrize("id_column", ["objid", "iauname", "ID_STR"])
def test_id_columns_are_those_of_read_votes(tmp_path, id_column):
    frame = table().rename(columns={"asset_id": id_column})
    galaxies = load_galaxy_zoo(write_folder(tmp_path, frame, id_column), image_size=8)
    assert list(galaxies.ids) == list(galaxies.frame[id_column]) == list(frame[id_column])


def test_no_id_column_names_files(tmp_path):
    folder = write_folder(tmp_path, table())
    frame = table().assign(dr7objid="9", asset_id="8")
    frame.to_csv(folder / "votes.csv", index=False)
    with pytest.raises(FileNotFoundError, match=r"Row 0 \(dr7objid 9, asset_id 8\) has none, nor"):
        load_galaxy_zoo(folder)
    frame.assign(asset_id=["1.0", "2.0", "3.0"]).to_csv(folder / "votes.csv", index=False)
    with pytest.raises(ValueError, match=r"`asset_id` must be text or integers: .* Got 1.0 in"):
        load_galaxy_zoo(folder)


def test_frame_is_as_pandas_reads_it(tmp_path):
    frame = table().assign(
        barred=[True, False, True],
        flux=["1e-12", "", "nan"],
        kind=["none", "", "NA"],
        number=["7", "x", ""],
        nothing="",
    )
    write_folder(tmp_path, frame)
    text = (tmp_path / "votes.csv").read_text().replace("nothing", "petro_r", 1)
    (tmp_path / "votes.csv").write_text(text)
    loaded = load_galaxy_zoo(tmp_path, image_size=8).frame
    read = pd.read_csv(tmp_path / "votes.csv", dtype={"asset_id": str})
    pd.testing.assert_frame_equal(loaded, read)
    assert list(loaded.columns[-6:]) == ["petro_r", "barred", "flux", "kind", "number", "petro_r.1"]


@pytest.mark.parametrize("kind", ["parquet", "fits"])
def test_tables_of_other_formats(folder, kind):
    frame = table().astype({"asset_id": np.int64})
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(folder / "votes", index=False)
    else:
        astropy = pytest.importorskip("astropy.table").Table.from_pandas(frame)
        astropy["spectrum"] = np.ones((3, 2))
        astropy.write(folder / "votes", format="fits")
    galaxies = load_galaxy_zoo(folder, votes_file="votes", answer="yes", image_size=8)
    np.testing.assert_array_equal(galaxies.votes, [[7, 9], [0, 30], [1, 2]])
    assert list(galaxies.ids) == list(table()["asset_id"])
    pd.testing.assert_frame_equal(galaxies.frame[list(frame)], frame)


def test_byte_order_mark_is_no_part_of_a_name(folder):
    text = (folder / "votes.csv").read_text()
    (folder / "votes.csv").write_text(text, encoding="utf-8-sig")
    assert len(load_galaxy_zoo(folder, image_size=8).ids) == 3


def spoil(column, row, value):
    frame = table().astype({column: object})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "smooth-or-featured_featured-or-disk",
            41,
            r"Got 45 of 40 in row 1 of '.*votes.csv' \(id 58772.*706\)",
        ),
        (
            "smooth-or-featured_featured-or-disk",
            -2,
            r"whole numbers >= 0.* Got -2 in row 1 .*\(asset",
        ),
        ("smooth-or-featured_featured-or-disk", 0.5, r"whole numbers >= 0.* Got 0.5 in row 1"),
        ("smooth-or-featured_featured-or-disk", "many", "must be numbers. Got 'many' in row 1"),
        ("smooth-or-featured_total-votes", None, r"Got 40 of 0 in row 1 of"),
        ("asset_id", None, "`asset_id` must be given in every row. Got none in row 1"),
        ("asset_id", f"{BIG_ID + 1}", r"must not repeat. Got 587722981746540705 in rows 0, 1"),
    ],
)
def test_bad_rows_are_named(tmp_path, column, value, message):
    with pytest.raises(ValueError, match=message):
        load_galaxy_zoo(write_folder(tmp_path, spoil(column, 1, value)))


class TestRowsWithoutAnImage:
    """A table may be larger than its folder: its other rows are left out, and said to be."""

    def test_are_left_out(self, folder):
        (folder / "images" / f"{BIG_ID + 2}.png").unlink()
        message = rf"1 of the 3 rows of '.*votes.csv' have no .* row 1 \(asset_id {BIG_ID + 2}\)"
        with pytest.warns(UserWarning, match=message) as caught:
            galaxies = load_galaxy_zoo(folder, image_size=8)
        assert [warning.filename for warning in caught] == [__file__]
        np.testing.assert_array_equal(galaxies.images[:, 4, 4], [0, 160])
        np.testing.assert_array_equal(galaxies.votes, [[30, 40], [4, 40]])
        assert list(galaxies.ids) == [f"{BIG_ID + 1}", f"{BIG_ID + 3}"]
        assert [path.stem for path in galaxies.paths] == list(galaxies.ids)
        whole = table().drop(index=1).reset_index(drop=True)
        pd.testing.assert_frame_equal(galaxies.frame, whole)
        assert galaxies.n_without_image == 1
        assert "2 galaxies" in galaxies.DESCR
        assert "because they have no image: 1." in galaxies.DESCR

    def test_are_left_out_of_X_and_y(self, folder):
        (folder / "images" / f"{BIG_ID + 1}.png").unlink()
        with pytest.warns(UserWarning, match="The first is row 0"):
            images, votes = load_galaxy_zoo(folder, image_size=8, return_X_y=True)
        assert len(images) == len(votes) == 2

    def test_none_is_left_out(self, folder):
        galaxies = load_galaxy_zoo(folder, image_size=8)  # warnings are errors
        assert galaxies.n_without_image == 0
        assert "because they have no image: 0." in galaxies.DESCR

    def test_are_checked_all_the_same(self, tmp_path):
        folder = write_folder(tmp_path, spoil("smooth-or-featured_smooth", 1, -2))
        (folder / "images" / f"{BIG_ID + 2}.png").unlink()
        with pytest.raises(ValueError, match="Got -2 in row 1"):
            load_galaxy_zoo(folder, answer="smooth")

    def test_the_id_column_is_the_one_with_the_most_images(self, tmp_path):
        """Numbers from 1 also name a few images of objects with small numbers."""
        frame = table().assign(id_str=["1", "2", "3"], asset_id=["12", "3", "40"])
        folder = write_folder(tmp_path, frame)
        galaxies = load_galaxy_zoo(folder, image_size=8)
        assert list(galaxies.ids) == ["12", "3", "40"]

    def test_no_row_has_one(self, folder):
        for path in (folder / "images").iterdir():
            path.unlink()
        with pytest.raises(FileNotFoundError, match="No row of the table of votes has an image"):
            load_galaxy_zoo(folder)


class TestBrokenImages:
    """One image that is damaged or shows nothing does not end the folder: it is named."""

    def spoil(self, folder, i, content=None):
        path = folder / "images" / f"{BIG_ID + i}.png"
        if content is None:
            Image.new("RGB", (300, 300), (7, 7, 7)).save(path)
        else:
            path.write_bytes(content)

    @pytest.mark.parametrize("content", [None, b"no image"])
    def test_are_left_out(self, folder, content):
        whole = load_galaxy_zoo(folder, image_size=8)
        self.spoil(folder, 2, content)
        message = rf"1 of the 3 images in '.*images' are broken or .*{BIG_ID + 2}\.png"
        with pytest.warns(UserWarning, match=message) as caught:
            galaxies = load_galaxy_zoo(folder, image_size=8)
        assert [warning.filename for warning in caught] == [__file__]
        for name in ("images", "votes", "ids"):
            np.testing.assert_array_equal(galaxies[name], whole[name][[0, 2]])
        assert galaxies.paths == [whole.paths[0], whole.paths[2]]
        assert list(galaxies.frame["asset_id"]) == list(galaxies.ids)
        assert galaxies.broken["id"].to_list() == [f"{BIG_ID + 2}"]
        assert galaxies.broken["path"].to_list() == [str(whole.paths[1])]
        assert "broken or shows nothing: 1." in galaxies.DESCR

    def test_beside_rows_without_an_image(self, folder):
        (folder / "images" / f"{BIG_ID + 1}.png").unlink()
        self.spoil(folder, 3)
        with pytest.warns(UserWarning, match="are left out"):
            galaxies = load_galaxy_zoo(folder, image_size=8)
        assert list(galaxies.ids) == [f"{BIG_ID + 2}"]
        assert galaxies.broken["id"].to_list() == [f"{BIG_ID + 3}"]
        np.testing.assert_array_equal(galaxies.votes, [[36, 40]])

    def test_all(self, folder):
        for i in (1, 2, 3):
            self.spoil(folder, i)
        with pytest.raises(
            ValueError, match=r"Got 3 in '.*images', all broken or empty; the first"
        ):
            load_galaxy_zoo(folder)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            "spiral",
            r"'spiral', which names none .*'smooth-or-featured_smooth'.*'bar_yes', 'bar_no'",
        ),
        (
            "smooth-or-featured",
            r"is a whole question: .*_smooth', .*_featured-or-disk', .*artifact",
        ),
        ("petro_r", "names none"),
        ("bar_total-votes", "names none"),
        ("", "must name one answer as text. Got ''"),
        (None, "must name one answer as text. Got None"),
    ],
)
def test_name_of_no_answer(folder, answer, message):
    with pytest.raises(ValueError, match=message):
        load_galaxy_zoo(folder, answer=answer)


def test_name_of_several_answers(tmp_path):
    frame = table().assign(**{"edge_yes": 0, "edge_no": 1, "edge_total-votes": 1})
    with pytest.raises(ValueError, match="several answers: 'bar_yes', 'edge_yes'"):
        load_galaxy_zoo(write_folder(tmp_path, frame), answer="yes")


def test_missing_folder_table_images_and_ids(folder):
    with pytest.raises(FileNotFoundError, match="`folder` must be an existing folder"):
        load_galaxy_zoo(folder / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"No table of votes '.*counts.csv'"):
        load_galaxy_zoo(folder, votes_file="counts.csv")
    with pytest.raises(FileNotFoundError, match=r"No folder of images '.*pictures'"):
        load_galaxy_zoo(folder, image_folder="pictures")
    table().drop(columns="asset_id").to_csv(folder / "votes.csv", index=False)
    with pytest.raises(
        ValueError, match=r"must have an id column: id_str, dr7objid, .*asset_id, .*Got smooth-or"
    ):
        load_galaxy_zoo(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold a table. Got an empty file"),
        ("asset_id,bar_yes,bar_total-votes\n", "must hold at least one galaxy. Got none"),
    ],
)
def test_empty_table(folder, text, message):
    (folder / "votes.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_galaxy_zoo(folder, answer="yes")


def test_crop_larger_than_the_images(folder):
    with pytest.raises(ValueError, match=r"crop=301 .* 300 x 300"):
        load_galaxy_zoo(folder, crop=301)


def test_the_real_galaxies(shared_data):
    galaxies = load_galaxy_zoo(shared_data / "galaxy_zoo_2", image_size=16)
    assert galaxies.images.shape == (800, 16, 16)
    known = {"68": (15, 38), "442": (10, 41), "1129": (7, 35), "1626": (4, 61)}
    rows = [list(galaxies.ids).index(name) for name in known]
    np.testing.assert_array_equal(galaxies.votes[rows], list(known.values()))
    assert galaxies.frame["dr7objid"].iloc[0] == "587722981746540704"
    # The galaxy is in the middle, brighter than the edge unless a star is there.
    middle, edge = (
        galaxies.images[:, 6:10, 6:10].mean((1, 2)),
        galaxies.images[:, 0].mean(1),
    )
    assert (middle > edge).mean() > 0.99


def test_the_published_fractions_are_the_same_votes(shared_data):
    folder = shared_data / "galaxy_zoo_2"
    for answer in ("featured", "smooth"):
        counts = load_galaxy_zoo(folder, answer=answer, image_size=8)
        fractions = load_galaxy_zoo(
            folder, answer=answer, votes_file="hart16_rows.csv", image_size=8
        )
        np.testing.assert_array_equal(fractions.votes, counts.votes)
        np.testing.assert_array_equal(fractions.ids, counts.ids)
