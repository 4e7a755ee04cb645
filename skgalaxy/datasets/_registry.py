"""What is published where: source, licence, citation and size of the data sets fetched.

Nobody has yet downloaded these files through skgalaxy. Addresses, sizes and checksums are as
public documents give them, `RemoteFile.found_in` says which, and ``verified`` is False until the
file has been fetched from its address and its checksum compared. Where no checksum could be found,
or only one that nothing confirms, there is none here: the first download is then trusted and its
SHA256 recorded beside it.
"""

from dataclasses import dataclass

__all__ = ["GALAXY_ZOO_2", "GZ_DECALS", "Published", "RemoteFile"]


@dataclass(frozen=True)
class RemoteFile:
    """A file to download, and how far to trust what is said of it."""

    name: str
    url: str
    size: str  # as reported, for people
    found_in: str
    checksum: str | None = None  # "md5:..." or "sha256:..."
    verified: bool = False


@dataclass(frozen=True)
class Published:
    """A published data set: its files, and whom to thank."""

    name: str
    fetcher: str  # the public function
    dialect: str  # of its tables, for `read_votes`
    id_column: str
    title: str
    tables: dict[str, RemoteFile]
    images: tuple[RemoteFile, ...]
    homepage: str
    licence: str
    citation: str

    def describe(self):
        """Return source, licence, citation and files as text."""
        files = "\n".join(
            f"  {file.name}, {file.size}, {'verified' if file.verified else 'not verified'}; "
            f"{file.checksum or 'no checksum known'}\n    {file.url}\n    found in {file.found_in}"
            for file in (*self.tables.values(), *self.images)
        )
        return (
            f"{self.title}\n{'-' * len(self.title)}\nSource: {self.homepage}\n"
            f"Licence: {self.licence}\nCite: {self.citation}\nFiles:\n{files}\n"
        )


ZENODO_GZ2 = "https://zenodo.org/records/3565489/files"
ZENODO_DECALS = "https://zenodo.org/records/4573248/files"

GALAXY_ZOO_2 = Published(
    name="galaxy_zoo_2",
    fetcher="fetch_galaxy_zoo2",
    dialect="gz2",
    id_column="dr7objid",
    title="Galaxy Zoo 2: SDSS images of the original sample, votes of Hart et al. 2016",
    tables={
        "votes": RemoteFile(
            name="gz2_hart16.csv.gz",
            url="https://gz2hart.s3.amazonaws.com/gz2_hart16.csv.gz",
            size="size not reported, some 240,000 rows",
            found_in="download scripts of several public repositories, which name "
            "https://data.galaxyzoo.org as their source",
        ),
        "mapping": RemoteFile(
            name="gz2_filename_mapping.csv",
            url=f"{ZENODO_GZ2}/gz2_filename_mapping.csv?download=1",
            size="355,990 rows",
            found_in="download scripts of several public repositories; checksum in two of them",
            checksum="md5:7e28465e6dfbf96c0d828c595a5bbd80",
        ),
    },
    images=(
        RemoteFile(
            name="images_gz2.zip",
            url=f"{ZENODO_GZ2}/images_gz2.zip?download=1",
            size="3.4 GB, 243,434 JPEGs of 424 x 424 pixels",
            found_in="the source of galaxy-datasets, which checks the same checksum, and others "
            "(another version of the same source has a different one)",
            checksum="md5:bc647032d31e50c798770cf4430525c7",
        ),
    ),
    homepage="https://doi.org/10.5281/zenodo.3565489 and https://data.galaxyzoo.org",
    licence="images reported as CC BY 4.0 (second hand); the table's page asks for citation and "
    "is reported to state no licence",
    citation="Willett et al. 2013, MNRAS 435, 2835, doi:10.1093/mnras/stt1458; Hart et al. 2016, "
    "MNRAS 461, 3663, doi:10.1093/mnras/stw1588; and the images' doi:10.5281/zenodo.3565489",
)


def _volunteers(campaign, size):
    name = f"gz_decals_volunteers_{campaign}.csv"
    return RemoteFile(
        name=name,
        url=f"{ZENODO_DECALS}/{name}?download=1",
        size=size,
        found_in="scripts of several public repositories; size in one note, whose checksums "
        "nothing confirms and are left out",
    )


GZ_DECALS = Published(
    name="gz_decals",
    fetcher="fetch_gz_decals",
    dialect="zoobot",
    id_column="iauname",
    title="Galaxy Zoo DECaLS: volunteers' votes on DECaLS DR5 images",
    tables={
        "5": _volunteers("5", "145.8 MB"),
        "1_and_2": _volunteers("1_and_2", "80.8 MB"),
    },
    images=tuple(
        RemoteFile(
            name=f"gz_decals_dr5_png_part{part}.zip",
            url=f"{ZENODO_DECALS}/gz_decals_dr5_png_part{part}.zip?download=1",
            size="a part of four, 104 GB together, PNG of 424 x 424 pixels",
            found_in="file names in the download instructions of a TensorFlow data set; the "
            "address follows that of the tables; size in one note",
        )
        for part in (1, 2, 3, 4)
    ),
    homepage="https://doi.org/10.5281/zenodo.4573248",
    licence="CC BY 4.0, as a copy of the data set on Hugging Face states",
    citation="Walmsley et al. 2022, MNRAS 509, 3966, doi:10.1093/mnras/stab2093; and the data's "
    "doi:10.5281/zenodo.4573248",
)
